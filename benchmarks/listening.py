"""What it costs that a study listens for a hand: the search of the race, with tiles that listen and tiles that don't.

Both sides train the same trials to the same bits. They take turns in one process on one core, many short runs each, so
that what else the machine does falls on both; of each run the search alone is measured, by the clock and by the time
that this process had the core, which what else runs here does not lengthen. A side that does not listen shows no curves
while it trains either.
"""

from __future__ import annotations

import logging
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from scipy.stats import binom
from typing_extensions import override

import ikura
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table
from benchmarks.workload import WORKLOADS, Workload
from ikura.study import tile_queue
from ikura.study.record.progress import Progress

__all__ = ["main"]

SIDES = ("listening", "deaf")
AIM = 0.01
"""The share of the time that listening may take."""
TRIALS = {"tiny": 100, "small": 12}
"""Trials of a run, which then takes about a second."""


CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


class _Clocks(Progress):
    """Takes the time of a search."""

    @override
    def start(self, stage: str, total: int) -> None:
        self.began = {name: clock() for name, clock in CLOCKS.items()}

    @override
    def finish(self) -> None:
        self.seconds = {name: clock() - self.began[name] for name, clock in CLOCKS.items()}


def _run(
    workload: Workload, data: Any, trials: int, epochs: int, seed: int, out: Path
) -> tuple[dict[str, float], list[float]]:
    """Carry out one search: its seconds by each clock, and the last dev scores."""
    clocks = _Clocks()
    study = ikura.tune(
        data, search="random", schedule="none", finalists=0, space=workload.space(), trials=trials, epochs=epochs,
        seed=seed, jobs=1, out=out,
        progress=clocks,
    )  # fmt: skip
    scores = study.curves().groupby("number")["dev_score"].last().tolist()
    shutil.rmtree(out)
    return clocks.seconds, scores


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
        By clock: seconds of each run's search by side, and by how much more of them listening takes: in each round,
        the median, and its 95 % interval.

    Raises:
        SystemExit: they did not come to the same scores.
    """
    workload, listener = WORKLOADS[name], tile_queue.StoreListener
    data, deaf = workload.data(), lambda *_: None
    seconds: dict[str, dict[str, list[float]]] = {clock: {side: [] for side in SIDES} for clock in CLOCKS}
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
                for clock in CLOCKS if turn >= 0 else ():
                    seconds[clock][side].append(spent[clock])
            if turn % 10 == 9:
                say(f"{name}: {turn + 1} of {rounds} rounds")
    if any(one != scores[0] for one in scores):
        raise SystemExit("the sides did not come to the same scores")
    found: dict[str, Any] = {"workload": name, "trials": trials, "epochs": epochs, "aim": AIM, "clocks": {}}
    for clock, sides in seconds.items():
        more = [one / other - 1 for one, other in zip(sides["listening"], sides["deaf"], strict=True)]
        figures = {"search": sides, "more": more, "median": statistics.median(more), "interval": interval(more)}
        found["clocks"][clock] = figures
    return found


def text(every: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    rows = [
        [
            one["workload"],
            clock,
            *(statistics.median(figures["search"][side]) for side in SIDES),
            f"{100 * figures['median']:.2f} %",
            " to ".join(f"{100 * end:.2f}" for end in figures["interval"]),
        ]
        for one in every
        for clock, figures in one["clocks"].items()
    ]
    names = ["workload", "clock", *(f"{side}, s" for side in SIDES), "more, median", "95 % interval, %"]
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
