"""Asking: a request is looked at, and put on record where whoever trains the study finds it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from ikura.errors import UsageError, listed, nearest
from ikura.exchange.prior import fitted
from ikura.files import shown
from ikura.steer.new_values import check_values
from ikura.study.record.facts import DONE, TEST
from ikura.study.record.interventions import Action, Interventions, Request
from ikura.study.record.record import Record
from ikura.study.record.store import Store
from ikura.study.record.study_tables import row_of
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

__all__ = ["ask", "whoever"]


def whoever() -> str:
    """The name of the user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def ask(record: Record, request: Request, who: str | None = None) -> int:
    """Ask for an intervention on a study, which may train in another process.

    Args:
        record: the study.
        request: what is asked.
        who: who asks; by default the user of this process.

    Returns:
        The intervention's number; `record.interventions` says what becomes of it.

    Raises:
        UsageError: it cannot be done, and why; nothing is recorded then.
    """
    if record.store.fact(TEST) is not None:
        raise UsageError(
            f"{shown(record.run)}: the test set was opened; what is changed after that is another study: tune anew"
        )
    if record.store.fact(DONE):
        raise UsageError(f"{shown(record.run)}: the study is finished; nothing trains any more")
    CHECKS[request.action](record, request)
    if record.store.count(purpose=Purpose.FINALIST):
        raise UsageError(f"{shown(record.run)}: the search has ended; the finalists train, which repeat what it found")
    with _writable(record) as store:
        return Interventions(store).add(request, whoever() if who is None else who)


@contextmanager
def _writable(record: Record) -> Iterator[Store]:
    """The study's store, to write in; where the record reads a copy of it, the one in the run folder."""
    if not record.store.copied:
        yield record.store
        return
    with closing(Store(record.setting.place(record.run))) as store:
        yield store


def _check_set(record: Record, request: Request) -> None:
    trial = _training(record, request)
    check_values(record, trial, request.values)
    _check_at(record, trial, request.at)


def _training(record: Record, request: Request) -> Trial:
    """The trial of a request, which must be one of the search that has not ended."""
    trial = _searched(record, request)
    if trial.state.ended:
        raise UsageError(f"trial {trial.number} has ended ({trial.state}, {trial.epochs} epochs); it trains no more")
    return trial


def _searched(record: Record, request: Request) -> Trial:
    """The trial of a request, which must be one of the search."""
    if request.trial is None:
        raise UsageError(f"{request.action} needs a trial; name its number")
    trial = row_of(record.store, request.trial)
    if not trial.searched:
        raise UsageError(
            f"trial {trial.number} is a finalist: it repeats trial {trial.origin} with another seed and is left alone"
        )
    if trial.state is State.INFEASIBLE:
        raise UsageError(f"trial {trial.number} is infeasible; it never trains")
    return trial


def _epochs(record: Record, trial: Trial) -> int:
    """To how many epochs a trial trains."""
    return {one.stage: one.epochs for one in record.stages}.get(trial.stage, record.setting.epochs)


def _check_at(record: Record, trial: Trial, at: int | None, least: int = 0) -> None:
    """Refuse an epoch that the trial has behind it, or does not come to."""
    if at is None:
        return
    last, least = _epochs(record, trial), max(trial.epochs, least)
    if not least <= at < last:
        raise UsageError(
            f"trial {trial.number} trains from {trial.epochs} to {last} epochs; "
            f"at must be at least {least} and below {last}, but is {at}"
        )


def _check_stop(record: Record, request: Request) -> None:
    trial = _training(record, request)
    _no_values(request)
    _check_at(record, trial, request.at, least=1)


def _check_fork(record: Record, request: Request) -> None:
    trial, at = _searched(record, request), request.at
    check_values(record, trial, request.values)
    last = _epochs(record, trial)
    least, most = 0, (trial.epochs if trial.state.ended else last - 1)
    if at is None and trial.state.ended:
        at = trial.epochs
    if at is not None and not least <= at <= min(most, last - 1):
        raise UsageError(
            f"trial {trial.number} can be forked from {least} to {min(most, last - 1)} epochs, but at is {at}"
        )


def _check_inject(record: Record, request: Request) -> None:
    if request.trial is not None or request.at is not None:
        raise UsageError("inject takes a configuration alone, no trial and no epoch")
    space = record.searched
    for name in request.values:
        if name not in space:
            raise UsageError(f"the space has no {name!r}{nearest(name, space)}; it has {listed(space, 50)}")
    if fitted(request.values, space) is None:
        values = {name: one.from_unit(0.5) for name, one in space.items() if not one.varies} | dict(request.values)
        missing = [name for name in space.active(values) if name not in values]
        if missing:
            raise UsageError(f"inject needs a value of every hyperparameter; {listed(missing)} are missing")
        space.to_unit(values)
        raise UsageError("the space that is searched has no such configuration")


def _check_end(record: Record, request: Request) -> None:
    _no_values(request)
    if request.trial is not None or request.at is not None:
        raise UsageError("end is for the whole search, it takes no trial and no epoch")


def _no_values(request: Request) -> None:
    if request.values:
        raise UsageError(f"{request.action} takes no values, but got {', '.join(request.values)}")


CHECKS: Mapping[Action, Callable[[Record, Request], None]] = {
    Action.SET: _check_set,
    Action.STOP: _check_stop,
    Action.FORK: _check_fork,
    Action.INJECT: _check_inject,
    Action.END: _check_end,
}
"""What is looked at before a request is put on record, by its action."""
