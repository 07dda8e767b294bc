"""ikura's side of the race: one call of `ikura.tune`, every trial trained for all its epochs."""

from __future__ import annotations

import json
import time
from pathlib import Path

from benchmarks.output import command

__all__ = ["main"]

started = time.perf_counter()

import numpy as np  # noqa: E402  the clock above measures these imports

import ikura  # noqa: E402
from benchmarks.workload import WORKLOADS  # noqa: E402

tune = ikura.tune
imports = time.perf_counter() - started


def main(arguments: list[str] | None = None) -> None:
    """Run ikura's side and print its results as JSON."""
    parser = command("runner", __doc__ or "", "small --data data.npz --trials 128 --epochs 30 --out runs/race")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("--data", type=Path, required=True, help="arrays x and y (.npz)")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=None, help="tiles at once; by default one for each core")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    given = parser.parse_args(arguments)
    workload = WORKLOADS[given.workload]
    with np.load(given.data) as arrays:
        data = arrays["x"], arrays["y"]
    begun = time.perf_counter()
    study = tune(
        data,
        search="random",
        schedule="none",
        finalists=0,
        space=workload.space(),
        trials=given.trials,
        epochs=given.epochs,
        seed=given.seed,
        jobs=given.jobs,
        out=given.out,
    )
    spent = time.perf_counter() - begun
    trials, curves = study.trials, study.curves()
    complete = trials[trials["state"] == "complete"]
    last = curves.groupby("number")["dev_score"].last()
    names = list(workload.ranges)
    configurations = [
        {name: row[name] for name in names if name in row and not _absent(row[name])}
        for row in trials.to_dict("records")
    ]
    figures = {
        "imports": imports,
        "search": study.seconds["random"],
        "stages": study.seconds,
        "tune": spent,
        "configurations": configurations,
        "epochs": trials["epochs"].tolist(),
        "diverged": study.diverged,
        "best": float(curves["dev_score"].max()),
        "last": last[complete["number"]].tolist(),
    }
    print(json.dumps(figures))


def _absent(value: object) -> bool:
    return value is None or value != value


if __name__ == "__main__":
    main()
