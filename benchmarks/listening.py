"""What it costs that a study listens for a hand: the search of the race, with tiles that listen and tiles that don't.

Both sides train the same trials to the same bits. They take turns in one process on one core, many short runs each, so
that what else the machine does falls on both; of each run the search alone is measured. A side that does not listen
shows no curves while it trains either.
"""

from __future__ import annotations

import logging
import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from scipy.stats import binom

import ikura
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table
from benchmarks.workload import WORKLOADS, Workload
from ikura.study import tile_queue

__all__ = ["main"]

SIDES = ("listening", "deaf")
AIM = 0.01
"""The share of the time that listening may take."""
TRIALS = {"tiny": 100, "small": 12}
"""Trials of a run, which then takes about a second."""


def _run(workload: Workload, data: Any, trials: int, epochs: int, seed: int, out: Path) -> tuple[float, list[float]]:
    """Carry out one search: its seconds, and the last dev scores."""
    study = ikura.tune(
        data, search="random", schedule="none", finalists=0, space=workload.space(), trials=trials, epochs=epochs,
        seed=seed, jobs=1, out=out,
    )  # fmt: skip
    scores = study.curves().groupby("number")["dev_score"].last().tolist()
    shutil.rmtree(out)
    return study.seconds["random"], scores


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of a median, from order statistics.

    Example:
        >>> interval([float(one) for one in range(1, 21)])
        (6.0, 15.0)
    """
    ordered = sorted(values)
    rank = int(binom.ppf(0.025, len(ordered), 0.5))
    return ordered[max(rank - 1, 0)], ordered[min(len(ordered) - rank, len(ordered) - 1)]


def measure(name: str, trials: int, epochs: int, rounds: int, seed: int) -> dict[str, Any]:
    """Let both sides take turns.

    Args:
        name: of the workload.
        trials, epochs: of each run.
        rounds: how many times each side runs.
        seed: of draws, split and networks.

    Returns:
        Seconds of each run's search by side, and by how much more of them listening takes: in each round, the median,
        and its 95 % interval.

    Raises:
        SystemExit: they did not come to the same scores.
    """
    workload, listener = WORKLOADS[name], tile_queue.StoreListener
    data, deaf = workload.data(), lambda *_: None
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    scores: list[list[float]] = []
    with tempfile.TemporaryDirectory() as place:
        for turn in range(-1, rounds):
            for side in SIDES if turn % 2 == 0 else SIDES[::-1]:
                tile_queue.StoreListener = listener if side == "listening" else deaf  # type: ignore[assignment,misc]
                try:
                    spent, last = _run(workload, data, trials, epochs, seed, Path(place) / "run")
                finally:
                    tile_queue.StoreListener = listener  # type: ignore[misc]
                scores.append(last)
                # The first turn compiles, and is not counted.
                seconds[side] += [spent] if turn >= 0 else []
            if turn % 10 == 9:
                say(f"{name}: {turn + 1} of {rounds} rounds")
    if any(one != scores[0] for one in scores):
        raise SystemExit("the sides did not come to the same scores")
    more = [one / other - 1 for one, other in zip(seconds["listening"], seconds["deaf"], strict=True)]
    figures: dict[str, Any] = {"workload": name, "trials": trials, "epochs": epochs, "search": seconds, "more": more}
    return figures | {"median": statistics.median(more), "interval": interval(more), "aim": AIM}


def text(every: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    rows = [
        [
            one["workload"],
            *(statistics.median(one["search"][side]) for side in SIDES),
            f"{100 * one['median']:.2f} %",
            " to ".join(f"{100 * end:.2f}" for end in one["interval"]),
        ]
        for one in every
    ]
    names = ["workload", *(f"{side}, s" for side in SIDES), "more, median", "95 % interval, %"]
    return "\n".join([header(), "", table(names, rows)])


def main(arguments: list[str] | None = None) -> None:
    """Measure what listening costs, and print it."""
    parser = command("listening", __doc__ or "", "", "tiny --rounds 100")
    parser.add_argument("workload", nargs="?", choices=["tiny", "small"], help="which race (both)")
    parser.add_argument("--trials", type=int, help="trials of each run (100, and 12 of small)")
    parser.add_argument("--epochs", type=int, help="epochs of each trial; by default the workload's")
    parser.add_argument("--rounds", type=int, default=60, help="times that both sides run (60)")
    parser.add_argument("--seed", type=int, default=0, help="seed of draws, split and networks (0)")
    given = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    every = []
    for name in (given.workload,) if given.workload else ("tiny", "small"):
        workload = WORKLOADS[name]
        sizes = given.trials or TRIALS[name], given.epochs or workload.epochs
        every.append(measure(name, *sizes, given.rounds, given.seed))
    give({"machine": describe(), "workloads": every}, text(every), given.json)


if __name__ == "__main__":
    main()
