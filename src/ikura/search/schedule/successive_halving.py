"""Successive halving: the best part of the trials gets several times the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import ClassVar

from ikura.errors import UsageError
from ikura.search.schedule._base import Schedule

__all__ = ["SuccessiveHalving"]


class SuccessiveHalving(Schedule):
    """Compare at R η^-k epochs for k = ..., 2, 1, 0, and let the best max(1, ⌊n/η⌋) of n trials go on.

    The n counts diverged trials too. Of equal scores the earlier position goes on.

    Args:
        eta: factor η between rungs, at least 2.
        shortest: epochs below which no comparison is made, at least 1.

    Raises:
        UsageError: eta is below 2 or shortest is below 1.

    Example:
        >>> SuccessiveHalving().rungs(81)
        [1, 3, 9, 27, 81]
        >>> SuccessiveHalving().survivors([0.1, 0.9, 0.3, float("nan"), 0.8, 0.2], rung=0)
        [1, 4]

    References:
        Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, AISTATS 2016.
    """

    name: ClassVar[str] = "successive-halving"

    def __init__(self, eta: int = 3, shortest: int = 1) -> None:
        if eta < 2:
            raise UsageError(f"eta must be at least 2, but got {eta}")
        if shortest < 1:
            raise UsageError(f"shortest must be at least 1 epoch, but got {shortest}")
        self.eta = eta
        self.shortest = shortest

    def rungs(self, epochs: int) -> list[int]:
        if epochs < 1:
            raise UsageError(f"epochs must be at least 1, but got {epochs}")
        found = [epochs]
        while (shorter := round(epochs / self.eta ** len(found))) >= self.shortest:
            found.append(shorter)
        return sorted(set(found))

    def survivors(self, scores: Sequence[float], rung: int) -> list[int]:
        finite = [position for position, score in enumerate(scores) if isfinite(score)]
        best_first = sorted(finite, key=lambda position: -scores[position])
        return sorted(best_first[: max(1, len(scores) // self.eta)])
