"""The autopilot: `ikura tune --auto` against plain `ikura tune` at equal time, on six tasks.

Two tasks are short of capacity (what the default space holds is too small or trains too briefly), two overfit (few
examples, many inputs or wrong labels), two are neither. Plain tuning is given its best: as much time as the autopilot
took in the mean, as many trials as fill it (found beforehand by runs that are not counted), and the default space for
that number. Its time limit is longer, because what a limit leaves to the finalists is seldom needed.

    python -m benchmarks.autopilot                                  all of it
    python -m benchmarks.autopilot --tasks spirals digits --seeds 2 --seconds 20

A seed decides the split, the networks' weights and the search. Errors are 1 - accuracy or 1 - R². For each task it
prints the mean dev and test error of both, and the difference of test errors (autopilot - plain, negative: the
autopilot is better) with its 95 % interval, paired over seeds (Student's t).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["TASKS", "main", "verdict"]

Examples = tuple[np.ndarray, np.ndarray]
SECONDS, SEEDS, MOST_TRIALS = 60.0, 5, 4096
RUNS_BEFORE = 3
SHARE_OF_SEARCH = 0.75
"""Share of a time limit that searching may take."""


def spirals() -> Examples:
    """Two spirals of three turns: more than small networks can fold in 100 epochs."""
    random = np.random.default_rng(0)
    label, t = random.integers(0, 2, 1500), random.uniform(0.1, 1, 1500)
    angle = 6 * np.pi * t + np.pi * label
    x = np.c_[t * np.cos(angle), t * np.sin(angle)] + random.normal(0, 0.008, (1500, 2))
    return x.astype(np.float32), label


def waves() -> Examples:
    """Regression on a quickly varying function of two inputs."""
    random = np.random.default_rng(1)
    x = random.uniform(-1, 1, (2000, 2))
    y = np.sin(9 * x[:, 0]) * np.cos(7 * x[:, 1]) + 0.5 * np.sin(14 * x[:, 0] * x[:, 1]) + random.normal(0, 0.05, 2000)
    return x.astype(np.float32), y.astype(np.float32)


def many_inputs() -> Examples:
    """300 rows of 200 inputs of which eight matter."""
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 200))
    score = x[:, :8] @ np.array([1, -1, 1, -1, 0.7, 0.7, -0.7, 0.5]) + random.normal(0, 0.7, 300)
    return x.astype(np.float32), (score > 0).astype(int)


def wrong_labels() -> Examples:
    """600 rows of 30 inputs; one label of seven is wrong."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        600, 30, n_informative=10, n_redundant=5, n_clusters_per_class=3, flip_y=0.28, class_sep=1.2, random_state=3
    )
    return x.astype(np.float32), y


def digits() -> Examples:
    """1,797 images of digits: neither short of capacity nor of examples."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.astype(np.float32), y


def friedman() -> Examples:
    """1,000 rows of Friedman's first function, ten inputs of which five matter, with noise."""
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(1000, 10, noise=1.0, random_state=4)
    return x.astype(np.float32), y.astype(np.float32)


TASKS: dict[str, tuple[str, Callable[[], Examples]]] = {
    "spirals": ("short of capacity", spirals),
    "waves": ("short of capacity", waves),
    "many-inputs": ("overfits", many_inputs),
    "wrong-labels": ("overfits", wrong_labels),
    "digits": ("neither", digits),
    "friedman": ("neither", friedman),
}


def measured(examples: Examples, seed: int, seconds: float, auto: bool, trials: int | None) -> dict[str, Any]:
    """Tune once; what it took and what came of it."""
    import ikura

    with tempfile.TemporaryDirectory(prefix="ikura-autopilot-") as folder:
        started = time.perf_counter()
        study = ikura.tune(examples, auto=auto, trials=trials, time_limit=seconds, seed=seed, out=Path(folder) / "run")
        took = time.perf_counter() - started
        assert study.best is not None
        assert study.test is not None
        remedies = [(one.name, bool(one.found and one.found.better)) for one in study.decisions]
        return {
            "dev": 1 - study.best.dev,
            "test": 1 - study.test.value,
            "seconds": took,
            "trials": int((study.trials["purpose"] == "search").sum()),
            "remedies": [f"{name}{'+' if better else '-'}" for name, better in remedies if name],
            "end": study.decisions[-1].reason if study.decisions else "",
        }


def filling(examples: Examples, seconds: float) -> int:
    """How many trials make a plain run take so many seconds in all, by runs of which each begins with the last answer.

    A run that its limit cuts short shows how many trials it had time for.
    """
    import ikura

    trials = 128
    for _ in range(RUNS_BEFORE):
        with tempfile.TemporaryDirectory(prefix="ikura-autopilot-") as folder:
            started = time.perf_counter()
            limit = seconds / SHARE_OF_SEARCH
            study = ikura.tune(examples, trials=trials, time_limit=limit, seed=1000, out=Path(folder) / "run")
            took = time.perf_counter() - started
            purpose, state = study.trials["purpose"], study.trials["state"]
        ended = int(((purpose == "search") & (state != "skipped")).sum())
        trials = min(MOST_TRIALS, max(128, int(ended * seconds / took)))
    return trials


def verdict(differences: list[float]) -> tuple[float, float, float, str]:
    """Mean difference, its 95 % interval, and who is better.

    Example:
        >>> verdict([-0.10, -0.12, -0.11])[-1], verdict([0.01, -0.01, 0.0])[-1]
        ('won', 'even')
    """
    from scipy.stats import t as student

    n, mean = len(differences), statistics.fmean(differences)
    half = float("inf") if n < 2 else student.ppf(0.975, n - 1) * statistics.stdev(differences) / n**0.5
    return mean, mean - half, mean + half, "won" if mean + half < 0 else "lost" if mean - half > 0 else "even"


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; write one line of JSON for each run, and a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), metavar="TASK")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default {SEEDS}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"time limit of each run, default {SECONDS:g}")
    parser.add_argument("--out", type=Path, help="a file to append the runs to, and to take those from that it holds")
    options = parser.parse_args(arguments)
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    if options.out and options.out.exists():
        for line in options.out.read_text().splitlines():
            run = json.loads(line)
            known[run["task"], run["seed"], run["auto"], run["limit"]] = run
    runs = [run for name in options.tasks for run in _task(name, options, known)]
    print(_table(runs, options.tasks))
    return 0


def _task(name: str, options: argparse.Namespace, known: dict[tuple[Any, ...], dict[str, Any]]) -> list[dict[str, Any]]:
    """The autopilot's runs, then plain ones that take as long as those did in the mean."""
    examples, runs, plain = TASKS[name][1](), [], None
    for auto in (True, False):
        for seed in range(options.seeds):
            run = known.get((name, seed, auto, options.seconds))
            if run is None:
                trials, limit = None, options.seconds
                if not auto:
                    took = statistics.fmean(one["seconds"] for one in runs if one["auto"])
                    trials = plain = plain or filling(examples, took)
                    limit = took / SHARE_OF_SEARCH
                found = measured(examples, seed, limit, auto, trials)
                run = {"task": name, "seed": seed, "auto": auto, "limit": options.seconds, **found}
                if options.out:
                    with options.out.open("a") as file:
                        file.write(json.dumps(run) + "\n")
            print(json.dumps(run), file=sys.stderr, flush=True)
            runs.append(run)
    return runs


def _table(runs: list[dict[str, Any]], tasks: list[str]) -> str:
    lines = [
        "| task | built to be | plain: dev | test | seconds | autopilot: dev | test | seconds | test difference | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    means = []
    for name in tasks:
        both = [[run for run in runs if run["task"] == name and run["auto"] == auto] for auto in (False, True)]
        mean, low, high, word = verdict([b["test"] - a["test"] for a, b in zip(*both, strict=True)])
        means.append(mean)
        cells = [
            f"{statistics.fmean(run[what] for run in side):{form}}"
            for side in both
            for what, form in (("dev", ".4f"), ("test", ".4f"), ("seconds", ".0f"))
        ]
        between = f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
        lines.append(f"| {name} | {TASKS[name][0]} | {' | '.join(cells)} | {between} | {word} |")
    return "\n".join([*lines, "", f"median of the mean differences: {statistics.median(means):+.4f}"])


if __name__ == "__main__":
    sys.exit(main())
