"""The ratio of two means with an interval."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["ratio_interval"]


def ratio_interval(above: npt.ArrayLike, below: npt.ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Estimate E[a] / E[b] from pairs (a, b) by Fieller's theorem.

    The interval holds every ρ for which the mean of a - ρ b is not distinguishable from 0 by Student's t. Where the
    mean of b itself is not distinguishable from 0 the ratio has no bounded interval.

    Args:
        above, below: a and b, shape (pairs,), at least two.
        level: the confidence.

    Returns:
        The ratio of the means and both ends of its interval; an infinite end where the pairs set no bound, NaN if any
        number is NaN.

    Example:
        >>> ratio, low, high = ratio_interval([2.0, 2.2, 1.8, 2.0], [1.0, 1.0, 1.1, 0.9])
        >>> round(ratio, 2), round(low, 2), round(high, 2)
        (2.0, 1.59, 2.51)

    References:
        Fieller 1954, Some problems in interval estimation, JRSS B 16:175.
    """
    from scipy.special import stdtrit

    a, b = np.asarray(above, np.float64), np.asarray(below, np.float64)
    n = a.size
    if n < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan, math.nan, math.nan
    t = float(stdtrit(n - 1, (1 + level) / 2))
    mean_a, mean_b = float(a.mean()), float(b.mean())
    (va, vab), (_, vb) = np.cov(a, b) / n
    # Ends solve (mean_a - ρ mean_b)² = t² (va - 2 ρ vab + ρ² vb).
    square, middle, constant = mean_b**2 - t**2 * vb, mean_a * mean_b - t**2 * vab, mean_a**2 - t**2 * va
    root = middle**2 - square * constant
    ratio = mean_a / mean_b if mean_b else math.nan
    if square <= 0:
        return ratio, -math.inf, math.inf
    half = math.sqrt(max(root, 0.0))
    return ratio, float((middle - half) / square), float((middle + half) / square)
