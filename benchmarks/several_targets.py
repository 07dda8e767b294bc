"""Several targets: what an epoch of the compiled kernel costs for one and for three, in seconds of the processor."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.machine import describe, header
from benchmarks.output import command, give, table
from ikura.metric import default_metric
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

__all__ = ["main", "run"]

FEATURES, TARGETS = 20, 3
UNITS = (16, 32, 64, 128)
CASES = {"1 value": ("regression", 1), "3 values": ("regression", 3), "1 label": ("binary", 1),
         "3 labels": ("multilabel", 3)}  # fmt: skip


def setup(task: str, targets: int, rows: int) -> TrainingSetup:
    """Noise to learn: what it costs does not depend on what is learned."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows + rows // 5, FEATURES)).astype(np.float32)
    y = random.normal(size=(len(x), TARGETS)).astype(np.float32)
    y = y if task == "regression" else (y > 0).astype(np.float32)
    y = y[:, 0].copy() if targets == 1 else y
    codes = np.zeros((len(x), 0), np.int32)
    train, dev = (Examples(x[part], codes[part], y[part]) for part in (slice(rows), slice(rows, None)))
    return TrainingSetup(train, dev, Scorer(task, default_metric(task)), targets)


def run(rows: int, repeats: int) -> dict[str, dict[str, float]]:
    """Train and score four networks for an epoch, the cases by turns; the median of the repeats."""
    members = [
        Member(number, {"units": units, "layers": 2, "batch_size": 128, "optimizer": "adam"}, 0)
        for number, units in enumerate(UNITS)
    ]
    setups = {name: setup(task, targets, rows) for name, (task, targets) in CASES.items()}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    for repeat in range(repeats + 1):
        for name, made in setups.items():
            assert made.compiled
            tile = made.tile(members)
            began = time.process_time()
            tile.train_epoch(made.train, 0)
            trained = time.process_time()
            made.scorer(tile.outputs(made.dev), made.dev.y, 1.0)
            if repeat:  # The first may compile.
                spent[name].append((trained - began, time.process_time() - trained))
    return {
        name: dict(zip(("train", "score"), map(statistics.median, zip(*each, strict=True)), strict=True))
        for name, each in spent.items()
    }


def text(found: dict[str, dict[str, float]], rows: int) -> str:
    """Lay the figures out; times as much as one target."""
    lines = []
    for name, one in found.items():
        base = found["1 value" if "value" in name else "1 label"]
        lines.append([name, one["train"], one["train"] / base["train"], one["score"], one["score"] / base["score"]])
    names = ["targets", "train s", "x one", "score s", "x one "]
    return f"{len(UNITS)} networks, {rows} rows, {FEATURES} columns ({header()})\n\n{table(names, lines)}"


def main(arguments: list[str] | None = None) -> None:
    """Measure."""
    parser = command("several_targets", __doc__ or "", "", "--rows 5000 --repeats 2")
    parser.add_argument("--rows", type=int, default=50_000, help="training rows (50000)")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    found: dict[str, Any] = run(given.rows, given.repeats)
    give({"machine": describe(), "rows": given.rows, "cases": found}, text(found, given.rows), given.json)


if __name__ == "__main__":
    main()
