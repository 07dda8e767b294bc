"""A study's result as JSON values: what `ikura tune --json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ikura.study.record.store import Store
from ikura.study.record.tables import row_of

if TYPE_CHECKING:
    from ikura.api.study import Study
    from ikura.study.record.result import Best

__all__ = ["json_form"]

HOW = "bootstrap bias correction over the dev examples"
"""How the dev score is corrected for having been picked."""


def json_form(study: Study, store: Store) -> dict[str, Any]:
    """Write a study's result as JSON values."""
    best, test, findings = study.best, study.test, study.findings
    return {
        "run": str(study.run),
        "task": study.task,
        "positive": study.setting.positive,
        "rows": study.summary.get("rows"),
        "trials": store.count(purpose="search", parent=None),
        "best": best and _chosen(best, study.setting.metric),
        "test": test
        and {"metric": test.metric, "value": test.value, "interval": list(test.interval), "note": test.note},
        "widened": [{**one, "stage": stage["name"]} for stage in study.regions for one in stage.get("widened", [])],
        "seconds": study.seconds,
        "diverged": study.diverged,
        "frozen": study.frozen,
        **study.account,
        "infeasible": study.infeasible,
        "objectives": study.objectives,
        "pareto": _front(study, store) if study.setting.objectives else [],
        "choice": study.choice,
        "rounds": study.rounds,
        "decisions": study.decisions,
        "checks": study.checks and study.checks.to_json(),
        "diagnosis": findings and findings["diagnosis"],
        "prescriptions": findings["prescriptions"] if findings else [],
    }


def _chosen(best: Best, metric: str) -> dict[str, Any]:
    corrected: dict[str, Any] | None = None
    if best.dev_corrected is not None:
        interval = list(best.corrected_interval or ())
        corrected = {"metric": metric, "value": best.dev_corrected, "interval": interval, "how": HOW}
    return {
        "number": best.number,
        "hyperparameters": best.hyperparameters,
        "dev": {"metric": metric, "value": best.dev, "interval": list(best.interval)},
        "dev_corrected": corrected,
        "next": best.next and asdict(best.next),
        "note": best.note,
    }


def _front(study: Study, store: Store) -> list[dict[str, Any]]:
    return [
        {
            "number": int(row["number"]),
            "dev": row["dev_score"],
            **{name: row[name] for name in study.setting.objectives},
            "hyperparameters": row_of(store, int(row["number"]))["hyperparameters"],
            "chosen": bool(row["chosen"]),
        }
        for row in study.pareto.to_dict("records")
    ]
