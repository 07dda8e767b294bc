"""Where the good results lie, and draws from there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ikura.search._base import Observation, Region, ranked
from ikura.space import Choice, Space

__all__ = ["Neighbourhood", "evidence", "good_trials"]

_SHARE = 0.15
_FEWEST = 4
_TRIMMED = 0.1
_TRIM_FROM = 8
_HALF_WIDTH = 0.05
_EDGE = 0.05
_REACH = 0.25
_KEEP_OPTION = 0.8


def good_trials(history: Sequence[Observation]) -> list[Observation]:
    """Select the good results: the best 15 %, at least 4, but at most half of those that are usable.

    Args:
        history: finished trials in any order.

    Returns:
        The good ones, best first: by score, then by loss, then by number. Empty when fewer than 4 scores are finite and
        of feasible trials.

    Example:
        >>> history = [Observation(n, 0, {}, score=-abs(n - 3), loss=0.0) for n in range(8)]
        >>> [one.number for one in good_trials(history)]
        [3, 2, 4, 1]
    """
    usable = sum(one.usable for one in history)
    if usable < _FEWEST:
        return []
    return ranked(history)[: min(max(ceil(_SHARE * len(history)), _FEWEST), usable // 2)]


def evidence(
    values: Sequence[float] | NDArray[np.float64], tried: Sequence[float] | NDArray[np.float64]
) -> tuple[float, float, int, float]:
    """Find the interval of the good values that chance explains worst.

    If a hyperparameter did not matter, k good trials would be k of all n by chance, and the share of all trials that
    lies between the good values of rank 1 + a and k - b would follow Beta(k - 1 - a - b, a + b + 2). From 8 values on,
    a tenth may be left out on either side; the probability of the best of these intervals is multiplied by how many
    were looked at.

    Args:
        values: coordinates of the good trials, at least 2.
        tried: coordinates of all trials.

    Returns:
        The least and the greatest value of the interval, how many good ones lie in it, and the probability that chance
        makes one as narrow.

    Example:
        >>> tried = [i / 99 for i in range(100)]
        >>> low, high, inside, chance = evidence([0.3, 0.32, 0.37, 0.4], tried)
        >>> inside, round(chance, 4)
        (4, 0.0037)
    """
    from scipy.special import betainc

    ordered, others, k = np.sort(values), np.sort(tried), len(values)
    trim = max(1, int(_TRIMMED * k)) if k >= _TRIM_FROM else 0
    ways = list(product({0, trim}, repeat=2))
    found = []
    for a, b in ways:
        low, high = ordered[a], ordered[k - 1 - b]
        inside = np.searchsorted(others, high, side="right") - np.searchsorted(others, low, side="left")
        chance = float(betainc(k - 1 - a - b, a + b + 2, inside / len(others)))
        found.append((chance, a + b, float(low), float(high)))
    chance, out, low, high = min(found)
    return low, high, k - out, min(1.0, len(ways) * chance)


class Neighbourhood:
    """The part of a space around the good results.

    A number gets one interval on its own scale: the one of `evidence`, wider on both sides by what uniform draws leave
    uncovered, width/(k - 1), and pulled to the border of the space when it comes close. How far the range is narrowed
    to it follows from the evidence: with p for the probability that chance alone crowds the good results like this,
    both ends go 1 - p of the way, so that a hyperparameter that does not matter keeps its range. An option of a choice
    gets a chance in proportion to its success, (g + q)/(n + 1) for g good ones among its n trials, where q is the share
    of good ones overall.

    Args:
        space: what is searched.
        history: all finished trials to learn from.
        best: the good ones of them, at least one.
        opened: (name, end) of ranges that were just widened: the interval reaches their new ends.
    """

    def __init__(
        self,
        space: Space,
        history: Sequence[Observation],
        best: Sequence[Observation],
        opened: Collection[tuple[str, str]] = (),
    ) -> None:
        self.space = space
        self.points = [space.to_unit(one.configuration) for one in best]
        self.spans: dict[str, tuple[float, float]] = {}
        self.chances: dict[str, NDArray[np.float64]] = {}
        for name in space.dimensions:
            one = space[name]
            if isinstance(one, Choice):
                self.chances[name] = self._chances(name, one, history, best)
            else:
                tried = [one.to_unit(trial.configuration[name]) for trial in history if name in trial.configuration]
                low, high = _span([point[name] for point in self.points if name in point], tried)
                self.spans[name] = (
                    0.0 if (name, "low") in opened else low,
                    1.0 if (name, "high") in opened else high,
                )

    def _chances(
        self, name: str, one: Choice, history: Sequence[Observation], best: Sequence[Observation]
    ) -> NDArray[np.float64]:
        def count(trials: Sequence[Observation]) -> NDArray[np.float64]:
            places = [one.index(trial.configuration[name]) for trial in trials if name in trial.configuration]
            return np.bincount(places, minlength=len(one.options)).astype(np.float64)

        rate = (count(best) + len(best) / len(history)) / (count(history) + 1)
        chances: NDArray[np.float64] = rate / rate.sum()
        return chances

    def place(self, name: str, u: NDArray[np.float64], anchor: NDArray[np.int64]) -> NDArray[np.float64]:
        """Move uniform draws of one hyperparameter into the neighbourhood.

        A draw without an anchor covers the whole interval, or the options by their chances. One with an anchor stays
        within a quarter of the interval's width of that good result, or keeps its option four times out of five.

        Args:
            name: one of the space's dimensions.
            u: uniform draws, shape (count,).
            anchor: index of a good result for each draw, -1 for none, shape (count,).

        Returns:
            Coordinates on the unit scale, shape (count,).
        """
        centre = np.array([*(point.get(name, np.nan) for point in self.points), np.nan])[anchor]
        near = ~np.isnan(centre)
        if name in self.spans:
            low, high = self.spans[name]
            reach = _REACH * (high - low)
            centre = np.clip(centre, low, high)
            lower = np.where(near, np.maximum(centre - reach, low), low)
            upper = np.where(near, np.minimum(centre + reach, high), high)
            placed: NDArray[np.float64] = np.clip(lower + u * (upper - lower), 0.0, 1.0)
            return placed
        chances = self.chances[name]
        keep = near & (u < _KEEP_OPTION)
        u = np.where(near, (u - _KEEP_OPTION) / (1 - _KEEP_OPTION), u)
        option = np.minimum(np.searchsorted(np.cumsum(chances), u, side="right"), len(chances) - 1)
        return np.where(keep, centre, (option + 0.5) / len(chances))

    def region(self) -> Region:
        """Describe the neighbourhood in the hyperparameters' own values.

        Returns:
            Name to [low, high], or to the options that have at least half of an even chance.
        """
        found: Region = {}
        for name in self.space.dimensions:
            one = self.space[name]
            if name in self.spans:
                found[name] = [one.from_unit(u) for u in self.spans[name]]
            elif isinstance(one, Choice):
                even = 1 / len(one.options)
                found[name] = [o for o, c in zip(one.options, self.chances[name], strict=True) if c >= even / 2]
        return found


def _span(values: Sequence[float], tried: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return 0.0, 1.0
    low, high, inside, chance = evidence(values, tried)
    padding = max((high - low) / (inside - 1), _HALF_WIDTH - (high - low) / 2)
    low, high = low - padding, high + padding
    low, high = (low if low > _EDGE else 0.0), (high if high < 1 - _EDGE else 1.0)
    return (1 - chance) * low, chance + (1 - chance) * high
