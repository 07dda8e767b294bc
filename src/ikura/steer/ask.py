"""Asking: a request is looked at, and put on record where whoever trains the study finds it."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Callable, Mapping, Sequence

from ikura.errors import UsageError
from ikura.steer import search_checks, trial_checks
from ikura.steer.new_values import with_numbers_of_shape, without_effect
from ikura.steer.request_form import words, written
from ikura.study.record.facts import DONE, TEST
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record, writable
from ikura.study.record.trial import Purpose

__all__ = ["ask", "whoever"]


def whoever() -> str:
    """The name of the user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def ask(record: Record, requests: Sequence[Request], who: str | None = None) -> list[int]:
    """Ask for interventions on a study, which may train in another process: all of them or none.

    Args:
        record: the study.
        requests: what is asked.
        who: who asks; by default the user of this process.

    Returns:
        The interventions' numbers; `record.interventions` says what becomes of them.

    Raises:
        UsageError: one cannot be done, and why; nothing is recorded then.
    """
    requests = [written(one) for one in requests]
    name = whoever() if who is None else words("who", who)
    complete, notes = [], []
    for request in requests:
        if request.action is not Action.NOTE:
            _check_open(record)
        one = with_numbers_of_shape(record, request)
        CHECKS[one.action](record, one)
        if one.action is not Action.NOTE and record.store.count(purpose=Purpose.FINALIST):
            raise UsageError(f"{record.called}: the search has ended; the finalists train, which repeat what it found")
        complete.append(one)
        notes.append(without_effect(record, one))
    with writable(record) as store:
        numbers = Interventions(store).add(complete, name)
    for note in filter(None, notes):
        logging.getLogger("ikura").warning("%s", note)
    return numbers


def _check_open(record: Record) -> None:
    """Refuse what comes after the end of a study."""
    if record.store.fact(TEST) is not None:
        raise UsageError(
            f"{record.called}: the test set was opened; what is changed after that is another study: tune anew"
        )
    if record.store.fact(DONE):
        raise UsageError(f"{record.called}: the study is finished; nothing trains any more")


CHECKS: Mapping[Action, Callable[[Record, Request], None]] = {
    Action.SET: trial_checks.check_set,
    Action.STOP: trial_checks.check_stop,
    Action.FORK: trial_checks.check_fork,
    Action.PAUSE: trial_checks.check_pause,
    Action.GO_ON: trial_checks.check_go_on,
    Action.LONGER: trial_checks.check_longer,
    Action.PIN: trial_checks.check_pin,
    Action.UNPIN: trial_checks.check_unpin,
    Action.NOTE: trial_checks.check_note,
    Action.PRIORITISE: trial_checks.check_prioritise,
    Action.INJECT: search_checks.check_inject,
    Action.END: search_checks.check_end,
    Action.RANGE: search_checks.check_range,
    Action.ADD: search_checks.check_add,
    Action.BAN: search_checks.check_ban,
    Action.BUDGET: search_checks.check_budget,
    Action.TIME_LIMIT: search_checks.check_time_limit,
}
"""What is looked at before a request is put on record, by its action."""
