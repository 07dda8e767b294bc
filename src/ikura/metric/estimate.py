"""An error with its interval, and intervals of differences of errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from scipy.special import ndtri, stdtrit

from ikura.errors import UsageError

__all__ = ["LEVEL", "Estimate", "difference", "known_error", "percent", "widened", "with_seeds"]

LEVEL = 0.95
_SIDE = float(ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Estimate:
    """A number that was measured, with its 95 % interval.

    Attributes:
        value: the number.
        low, high: the interval's ends; both equal the value where it is known exactly.
        spread: standard deviation of the number from seed to seed; 0 where there is one network.
        of_examples: the ends that the examples alone would give, were it not for the seeds; None where they are the
            same.
    """

    value: float
    low: float
    high: float
    spread: float = field(default=0.0, repr=False)
    of_examples: tuple[float, float] | None = field(default=None, repr=False)

    @property
    def ends_of_examples(self) -> tuple[float, float]:
        """The interval's ends as far as they are due to the examples."""
        return (self.low, self.high) if self.of_examples is None else self.of_examples

    @classmethod
    def exactly(cls, value: float) -> Estimate:
        """A number that is known."""
        return cls(value, value, value)


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
    value = round(more.value - less.value, 12)

    def ends(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
        low = math.hypot(more.value - a[0], b[1] - less.value)
        high = math.hypot(a[1] - more.value, less.value - b[0])
        return round(value - low, 12), round(value + high, 12)

    spread = math.hypot(more.spread, less.spread)
    of_examples = ends(more.ends_of_examples, less.ends_of_examples) if spread else None
    return Estimate(value, *ends((more.low, more.high), (less.low, less.high)), spread, of_examples)


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
    spread = float(np.std(by_seed, ddof=1)) if seeds > 1 else 0.0
    if not spread > 0 or not math.isfinite(spread):
        return found
    low, high = (widened(side, spread, seeds, examples) for side in (found.value - found.low, found.high - found.value))
    return Estimate(found.value, found.value - low, found.value + high, spread, (found.low, found.high))


def widened(side: float, spread: float, seeds: float, examples: float) -> float:
    """Widen one side of an interval over examples by what varies from seed to seed.

    Args:
        side: its length.
        spread: standard deviation of one network's number.
        seeds: number of networks.
        examples: how many there are.

    Example:
        >>> round(widened(0.0196, 0.0, 3, 1000), 4), round(widened(0.0, 0.01, 3, 1000), 4)
        (0.0196, 0.0248)
    """
    variance, own = (side / _SIDE) ** 2, spread**2 / seeds
    total = variance + own
    if not own > 0:
        return side
    freedom = total**2 / (variance**2 / max(examples - 1, 1) + own**2 / max(seeds - 1, 1))
    return float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(total)


def percent(share: float) -> str:
    """Write a share; a dash for NaN.

    Example:
        >>> percent(0.1123), percent(0.005), percent(0.0)
        ('11.2 %', '0.5 %', '0 %')
    """
    return "–" if math.isnan(share) else f"{100 * share:.3g} %"


def known_error(bayes_error: float | None, human_error: float | None) -> tuple[Estimate, str] | None:
    """The best achievable error that the caller knows, and where it is from.

    Raises:
        UsageError: both are given, or it is not a share.
    """
    if bayes_error is not None and human_error is not None:
        raise UsageError("bayes_error and human_error exclude each other; give the smaller one as bayes_error")
    for name, source, value in (("bayes_error", "given", bayes_error), ("human_error", "human", human_error)):
        if value is not None:
            if not isinstance(value, Real) or not 0 <= value < 1:
                raise UsageError(f"{name} is a share of at least 0 and below 1, such as 0.01 for 1 %, but is {value!r}")
            return Estimate.exactly(float(value)), source
    return None
