"""What it costs that a study listens for a hand: the search of the race, with tiles that listen and tiles that don't.

Both sides train the same trials to the same bits and take turns; a side that does not listen shows no curves while it
trains either. Each run is a process of its own, of which the search alone is measured.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import ROOT, describe, header
from benchmarks.output import command, give, say, table
from benchmarks.workload import WORKLOADS

__all__ = ["main"]

SIDES = ("listening", "deaf")
AIM = 0.01
"""The share of the time that listening may take."""


def _run(arguments: list[str], deaf: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.runner", *arguments, *["--deaf"] * deaf],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"benchmarks.runner failed with code {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(name: str, trials: int, epochs: int, pairs: int, seed: int) -> dict[str, Any]:
    """Let both sides take turns.

    Args:
        name: of the workload.
        trials, epochs: of each run.
        pairs: how many times each side runs.
        seed: of draws, split and networks.

    Returns:
        Seconds of each run's search by side, and by how much more of them listening takes: in each pair, the median.

    Raises:
        SystemExit: a side failed, or they did not come to the same scores.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        x, y = WORKLOADS[name].data()
        np.savez(folder / "data.npz", x=x, y=y)
        shared = [name, "--data", str(folder / "data.npz"), "--seed", str(seed)]
        say(f"{name}: one short run, so that the kernel is in the cache on disk")
        _run([*shared, "--trials", "2", "--epochs", "1", "--out", str(folder / "first")], deaf=False)
        seconds: dict[str, list[float]] = {side: [] for side in SIDES}
        scores = []
        for pair in range(pairs):
            for side in SIDES if pair % 2 == 0 else SIDES[::-1]:
                say(f"{name}: pair {pair + 1} of {pairs}, {side}")
                out = ["--trials", str(trials), "--epochs", str(epochs), "--out", str(folder / f"{side}-{pair}")]
                found = _run([*shared, *out], deaf=side == "deaf")
                seconds[side].append(found["search"])
                scores.append(found["last"])
        if any(one != scores[0] for one in scores):
            raise SystemExit("the sides did not come to the same scores")
    more = [one / other - 1 for one, other in zip(seconds["listening"], seconds["deaf"], strict=True)]
    figures: dict[str, Any] = {"workload": name, "trials": trials, "epochs": epochs, "search": seconds, "more": more}
    return figures | {"median": statistics.median(more), "aim": AIM}


def text(every: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    rows = [
        [one["workload"], *(statistics.median(one["search"][side]) for side in SIDES), f"{100 * one['median']:.2f} %"]
        for one in every
    ]
    return "\n".join([header(), "", table(["workload", *(f"{side}, s" for side in SIDES), "more, median"], rows)])


def main(arguments: list[str] | None = None) -> None:
    """Measure what listening costs, and print it."""
    parser = command("listening", __doc__ or "", "", "tiny --pairs 9")
    parser.add_argument("workload", nargs="?", choices=["tiny", "small"], help="which race (both)")
    parser.add_argument("--trials", type=int, help="trials of each run; by default the workload's")
    parser.add_argument("--epochs", type=int, help="epochs of each trial; by default the workload's")
    parser.add_argument("--pairs", type=int, default=7, help="times that both sides run (7)")
    parser.add_argument("--seed", type=int, default=0, help="seed of draws, split and networks (0)")
    given = parser.parse_args(arguments)
    every = []
    for name in (given.workload,) if given.workload else ("tiny", "small"):
        workload = WORKLOADS[name]
        sizes = given.trials or workload.trials, given.epochs or workload.epochs
        every.append(measure(name, *sizes, given.pairs, given.seed))
    give({"machine": describe(), "workloads": every}, text(every), given.json)


if __name__ == "__main__":
    main()
