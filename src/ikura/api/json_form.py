"""A study's result as JSON values: what `ikura tune --json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ikura.json_values import JsonObject
from ikura.study.record.record import Record
from ikura.study.record.study_tables import row_of
from ikura.study.record.trial import Purpose

if TYPE_CHECKING:
    from ikura.checks import Checks
    from ikura.diagnose.findings import Findings
    from ikura.study.record.result import Best, Test

__all__ = ["json_form"]

HOW = "bootstrap bias correction over the dev examples"
"""How the dev score is corrected for having been picked."""


def json_form(record: Record, checks: Checks | None, findings: Findings | None) -> JsonObject:
    """Write a study's result as JSON values.

    Args:
        record: of the study.
        checks: what the quick checks found, if they were made.
        findings: what was diagnosed, if it was.
    """
    best, test = record.best, record.test
    told = findings.as_dict() if findings else {}
    return {
        "run": str(record.place),
        "task": record.task,
        "positive": record.setting.positive,
        "rows": record.summary.get("rows"),
        "trials": record.store.count(purpose=Purpose.SEARCH, parent=None),
        "best": best and _chosen(best, record.setting.metric),
        "test": test and _tested(test),
        "ensemble": _ensemble(record),
        "baselines": [asdict(one) for one in record.baselines],
        "calibration": record.calibration and asdict(record.calibration),
        "reliability": record.reliability and asdict(record.reliability),
        "intervals": record.intervals and asdict(record.intervals),
        "bounds": record.bounds and asdict(record.bounds),
        "measures": record.measures.to_dict("records"),
        "widened": [{**asdict(one), "stage": stage.name} for stage in record.stages for one in stage.widened],
        "seconds": record.seconds,
        "diverged": record.diverged,
        "frozen": record.frozen,
        **asdict(record.account),
        "infeasible": record.infeasible,
        "objectives": record.objectives,
        "pareto": _front(record) if record.setting.objectives else [],
        "choice": record.choice and asdict(record.choice),
        "rounds": [asdict(one) for one in record.rounds],
        "decisions": [asdict(one) for one in record.decisions],
        "checks": checks and checks.to_json(),
        "diagnosis": told.get("diagnosis"),
        "prescriptions": told.get("prescriptions", []),
    }


def _tested(test: Test) -> JsonObject:
    form: JsonObject = {
        "metric": test.metric,
        "value": test.value,
        "interval": list(test.interval),
        "note": test.note,
    }
    if test.targets:
        form["targets"] = [{**asdict(one), "interval": list(one.interval)} for one in test.targets]
    return form


def _chosen(best: Best, metric: str) -> JsonObject:
    corrected: JsonObject | None = None
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
        "changed": best.changed,
    }


def _ensemble(record: Record) -> JsonObject | None:
    """The ensemble, and one network beside it on the test set; None where none was asked for."""
    found = record.ensemble
    if found is None:
        return None
    metric, against, again = record.setting.metric, record.against_one, record.refitted
    members = [{**asdict(one), "refitted": one.trial in again} for one in found.members]
    scores: JsonObject = {"dev": None, "dev_corrected": None, "gain": None, "interval": None}
    if members:
        scores = {"dev": found.dev, "dev_corrected": found.corrected, "gain": found.gain}
        scores["interval"] = list(found.interval)
    return {
        "used": found.used,
        "note": found.note,
        "metric": metric,
        **scores,
        "candidates": found.candidates,
        "folds": found.folds,
        "out_of_fold": [asdict(one) for one in found.out_of_fold],
        "members": members,
        "one_network": against and asdict(against),
    }


def _front(record: Record) -> list[JsonObject]:
    rows: Any = record.pareto.itertuples()
    return [
        {
            "number": int(one.number),
            "dev": one.dev_score,
            **{name: getattr(one, name) for name in record.setting.objectives},
            "hyperparameters": row_of(record.store, int(one.number)).hyperparameters,
            "chosen": bool(one.chosen),
        }
        for one in rows
    ]
