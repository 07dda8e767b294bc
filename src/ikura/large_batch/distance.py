"""How a distance from the initial weights grows with the number of updates: three laws, compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ikura.errors import UsageError

__all__ = ["LAWS", "Fit", "compare_laws", "fit_law", "growth_alpha"]

Array = npt.NDArray[np.float64]

LAWS: dict[str, str] = {
    "log": "a + b log t",
    "sqrt": "a + b √t",
    "power": "b t^p",
}
"""Name to formula; each has two free numbers."""


@dataclass(frozen=True)
class Fit:
    """A law of growth, fitted.

    Attributes:
        law: one of `LAWS`.
        numbers: (a, b), or (b, p) for a power.
        aic: Akaike's criterion for normal errors of one size, corrected for few points; lower is better.
        error: root mean square error of the last points, predicted from the first ones alone, relative to their mean.
    """

    law: str
    numbers: tuple[float, float]
    aic: float
    error: float

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Distance after t updates."""
        return _evaluate(self.law, self.numbers, np.asarray(t, np.float64))


def _evaluate(law: str, numbers: tuple[float, float], t: Array) -> Array:
    first, second = numbers
    if law == "power":
        return np.asarray(first * t**second)
    return np.asarray(first + second * (np.log(t) if law == "log" else np.sqrt(t)))


def _least_squares(law: str, t: Array, d: Array) -> tuple[float, float]:
    if law != "power":
        base = np.log(t) if law == "log" else np.sqrt(t)
        b, a = np.polyfit(base, d, 1)
        return float(a), float(b)

    def factor(p: float) -> float:
        return float((t**p @ d) / (t**p @ t**p))

    p = _minimum(lambda p: float(np.sum((d - factor(p) * t**p) ** 2)), 0.005, 3.0)
    return factor(p), p


def fit_law(law: str, updates: npt.ArrayLike, distances: npt.ArrayLike, held: float = 1 / 3) -> Fit:
    """Fit one law by least squares of the distance.

    Args:
        law: one of `LAWS`.
        updates: t > 0, shape (points,), rising; best evenly spaced in log t.
        distances: ‖w_t - w_0‖, shape (points,).
        held: share of the points, the last ones, that are predicted from the others for `Fit.error`.

    Returns:
        The fit.

    Raises:
        UsageError: the law is unknown, or there are fewer than six points.

    Example:
        >>> t = np.array([1, 2, 4, 8, 16, 32, 64])
        >>> fit = fit_law("log", t, 1 + 0.5 * np.log(t))
        >>> tuple(round(number, 6) for number in fit.numbers)
        (1.0, 0.5)
    """
    if law not in LAWS:
        raise UsageError(f"unknown law {law!r}: use {', '.join(LAWS)}")
    t, d = np.asarray(updates, np.float64), np.asarray(distances, np.float64)
    n = t.size
    if n < 6:
        raise UsageError(f"six points are needed to compare laws of growth, but there are {n}")
    numbers = _least_squares(law, t, d)
    # Two numbers and the size of the errors; a perfect fit ends at the rounding of double precision.
    square = max(float(np.mean((d - _evaluate(law, numbers, t)) ** 2)), 1e-30 * float(np.mean(d**2)))
    aic = n * math.log(square) + 2 * 3 + 2 * 3 * 4 / (n - 4)
    first = n - max(round(held * n), 1)
    ahead = _evaluate(law, _least_squares(law, t[:first], d[:first]), t[first:]) - d[first:]
    error = math.sqrt(float(np.mean(ahead**2))) / float(np.mean(d[first:]))
    return Fit(law, numbers, aic, error)


def compare_laws(updates: npt.ArrayLike, distances: npt.ArrayLike) -> dict[str, Fit]:
    """Fit every law to the same points.

    The points of one training are not independent, so differences of Akaike's criterion overstate the evidence: judge
    by the prediction error too, and by several seeds.

    Returns:
        Name of the law to its fit.
    """
    return {law: fit_law(law, updates, distances) for law in LAWS}


def growth_alpha(updates: npt.ArrayLike, distances: npt.ArrayLike) -> float:
    """Fit α of the growth law ‖w_t - w_0‖ = c (log t)^(2/α), by least squares of the distance.

    Args:
        updates: t > 1.
        distances: shape (points,).

    Returns:
        α; 2 where the distance grows with log t.

    Example:
        >>> t = np.array([2, 4, 8, 16, 32, 64])
        >>> round(growth_alpha(t, 3 * np.log(t) ** (2 / 1.6)), 6)
        1.6
    """
    t, d = np.asarray(updates, np.float64), np.asarray(distances, np.float64)
    if (t <= 1).any():
        raise UsageError("the growth law needs updates above 1")
    base = np.log(t)

    def misfit(q: float) -> float:
        return float(np.sum((d - (base**q @ d) / (base**q @ base**q) * base**q) ** 2))

    return 2 / _minimum(misfit, 0.05, 10.0)


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import minimize_scalar

    grid = np.geomspace(low, high, 200)
    best = int(np.argmin([function(float(one)) for one in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    return float(minimize_scalar(function, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x)
