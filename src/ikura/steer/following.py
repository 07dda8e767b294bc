"""Which trial goes on where one has ended: what a hand that was on the one is on then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikura.study.record.intervention import Action
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record
from ikura.study.record.study_tables import row_of

__all__ = ["Focus", "followed"]

Focus = Callable[[Record], tuple[int | None, str | None]]
"""Says of a study which trial a view is about, None as long as that is not there, and a line about it, if any."""


def followed(record: Record, trial: int) -> int | None:
    """The trial that goes on where another one has ended.

    Args:
        record: the study.
        trial: its number.

    Returns:
        Its own number as long as it has not ended. Then that of a trial that goes on from it, or from one that does: a
        fork with which it was sent back comes first, then the newest one. None where there is none.

    Raises:
        UsageError: there is no such trial.
    """
    if not row_of(record.store, trial).state.ended:
        return trial
    found = (followed(record, one) for one in _made_of(record, trial))
    return next((one for one in found if one is not None), None)


def _made_of(record: Record, trial: int) -> Sequence[int]:
    """The forks and longer copies of a trial, those with which it was sent back first, the newest first."""
    asked = Interventions(record.store).every(trial)
    # Who goes back asks for a fork, and in the same breath for a stop.
    stops = {one.number for one in asked if one.action is Action.STOP}
    made = sorted(asked, key=lambda one: (one.number + 1 in stops, one.number), reverse=True)
    return [one.made for one in made if one.made is not None]
