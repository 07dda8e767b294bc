"""Successive halving: the best part of the trials gets several times the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from ikura.search.schedule._base import Round, Schedule, StageContext, Standing
from ikura.search.schedule.rungs import check_halving, climb, rungs

__all__ = ["SuccessiveHalving"]


class SuccessiveHalving(Schedule):
    """Compare at R η^-k epochs for k = ..., 2, 1, 0, and let the best max(1, ⌊n/η⌋) of n trials go on.

    The n counts diverged trials too. Of equal scores the earlier trial goes on.

    Args:
        eta: factor η between rungs, at least 2.
        shortest: epochs below which no comparison is made, at least 1.

    Raises:
        UsageError: eta is below 2 or shortest is below 1.

    Example:
        >>> SuccessiveHalving().next([], StageContext(trials=3, epochs=81, max_concurrent=8, seed=0)).fresh
        (1, 1, 1)

    References:
        Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, AISTATS 2016.
    """

    name: ClassVar[str] = "successive-halving"

    def __init__(self, eta: int = 3, shortest: int = 1) -> None:
        check_halving(eta, shortest)
        self.eta, self.shortest = eta, shortest

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        ladder = rungs(context.epochs, self.eta, self.shortest)
        if not standings:
            return Round(fresh=(ladder[0],) * context.trials)
        train, drop = climb(standings, ladder, self.eta)
        return Round(train, drop) if train else None
