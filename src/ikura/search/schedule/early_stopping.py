"""Early stopping: a trial ends when its dev loss no longer improves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from ikura.search.schedule._base import Round, Schedule, StageContext, Standing

__all__ = ["EarlyStopping", "NoSchedule"]


class EarlyStopping(Schedule):
    """Let every trial go on until its dev loss has not improved for a fifth of the epochs, at least five.

    The best weights are kept, so what is traded for the saved epochs is a late recovery of the dev loss; the goals of
    fitting the training set and of not overfitting it are no longer pursued one at a time.

    Example:
        >>> EarlyStopping().patience(100), EarlyStopping().patience(8)
        (20, 5)
    """

    name: ClassVar[str] = "early-stopping"

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        return all_at_once(standings, context)

    @override
    def patience(self, epochs: int) -> int | None:
        return max(5, epochs // 5)


def all_at_once(standings: Sequence[Standing], context: StageContext) -> Round | None:
    """Let everybody begin in the first round and train all the epochs; there is no second one."""
    return None if standings else Round(fresh=(context.epochs,) * context.trials)


class NoSchedule(Schedule):
    """Let every trial train to the end.

    Example:
        >>> NoSchedule().next([], StageContext(trials=3, epochs=100, max_concurrent=8, seed=0)).fresh
        (100, 100, 100)
    """

    name: ClassVar[str] = "none"

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        return all_at_once(standings, context)
