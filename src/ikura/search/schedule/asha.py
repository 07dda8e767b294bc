"""ASHA in lock-step: promote who deserves it, fill free places with fresh trials, wait, and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from ikura.search.schedule._base import Round, Schedule, StageContext, Standing
from ikura.search.schedule.rungs import best_first, check_halving, rungs
from ikura.trial_state import State

__all__ = ["Asha"]


class Asha(Schedule):
    """In each round promote every trial among the best ⌊n/η⌋ of the n that have come to its rung, then begin more.

    The paper's workers each take the next job when they are free, so what they decide depends on how fast they are.
    Here a round is decided when the one before has ended: promotions from the highest rung down, then as many fresh
    trials as may train at once besides. Decisions are then the same whatever the number of jobs. When there is no fresh
    trial left, nobody can be promoted and no trial has all its epochs yet, the best of the highest rung goes on.

    Args:
        eta: factor η between rungs, at least 2.
        shortest: epochs below which no comparison is made, at least 1.

    Raises:
        UsageError: eta is below 2 or shortest is below 1.

    Example:
        >>> Asha().next([], StageContext(trials=30, epochs=81, max_concurrent=4, seed=0)).fresh
        (1, 1, 1, 1)

    References:
        Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020.
    """

    name: ClassVar[str] = "asha"
    refills: ClassVar[bool] = True

    def __init__(self, eta: int = 3, shortest: int = 1) -> None:
        check_halving(eta, shortest)
        self.eta, self.shortest = eta, shortest

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        ladder = rungs(context.epochs, self.eta, self.shortest)
        train: dict[int, int] = {}
        for index in range(len(ladder) - 2, -1, -1):
            arrived = [one for one in standings if one.epochs >= ladder[index]]
            best = best_first(arrived, ladder[index])[: self._count(standings, ladder, index) // self.eta]
            promoted = [one for one in best if one.state == State.RUNNING and one.epochs == ladder[index]]
            train |= {one.number: ladder[index + 1] for one in promoted[: context.max_concurrent - len(train)]}
        fresh = min(context.max_concurrent - len(train), context.trials - len(standings))
        if not train and not fresh:
            train = self._last_one(standings, ladder)
        return Round(train, fresh=(ladder[0],) * fresh) if train or fresh else None

    @staticmethod
    def _count(standings: Sequence[Standing], ladder: Sequence[int], index: int) -> int:
        """How many trials have set out for a rung, those that diverged on the way included."""
        before = ladder[index - 1] if index else 0
        return sum(one.epochs > before for one in standings)

    @staticmethod
    def _last_one(standings: Sequence[Standing], ladder: Sequence[int]) -> dict[int, int]:
        if any(one.state == State.COMPLETE for one in standings):
            return {}
        running = [one for one in standings if one.state == State.RUNNING]
        if not running:
            return {}
        here = max(one.epochs for one in running)
        best = best_first([one for one in running if one.epochs == here], here)[0]
        return {best.number: ladder[ladder.index(here) + 1]}
