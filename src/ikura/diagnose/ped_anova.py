"""PED-ANOVA: how differently a hyperparameter is distributed among the best trials and among all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ikura.space import Choice, Parameter

__all__ = ["Axis", "axis", "divergences"]

CELLS = 50
PRIOR = 1.0
FEWEST = 2
NARROWEST = 0.5 / 1.64
"""Least width of a kernel, in cells: nine tenths of it lie in its own."""


@dataclass(frozen=True)
class Axis:
    """One hyperparameter's values on a grid of cells, on the hyperparameter's own scale.

    Attributes:
        cells: the cell of each trial, -1 where the hyperparameter is not active, int of shape (trials,).
        size: number of cells; of a choice, of its options.
        ordered: whether neighbouring cells are alike.
    """

    cells: np.ndarray
    size: int
    ordered: bool


def axis(column: pd.Series, parameter: Parameter) -> Axis:
    """Lay a hyperparameter's values on its grid.

    Args:
        column: its value in each trial, NaN or None where it is not active, shape (trials,).
        parameter: its range.

    Returns:
        The cells: one for each option or whole number, at most 50.

    Example:
        >>> from ikura.space import log
        >>> axis(pd.Series([1e-4, 1e-2, np.nan, 1.0]), log(1e-4, 1)).cells
        array([ 0, 24, -1, 49])
    """
    active = column.notna().to_numpy()
    cells = np.full(len(column), -1)
    if isinstance(parameter, Choice):
        cells[active] = [parameter.index(value) for value in column[active]]
        return Axis(cells, len(parameter.options), False)
    scale: Callable[[Any], Any] = _SCALES.get(parameter.scale, lambda value: value)
    first, last = parameter.low, parameter.high  # type: ignore[attr-defined]
    size = CELLS
    if parameter.scale == "integer":
        size = min(last - first + 1, CELLS)
    elif parameter.scale == "integer-log":
        size = min(int(np.ceil(np.log2(last - first + 1))) + 1, CELLS)
    low, high = scale(np.float64(first)), scale(np.float64(last))
    values = np.clip(column[active].to_numpy(dtype=float), first, last)
    place = (scale(values) - low) / ((high - low) / (size - 1))
    cells[active] = np.clip(np.ceil(place - 0.5), 0, size - 1).astype(int)
    return Axis(cells, size, True)


_SCALES: dict[str, Callable[[Any], Any]] = {
    "log": np.log,
    "integer-log": np.log,
    "log-complement": lambda value: np.log(1 - value),
}


def divergences(axes: Sequence[Axis], region: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Measure how far each hyperparameter's distribution in the target is from that in the region around it.

    It is the Pearson divergence Σ p_r (p_t / p_r - 1)², times the squared share of the target in the region. Both
    distributions are kernel density estimates on the grid. A hyperparameter that not all trials have is compared among
    those that have it, times their squared share of the target over their share of the region. It costs a fraction of
    what Optuna's evaluator takes, which builds each trial as an object; a chance level needs twenty of them.

    Args:
        axes: the hyperparameters, one for each column.
        region: which trials are compared with, bool of shape (trials,).
        target: which of them are the good ones, bool of shape (draws, trials).

    Returns:
        float64 of shape (draws, hyperparameters), each at least 0.

    Source: Watanabe, Bansal and Hutter, PED-ANOVA, IJCAI 2023; bandwidths and the treatment of conditional
    hyperparameters as in Optuna's PedAnovaImportanceEvaluator.

    Example:
        >>> better = np.arange(100) < 10
        >>> deciding, idle = Axis(np.arange(100) // 2, 50, True), Axis(np.arange(100) % 50, 50, True)
        >>> divergences([deciding, idle], np.ones(100, bool), better[None]).round(3)
        array([[0.079, 0.031]])
    """
    found = np.zeros((len(target), len(axes)))
    for i, one in enumerate(axes):
        active = (one.cells >= 0) & region
        if one.size < 2 or active.sum() < FEWEST:
            continue
        around = _density(one, active)
        for j, good in enumerate(target):
            inside = active & good
            if not inside.any():
                continue
            share = inside.sum() / good.sum()
            among = active.sum() / region.sum()
            pearson = around @ (_density(one, inside) / around - 1) ** 2
            found[j, i] = share**2 / among * pearson * (good.sum() / region.sum()) ** 2
    return found


def _density(one: Axis, trials: np.ndarray) -> np.ndarray:
    """Kernel density on the grid, one kernel for each cell with trials in it and a wide one as the prior."""
    counts = np.bincount(one.cells[trials], minlength=one.size)
    seen = np.flatnonzero(counts)
    weights = np.append(counts[seen], PRIOR) / (counts.sum() + PRIOR)
    if one.ordered:
        kernels = _bells(seen, counts[seen], one.size)
    else:
        kernels = np.full((len(seen) + 1, one.size), PRIOR / (len(seen) + 1))
        kernels[np.arange(len(seen)), seen] += 1
        kernels /= kernels.sum(1, keepdims=True)
    density: np.ndarray = weights @ kernels + 1e-12
    return density


def _bells(seen: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Truncated normal distributions over the cells, their width by Scott's rule."""
    total, summed = counts.sum(), np.cumsum(counts)
    mean = seen @ counts / total
    deviation = np.sqrt((seen - mean) ** 2 @ counts / max(1, total - 1))
    lower = seen[np.searchsorted(summed, total // 4, side="left")]
    upper = seen[min(len(seen) - 1, np.searchsorted(summed, total * 3 // 4, side="right"))]
    width = max(1.059 * min((upper - lower) / 1.34, deviation) * total**-0.2, NARROWEST)
    centres = np.append(seen, (size - 1) / 2)[:, None]
    widths = np.append(np.full(len(seen), width), size)[:, None]
    below = ndtr((np.arange(size + 1) - 0.5 - centres) / widths)
    bells: np.ndarray = np.diff(below, axis=1) / (below[:, -1:] - below[:, :1])
    return bells
