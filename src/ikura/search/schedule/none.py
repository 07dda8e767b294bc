"""No schedule: every trial trains to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ikura.search.schedule._base import Plan, Round, Schedule, Standing

__all__ = ["NoSchedule", "all_at_once"]


def all_at_once(standings: Sequence[Standing], plan: Plan) -> Round | None:
    """Let everybody begin in the first round and train all the epochs; there is no second one."""
    return None if standings else Round(fresh=(plan.epochs,) * plan.trials)


class NoSchedule(Schedule):
    """Let every trial train to the end.

    Example:
        >>> NoSchedule().next([], Plan(trials=3, epochs=100, room=8, seed=0)).fresh
        (100, 100, 100)
    """

    name: ClassVar[str] = "none"

    def next(self, standings: Sequence[Standing], plan: Plan) -> Round | None:
        return all_at_once(standings, plan)
