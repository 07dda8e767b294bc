"""Targets of which a few rows make most of the variance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["tail_note"]

FEW, MUCH, LEAST_ROWS = 0.01, 1 / 3, 100
"""Share of the rows, share of the variance that these may make, and rows from which on it can be told."""


def tail_note(values: npt.NDArray[np.float64], name: str) -> str | None:
    """Say that square errors rest on few rows, where 1 % of the rows make a third of the variance or more.

    Of normal values the farthest 1 % make 8 % of Σ (y - mean)², of log-normal ones with a deviation of 1 in the
    logarithm half of it. How large such a sum is depends on which of these rows a set happens to hold, so R² and RMSE
    vary more from one set to the next than the rows of one set show, and bootstrap intervals of them are too short.

    Args:
        values: the target, shape (n,); NaN counts as absent.
        name: of the target.

    Returns:
        A sentence; None where there is nothing to say.

    Example:
        >>> tail_note(np.random.default_rng(0).normal(size=1000), "y") is None
        True
        >>> tail_note(np.exp(1.5 * np.random.default_rng(0).normal(size=1000)), "y")[:65]
        "1 % of the rows make 64 % of the variance of the target 'y', so R"
    """
    present = values[np.isfinite(values)]
    if len(present) < LEAST_ROWS:
        return None
    away = np.sort(np.square(present - present.mean()))
    whole = float(away.sum())
    few = max(1, round(FEW * len(away)))
    share = float(away[-few:].sum()) / whole if whole > 0 else 0.0
    if not share >= MUCH:
        return None
    return (
        f"1 % of the rows make {100 * share:.0f} % of the variance of the target {name!r}, so R² and RMSE rest on few "
        "rows and their intervals hold less often than they say; --metric mae counts every row alike."
    )
