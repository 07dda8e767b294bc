"""How often the 95 % interval of R² holds on test sets of heavy-tailed targets, for predictions of known R²."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.output import command, give, table

__all__ = ["TARGETS", "main", "measured"]

KNOWN = 4_000_000
"""Rows of which the true R² is computed."""
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def _normal(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = random.normal(size=rows)
    return x, x + 0.7 * random.normal(size=rows)


def _log_normal(spread: float, noise: float) -> Draw:
    def draw(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
        x = random.normal(size=rows)
        return np.exp(spread * x + noise**2 / 2), np.exp(spread * x + noise * random.normal(size=rows))

    return draw


def _student(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = random.normal(size=rows)
    return x, x + 0.5 * random.standard_t(3, size=rows)


TARGETS: dict[str, Draw] = {
    "normal": _normal,
    "log-normal, 0.6": _log_normal(0.6, 0.3),
    "log-normal, 1": _log_normal(1.0, 0.5),
    "log-normal, 1.2": _log_normal(1.2, 0.8),
    "errors of t, 3 degrees": _student,
}
"""Name to what draws the best predictions and the values of some rows."""


def measured(name: str, rows: int, repetitions: int, seed: int = 0) -> dict[str, Any]:
    """Draw test sets; count how often the interval holds the true R², and how often `tune` names the target's tail."""
    from ikura.data.heavy_tail import tail_note
    from ikura.metric import METRICS, interval

    predicted, truth = TARGETS[name](np.random.default_rng([seed, 1]), KNOWN)
    known = 1 - float(np.mean((truth - predicted) ** 2) / truth.var())
    random, held, named = np.random.default_rng([seed, rows]), 0, 0
    for repetition in range(repetitions):
        told, values = TARGETS[name](random, rows)
        ends = interval(METRICS["r2"], [torch.from_numpy(told)], torch.from_numpy(values), seed=repetition)
        held += ends[0] <= known <= ends[1]
        named += tail_note(TARGETS[name](random, 5 * rows)[1], "y") is not None
    return {"target": name, "rows": rows, "r2": known, "holds": held / repetitions, "named": named / repetitions}


def main(arguments: list[str] | None = None) -> None:
    """Run the simulation."""
    parser = command("heavy_tails", __doc__ or "", "", "--repetitions 50 --rows 100 --json")
    parser.add_argument("--repetitions", type=int, default=300, help="test sets of each kind (300)")
    parser.add_argument("--rows", type=int, nargs="+", default=[60, 300], help="rows of a test set (60 300)")
    given = parser.parse_args(arguments)
    found = [measured(name, rows, given.repetitions) for name in TARGETS for rows in given.rows]
    lines = [
        [one["target"], one["rows"], f"{one['r2']:.2f}", f"{one['holds']:.0%}", f"{one['named']:.0%}"] for one in found
    ]
    heads = ["target", "test rows", "true R²", "interval holds", "tail named"]
    give({"found": found}, table(heads, lines), given.json)


if __name__ == "__main__":
    main()
