"""A claim, its estimate with a 95 % interval, and the verdict that follows from the interval alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from ikura.json_values import JsonObject

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HOLDS", "NOT_DECIDED", "Claim", "mean_interval", "mean_intervals"]

HOLDS = "holds"
DOES_NOT_HOLD = "does not hold"
NOT_DECIDED = "not decided"


def mean_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Estimate a mean by Student's t.

    Args:
        values: independent measurements; NaN passes through.
        level: the confidence.

    Returns:
        The mean and both ends of its interval; NaN for the ends of fewer than two values.

    Example:
        >>> mean_interval([1.0, 2.0, 3.0])
        (2.0, -0.484..., 4.484...)
    """
    from scipy.special import stdtrit

    known = np.asarray(values, np.float64)
    if not known.size:
        return math.nan, math.nan, math.nan
    mean = float(known.mean())
    if known.size < 2:
        return mean, math.nan, math.nan
    half = float(stdtrit(known.size - 1, (1 + level) / 2)) * float(known.std(ddof=1)) / math.sqrt(known.size)
    return mean, mean - half, mean + half


def mean_intervals(groups: Iterable[Sequence[float] | np.ndarray]) -> tuple[list[float], list[float], list[float]]:
    """Estimate the mean of each group: all means, all lower ends and all upper ends, as `Line` takes them."""
    found = [mean_interval(one) for one in groups]
    return [one[0] for one in found], [one[1] for one in found], [one[2] for one in found]


@dataclass(frozen=True)
class Claim:
    """Something claimed of a number, and what was measured of it.

    Attributes:
        sentence: the claim.
        what: what the estimate is of.
        estimate: the measured number.
        low, high: its 95 % interval; NaN where there is none.
        least, most: the claim is that the number lies strictly between them.
        repetitions: measurements behind the estimate.
    """

    sentence: str
    what: str
    estimate: float
    low: float
    high: float
    least: float
    most: float
    repetitions: int

    @classmethod
    def of_mean(
        cls,
        sentence: str,
        what: str,
        values: Sequence[float] | np.ndarray | pd.Series,
        least: float = -math.inf,
        most: float = math.inf,
    ) -> Self:
        """Claim that a mean lies between `least` and `most`, judged by Student's interval."""
        return cls(sentence, what, *mean_interval(np.asarray(values)), least, most, len(values))

    @classmethod
    def of_shares(
        cls, sentence: str, what: str, hits: pd.Series | np.ndarray, least: float = -math.inf, most: float = math.inf
    ) -> Self:
        """Claim that a probability lies between `least` and `most`, of a truth value for each try."""
        return cls.of_share(sentence, what, int(hits.sum()), len(hits), least, most)

    @classmethod
    def of_share(
        cls, sentence: str, what: str, hits: int, tries: int, least: float = -math.inf, most: float = math.inf
    ) -> Self:
        """Claim that a probability lies between `least` and `most`, judged by Wilson's interval."""
        if not tries:
            return cls(sentence, what, math.nan, math.nan, math.nan, least, most, 0)
        from ikura.metric.interval import wilson

        return cls(sentence, what, hits / tries, *wilson(int(hits), int(tries), 0.95), least, most, tries)

    @property
    def verdict(self) -> str:
        """The whole interval inside: holds; the whole interval outside: does not hold; otherwise not decided.

        Example:
            >>> Claim.of_mean("it falls", "slope", [-1.0, -1.1, -0.9], most=0).verdict
            'holds'
            >>> Claim.of_mean("it falls", "slope", [-1.0, 1.1, -0.9], most=0).verdict
            'not decided'
        """
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            return NOT_DECIDED
        if self.least < self.low and self.high < self.most:
            return HOLDS
        if self.high <= self.least or self.low >= self.most:
            return DOES_NOT_HOLD
        return NOT_DECIDED

    def to_json(self) -> JsonObject:
        """Return the claim as plain values; ends that are infinite become None."""
        numbers = {name: getattr(self, name) for name in ("estimate", "low", "high", "least", "most")}
        plain = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        words = {"claim": self.sentence, "verdict": self.verdict, "what": self.what}
        return {**words, **plain, "repetitions": self.repetitions}
