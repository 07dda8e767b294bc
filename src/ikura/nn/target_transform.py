"""Transforms of the values that a regression learns, undone in what its networks predict."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
from scipy.special import boxcox1p

from ikura.errors import UsageError, nearest
from ikura.json_values import JsonObject
from ikura.nn.encoding import normal_scores

__all__ = ["TRANSFORMS", "TargetTransform", "fit_target", "target_transform"]

TRANSFORMS: dict[str, str] = {
    "none": "the standardised value itself",
    "log": "the logarithm of the value",
    "quantile": "the normal score of its rank among the training rows",
    "yeo_johnson": "the power of Yeo and Johnson that makes the training values the most alike to normal ones",
}
"""Name to what is learned in place of a value."""
COUNTS = {"log": 4, "yeo_johnson": 3}
LEAST = 1e-12
"""Of a power's base, beyond which values are out of the range of training and bounded by it."""


def target_transform(name: Any) -> str:
    """Check the name of a transform.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in TRANSFORMS:
        known = ", ".join(TRANSFORMS)
        raise UsageError(f"unknown target_transform {name!r}{nearest(str(name), TRANSFORMS)}: use {known}")
    return str(name)


@dataclass(frozen=True)
class TargetTransform:
    """What a network learns in place of a standardised value y: z = (T(y) - m) / s, with mean 0 and deviation 1.

    Attributes:
        kind: one of `TRANSFORMS` but none.
        numbers: m, s, and mean and deviation by which y was standardised (log); m, s and the power λ (yeo_johnson);
            ascending values, then their normal scores (quantile).
        low, high: of the training values: predictions stay between them.

    References:
        Yeo and Johnson, A new family of power transformations to improve normality or symmetry, Biometrika 87, 2000.
    """

    kind: str
    numbers: tuple[float, ...]
    low: float
    high: float

    @staticmethod
    def of(form: JsonObject) -> TargetTransform:
        """The transform that `form` described.

        Raises:
            ValueError: the description does not hold together.
        """
        found = TargetTransform(target_transform(form["kind"]), tuple(form["numbers"]), form["low"], form["high"])
        if found.fault:
            raise ValueError(f"the target transform {found.fault}")
        return found

    @property
    def form(self) -> JsonObject:
        """Its JSON form."""
        return {"kind": self.kind, "numbers": list(self.numbers), "low": self.low, "high": self.high}

    @property
    def fault(self) -> str:
        """What is wrong with it; empty if nothing is."""
        numbers = self.numbers
        if self.kind == "none" or not all(map(isfinite, (*numbers, self.low, self.high))) or self.low > self.high:
            return "transforms nothing"
        if self.kind == "quantile":
            half = len(numbers) // 2
            rising = all(a < b for part in (numbers[:half], numbers[half:]) for a, b in pairwise(part))
            return "" if half > 1 and len(numbers) == 2 * half and rising else "has quantiles that do not ascend"
        fits = len(numbers) == COUNTS[self.kind] and numbers[1] > 0 and (self.kind != "log" or numbers[3] > 0)
        return "" if fits else "has other numbers than it reads"

    def apply(self, y: np.ndarray) -> np.ndarray:
        """Transform standardised values of training rows: float64 in the shape of y."""
        y = np.clip(np.asarray(y, np.float64), self.low, self.high)
        if self.kind == "quantile":
            half = len(self.numbers) // 2
            scores: np.ndarray = np.interp(y, self.numbers[:half], self.numbers[half:])
            return scores
        if self.kind == "log":
            centre, spread, mean, std = self.numbers
            raw = np.log(np.maximum(mean + std * y, np.finfo(np.float64).tiny))
        else:
            centre, spread, power = self.numbers
            raw = _powers(y, power)
        found: np.ndarray = (raw - centre) / spread
        return found

    def undo(self, z: np.ndarray) -> np.ndarray:
        """Return standardised values of what networks put out, in the precision of z; NaN stays NaN."""
        numbers, wide = self.numbers, np.asarray(z, np.float64)
        if self.kind == "quantile":
            half = len(numbers) // 2
            return np.interp(wide, numbers[half:], numbers[:half]).astype(z.dtype)
        raw = numbers[0] + numbers[1] * wide
        with np.errstate(over="ignore"):
            y = (np.exp(raw) - numbers[2]) / numbers[3] if self.kind == "log" else _powers_undone(raw, numbers[2])
        return y.clip(self.low, self.high).astype(z.dtype)


def _powers(y: np.ndarray, power: float) -> np.ndarray:
    """The power of Yeo and Johnson: a Box-Cox power of 1 + y above zero, one of the other sign and 2 - λ below."""
    found: np.ndarray = np.where(y >= 0, boxcox1p(np.maximum(y, 0), power), -boxcox1p(np.maximum(-y, 0), 2 - power))
    return found


def _powers_undone(z: np.ndarray, power: float) -> np.ndarray:
    """That power undone; each branch is computed of numbers for which it is finite."""
    above, below = z.clip(min=0), (-z).clip(min=0)
    rest = 2 - power
    positive = np.exp(above) if power == 0 else (above * power + 1).clip(min=LEAST) ** (1 / power)
    negative = np.exp(below) if rest == 0 else (below * rest + 1).clip(min=LEAST) ** (1 / rest)
    return np.where(z >= 0, positive - 1, 1 - negative)


def fit_target(kind: str, y: np.ndarray, mean: float = 0.0, std: float = 1.0) -> TargetTransform | None:
    """Fit a transform to the values of the training rows.

    Args:
        kind: one of `TRANSFORMS`.
        y: standardised values, shape (rows,).
        mean, std: by which they were standardised.

    Returns:
        The transform; None where the kind is none, or all values are the same.

    Raises:
        UsageError: the kind is log, and a value is not above 0.

    Example:
        >>> fitted = fit_target("log", np.array([-1.0, 0.0, 1.0]), 10.0, 9.0)
        >>> fitted.undo(fitted.apply(np.array([-1.0, 0.5]))).round(9).tolist()
        [-1.0, 0.5]
    """
    values = np.asarray(y, np.float64)
    low, high = float(values.min()), float(values.max())
    if target_transform(kind) == "none" or low == high:
        return None
    if kind == "quantile":
        return TargetTransform(kind, tuple(map(float, normal_scores(values))), low, high)
    more: tuple[float, ...]
    if kind == "log":
        least = mean + std * low
        # What was standardised and rounded to single precision may be a little below what it was.
        if not least > 1e-6 * std:
            raise UsageError(
                f"target_transform log is for values above 0, and the least of the training rows is {least:.6g}; "
                "write yeo_johnson or quantile"
            )
        raw, more = np.log(mean + std * values), (float(mean), float(std))
    else:
        power = _power(values)
        raw, more = _powers(values, power), (power,)
    spread = float(raw.std())
    return TargetTransform(kind, (float(raw.mean()), spread if spread > 0 else 1.0, *more), low, high)


def _power(values: np.ndarray) -> float:
    """The power of the largest likelihood."""
    # The rest of scipy.stats takes half a second to import.
    from scipy.stats import yeojohnson_normmax

    return float(yeojohnson_normmax(values))
