"""The results: what the default command reaches on small tables, seed by seed, against a target."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, describe, header
from benchmarks.output import command, give, say, table

__all__ = ["TABLES", "main", "run"]

TABLES: dict[str, tuple[str, str | None, float]] = {
    "penguins": (str(ROOT / "examples" / "penguins.csv"), "species", 0.97),
    "digits": ("digits", None, 0.97),
    "breast_cancer": ("breast_cancer", None, 0.95),
    "wine": ("wine", None, 0.95),
    "diabetes": ("diabetes", None, 0.40),
}
"""Name to data, target column, and the test score hoped for: accuracy, or R² for diabetes."""


def run(name: str, seed: int, **options: Any) -> dict[str, Any]:
    """Run one default study; its scores, its seconds, and what it tried."""
    import ikura

    data, target, _ = TABLES[name]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        study = ikura.tune(data, target, seed=seed, out=Path(folder) / "run", **options)
        seconds = time.perf_counter() - begun
        best, test = study.best, study.test
        return {
            "table": name,
            "seed": seed,
            "metric": test and test.metric,
            "test": test and test.value,
            "interval": test and list(test.interval),
            "dev": best and best.dev,
            "trials": len(study.trials),
            "diverged": study.diverged,
            "seconds": seconds,
        }


def text(summaries: list[dict[str, Any]], runs: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    seeds = sorted({one["seed"] for one in runs})
    rows = [
        [
            one["table"],
            one["metric"],
            *(next(r["test"] for r in runs if r["table"] == one["table"] and r["seed"] == seed) for seed in seeds),
            one["median"],
            one["target"],
            "yes" if one["reached"] else "no",
            one["median_dev"],
            one["seconds"],
        ]
        for one in summaries
    ]
    names = ["table", "metric", *(f"seed {seed}" for seed in seeds), "median", "target", "reached", "dev", "s a study"]
    return f"test scores of the default study ({header()})\n\n{table(names, rows)}"


def main(arguments: list[str] | None = None) -> None:
    """Run the studies."""
    parser = command("results", __doc__ or "", "", "--seeds 1 --tables wine penguins --json")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, … of each table (5)")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), help="which tables (all)")
    parser.add_argument("--trials", type=int, help="trials; by default ikura's own number")
    parser.add_argument("--epochs", type=int, help="epochs; by default ikura's own number")
    given = parser.parse_args(arguments)
    options = {name: value for name in ("trials", "epochs") if (value := getattr(given, name)) is not None}
    runs, summaries = [], []
    for name in given.tables:
        for seed in range(given.seeds):
            runs.append(run(name, seed, **options))
            say(f"{name}, seed {seed}: test {runs[-1]['test']}, {runs[-1]['seconds']:.1f} s")
        mine = [one for one in runs if one["table"] == name]
        scores = [one["test"] for one in mine if one["test"] is not None]
        median = statistics.median(scores) if scores else None
        devs = [one["dev"] for one in mine if one["dev"] is not None]
        summaries.append(
            {
                "table": name,
                "metric": mine[0]["metric"],
                "median": median,
                "median_dev": statistics.median(devs) if devs else None,
                "target": TABLES[name][2],
                "reached": median is not None and median >= TABLES[name][2],
                "seconds": statistics.median(one["seconds"] for one in mine),
            }
        )
    give({"machine": describe(), "summaries": summaries, "runs": runs}, text(summaries, runs), given.json)


if __name__ == "__main__":
    main()
