"""Bounds on the best achievable error, from what other learners reach on the same data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from ikura.diagnose.estimate import Estimate

__all__ = ["Neighbour", "best_achievable", "cover_hart", "nearest_neighbour"]

MOST_ROWS, MOST_QUERIES = 10_000, 2_000
BLOCK = 256


@dataclass(frozen=True)
class Neighbour:
    """The dev error of the nearest training example.

    Attributes:
        error: share of dev examples whose class is not that of the nearest training example; for regression half the
            mean squared difference between their targets, over the variance of the target.
        classes: number of classes, 0 for regression.
        rows: dev examples asked.
    """

    error: float
    classes: int
    rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


def nearest_neighbour(
    x: np.ndarray, y: np.ndarray, asked: np.ndarray, truth: np.ndarray, classes: int, seed: int = 0
) -> Neighbour:
    """Measure the error of the nearest neighbour, on at most 10,000 training and 2,000 dev examples.

    Args:
        x, y: training examples, shape (rows, d), and targets.
        asked, truth: dev examples and targets.
        classes: number of classes, 0 for regression.
        seed: picks the examples where there are more.
    """
    random = np.random.default_rng([seed, 0xD1A6])

    def few(rows: int, most: int) -> np.ndarray:
        return np.sort(random.choice(rows, most, replace=False)) if rows > most else np.arange(rows)

    known, shown = few(len(x), MOST_ROWS), few(len(asked), MOST_QUERIES)
    references = torch.from_numpy(np.ascontiguousarray(x[known], np.float32))
    queries = torch.from_numpy(np.ascontiguousarray(asked[shown], np.float32))
    nearest = torch.cat([torch.cdist(part, references).argmin(1) for part in queries.split(BLOCK)]).numpy()
    found, wanted = y[known][nearest], truth[shown]
    if classes:
        error = float((found != wanted).mean())
    else:
        error = float(((found - wanted) ** 2).mean() / 2 / max(float(wanted.var()), 1e-12))
    return Neighbour(error, classes, len(shown))


def cover_hart(error: float, classes: int) -> float:
    """The least best achievable error that a nearest neighbour's error e allows, as the number of examples grows.

    For C classes R ≥ (C-1)/C (1 - √(1 - C/(C-1) e)).

    Source: Cover and Hart (1967), Nearest neighbor pattern classification, IEEE Transactions on Information Theory 13.

    Example:
        >>> round(cover_hart(0.18, 2), 3), cover_hart(0.5, 2)
        (0.1, 0.5)
    """
    most = (classes - 1) / classes
    return most * (1 - math.sqrt(max(0.0, 1 - error / most)))


def best_achievable(neighbour: Neighbour | None, reached: Estimate) -> Estimate:
    """Bound the best achievable error from both sides.

    It is at most what has been reached by anybody. It is at least what the nearest neighbour's error allows (Cover and
    Hart; for regression half of its mean squared error, Cover 1968), if that is of any use: where the bound lies above
    what has been reached, the neighbours are too far away for it to hold, and 0 takes its place.

    Args:
        neighbour: of dev examples among training examples; None if there is none.
        reached: the least error that is known to have been reached on examples not trained on.

    Returns:
        The middle of the two bounds, and the bounds.
    """
    low, high = 0.0, max(reached.value, 0.0)
    if neighbour is not None:
        least = cover_hart(neighbour.error, neighbour.classes) if neighbour.classes else neighbour.error
        low = least if least <= high else 0.0
    return Estimate((low + high) / 2, low, high)
