"""Whether a round can be carried out."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from ikura.errors import IkuraError
from ikura.search.schedule._base import Round, Schedule, StageContext, Standing
from ikura.trial_state import State

__all__ = ["check_round"]


def check_round(schedule: Schedule, decided: Round, standings: Sequence[Standing], context: StageContext) -> None:
    """Refuse a round that a schedule must not decide.

    Raises:
        IkuraError: it trains nobody, somebody who does not run, not further than now or beyond the epochs, or more
            fresh trials than there are; or a schedule that refills goes beyond `max_concurrent`.
    """
    running = {one.number: one for one in standings if one.state == State.RUNNING}
    begun = sum(one.parent is None for one in standings)

    def refuse(why: str) -> None:
        raise IkuraError(f"schedule {schedule.name!r}: {why}")

    for number, until in [*decided.train.items(), *((copy.parent, copy.until) for copy in decided.copies)]:
        if number not in running:
            refuse(f"trial {number} is to train but does not run")
        if not running[number].epochs < until <= context.epochs:
            refuse(f"trial {number} has {running[number].epochs} of {context.epochs} epochs and is to train to {until}")
        if not (len(running[number].scores) and isfinite(running[number].scores[-1])):
            refuse(f"trial {number} is to go on without a finite score")
    for number in decided.drop:
        if number not in running:
            refuse(f"trial {number} is to be dropped but does not run")
        if number in decided.train:
            refuse(f"trial {number} is to be dropped and to train")
    for until in decided.fresh:
        if not 0 < until <= context.epochs:
            refuse(f"a fresh trial is to train to {until} of {context.epochs} epochs")
    if len(decided.fresh) > context.trials - begun:
        refuse(f"{len(decided.fresh)} trials are to begin, but only {context.trials - begun} are left")
    if decided.copies and not schedule.copies:
        refuse("trials are to be copied, which it does not declare")
    at_once = len(decided.train) + len(decided.fresh) + len(decided.copies)
    if not at_once:
        refuse("a round in which nobody trains")
    if schedule.refills and at_once > context.max_concurrent:
        refuse(f"{at_once} trials are to train at once, at most {context.max_concurrent} may")
