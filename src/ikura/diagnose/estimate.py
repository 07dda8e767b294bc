"""An error with its interval, and intervals of differences of errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

__all__ = ["LEVEL", "Estimate", "difference", "percent", "with_seeds"]

LEVEL = 0.95
_SIDE = float(ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Estimate:
    """A number that was measured, with its 95 % interval.

    Attributes:
        value: the number.
        low, high: the interval's ends; both equal the value where it is known exactly.
    """

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Estimate:
        """A number that is known."""
        return cls(value, value, value)

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


def difference(more: Estimate, less: Estimate) -> Estimate:
    """Subtract two independent estimates.

    The interval follows from the two: d - √((a - a_low)² + (b_high - b)²) to d + √((a_high - a)² + (b - b_low)²).
    It needs no symmetry, so that it holds for shares near 0 too.

    Source: Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17, method 10; Zou and Donner (2008), Construction of confidence limits about effect measures, ibid. 27.

    Example:
        >>> difference(Estimate(0.11, 0.08, 0.15), Estimate.exactly(0.01))
        Estimate(value=0.1, low=0.07, high=0.14)
    """
    value = more.value - less.value
    low = value - math.hypot(more.value - more.low, less.high - less.value)
    high = value + math.hypot(more.high - more.value, less.value - less.low)
    return Estimate(*(round(one, 12) for one in (value, low, high)))


def with_seeds(found: Estimate, by_seed: Sequence[float], examples: int) -> Estimate:
    """Widen the interval of a mean over networks, which covers the examples, by what varies from seed to seed.

    The variances add: that of the examples, and s²/R of R seeds. Student's t at the degrees of freedom of Welch and
    Satterthwaite, examples - 1 and R - 1 being those of the parts, makes the interval of it.

    Args:
        found: the mean, with the interval over examples.
        by_seed: of each network alone.
        examples: how many there are.

    Returns:
        The same value with a wider interval; the same where there is one network.
    """
    seeds = len(by_seed)
    spread = float(np.var(by_seed, ddof=1)) / seeds if seeds > 1 else 0.0
    if not spread > 0 or not math.isfinite(spread):
        return found

    def end(distance: float) -> float:
        variance = (distance / _SIDE) ** 2
        total = variance + spread
        freedom = total**2 / (variance**2 / max(examples - 1, 1) + spread**2 / (seeds - 1))
        return float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(total)

    low, high = end(found.value - found.low), end(found.high - found.value)
    return Estimate(found.value, found.value - low, found.value + high)


def percent(share: float) -> str:
    """Write a share.

    Example:
        >>> percent(0.1123), percent(0.005), percent(0.0)
        ('11.2 %', '0.5 %', '0 %')
    """
    return f"{100 * share:.3g} %"
