"""The Pareto front: what nothing else is better than in one objective without being worse in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ikura.study.record.trial import Trial

__all__ = ["cost", "front", "on_front"]

Costs = Mapping[str, Sequence[float | None]]
"""Objective to its value for each trial by number, None where it was not measured."""


def on_front(values: ArrayLike) -> NDArray[np.bool_]:
    """Find the Pareto front of a table of values of which less is better.

    A row is on the front if no other is at least as small in every column and smaller in one; equal rows are on it
    together. One and two columns take O(n log n), more take O(n · front).

    Args:
        values: shape (rows, objectives); a row with NaN is never on the front.

    Returns:
        Which rows are on it, shape (rows,).

    Example:
        >>> on_front([[1, 5], [2, 2], [3, 3], [5, 1]]).tolist()
        [True, True, False, True]
    """
    table = np.asarray(values, np.float64)
    found = np.zeros(len(table), bool)
    known = ~np.isnan(table).any(axis=1)
    if not known.any():
        return found
    rows, place = np.unique(table[known], axis=0, return_inverse=True)
    found[known] = (_two if rows.shape[1] == 2 else _many)(rows)[place.ravel()]
    return found


def _two(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Front of different rows of two columns in lexicographic order: who has less in the second than all before."""
    best = np.minimum.accumulate(rows[:, 1])
    return np.concatenate([[True], rows[1:, 1] < best[:-1]])


def _many(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Front of different rows in lexicographic order: none is dominated by a later one."""
    kept = np.empty_like(rows)
    found, size = np.zeros(len(rows), bool), 0
    for i, row in enumerate(rows):
        if not (kept[:size] <= row).all(axis=1).any():
            kept[size], found[i] = row, True
            size += 1
    return found


def cost(row: Trial, objective: str, costs: Costs) -> float:
    """An objective's value for a trial, NaN where it is not known; a finalist costs what its trial of the search does.

    Args:
        row: a trial of the store.
        objective: its name.
        costs: what was measured.
    """
    if objective == "training_seconds":
        return row.seconds
    number = row.configuration
    values = costs.get(objective, ())
    value = values[number] if number < len(values) else None
    return float("nan") if value is None else float(value)


def front(rows: Sequence[Trial], sign: float, objectives: Sequence[str], costs: Costs) -> list[Trial]:
    """Find the trials of the search on the Pareto front of the dev score and other objectives.

    Args:
        rows: trials of the store; those of the search that ended with a dev score are compared.
        sign: 1 if a greater dev score is better, -1 otherwise.
        objectives: what else counts, less is better.
        costs: what was measured.

    Returns:
        The trials on the front, the best dev score first.
    """
    ended = [r for r in rows if r.searched and r.state.trained and r.dev_score is not None]
    if not ended:
        return []
    values = [[-sign * r.score, *(cost(r, name, costs) for name in objectives)] for r in ended]
    chosen = [row for row, is_on in zip(ended, on_front(values), strict=True) if is_on]
    return sorted(chosen, key=lambda row: (-sign * row.score, row.number))
