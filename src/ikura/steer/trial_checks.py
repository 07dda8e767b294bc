"""What is looked at before something is asked of a trial: whether it can have an effect."""

from __future__ import annotations

from ikura.errors import UsageError
from ikura.steer.new_values import check_values
from ikura.study.goals import Goals
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger
from ikura.study.record.record import Record
from ikura.study.record.study_tables import live_row_of, row_of
from ikura.study.record.trial import Trial
from ikura.study.record.tune_options import MOST
from ikura.trial_state import State

__all__ = [
    "check_fork", "check_go_on", "check_longer", "check_note", "check_pause", "check_pin", "check_prioritise",
    "check_set", "check_stop", "check_unpin", "no_values", "standing_still",
]  # fmt: skip


def no_values(request: Request) -> None:
    """Refuse values.

    Raises:
        UsageError: there are some.
    """
    if request.values:
        raise UsageError(f"{request.action} takes no values, but got {', '.join(request.values)}")


def check_set(record: Record, request: Request) -> None:
    """Refuse values that a trial cannot be given at an epoch."""
    trial = _training(record, request)
    check_values(record, trial, request.values, request.at)
    _check_at(record, trial, request.at, _come_to(record, trial))


def check_stop(record: Record, request: Request) -> None:
    """Refuse to stop a trial that has ended, or at an epoch that it does not come to; one it is past means at once."""
    trial = _training(record, request)
    no_values(request)
    _check_at(record, trial, request.at, 1)


def check_fork(record: Record, request: Request) -> None:
    """Refuse a fork from an epoch that the trial does not come to."""
    trial, at = _searched(record, request), request.at
    if request.values:
        check_values(record, trial, request.values, at)
    last = _epochs(record, trial)
    least, most = 0, (trial.epochs if trial.state.ended else last - 1)
    if at is None and trial.state.ended:
        at = trial.epochs
    if at is not None and not least <= at <= min(most, last - 1):
        raise UsageError(
            f"trial {trial.number} can be forked from {least} to {min(most, last - 1)} epochs, but at is {at}"
        )


def check_pause(record: Record, request: Request) -> None:
    """Refuse to pause a trial that has ended, stands still, or has not begun; or a study that is paused."""
    if request.trial is None:
        _check_study(record, request, held=False)
        return
    trial = _training(record, request)
    no_values(request)
    if trial.number in standing_still(record):
        raise UsageError(f"trial {trial.number} is paused already")
    if request.at is None and not _begun(record, trial):
        raise UsageError(
            f"trial {trial.number} waits and has not begun to train; say after how many epochs it is to pause (at)"
        )
    _check_at(record, trial, request.at, max(_come_to(record, trial), 1))


def check_go_on(record: Record, request: Request) -> None:
    """Refuse to let a trial go on that does, or the study where it does."""
    if request.trial is None:
        _check_study(record, request, held=True)
        return
    trial = _training(record, request)
    no_values(request)
    _no_epoch(request)
    if trial.number not in standing_still(record):
        raise UsageError(f"trial {trial.number} is not paused")


def check_longer(record: Record, request: Request) -> None:
    """Refuse to train a trial to fewer epochs than it trains anyway, or one that came to nothing."""
    trial = _searched(record, request)
    _no_epoch(request)
    epochs = request.values.get("epochs")
    if request.values.keys() != {"epochs"} or type(epochs) is not int:
        raise UsageError("longer takes the number of epochs to train to in all, a whole number")
    if trial.state.failed or trial.state is State.SKIPPED:
        raise UsageError(f"trial {trial.number} is {trial.state}; there is nothing to go on from")
    least = trial.epochs if trial.state.ended else _epochs(record, trial)
    if epochs > MOST["epochs"]:
        raise UsageError(f"a trial trains at most {MOST['epochs']:,} epochs, but longer got {epochs:,}")
    if epochs <= least:
        raise UsageError(f"trial {trial.number} trains {least} epochs anyway; name more than that, not {epochs}")


def check_pin(record: Record, request: Request) -> None:
    """Refuse to pin a trial that has ended, or is pinned."""
    trial = _training(record, request)
    no_values(request)
    _no_epoch(request)
    if trial.number in Interventions(record.store).pinned():
        raise UsageError(f"trial {trial.number} is pinned already")


def check_unpin(record: Record, request: Request) -> None:
    """Refuse to unpin a trial that has ended, is not pinned, or trains on because it was."""
    trial = _training(record, request)
    no_values(request)
    _no_epoch(request)
    if trial.number not in Interventions(record.store).pinned():
        raise UsageError(f"trial {trial.number} is not pinned")
    if any(trial.number in one.kept for one in Ledger(record.store).rounds(trial.stage)):
        raise UsageError(
            f"trial {trial.number} was dropped by the schedule and trains on because it was pinned; stop it instead"
        )


def check_note(record: Record, request: Request) -> None:
    """Refuse a note without a text."""
    no_values(request)
    _no_epoch(request)
    if request.trial is not None:
        row_of(record.store, request.trial)
    if not request.why.strip():
        raise UsageError("a note needs a text")


def check_prioritise(record: Record, request: Request) -> None:
    """Refuse to put a trial first that does not wait."""
    trial = _training(record, request)
    no_values(request)
    _no_epoch(request)
    # A fork has epochs of the trial that it goes on from before it trains any of its own.
    if trial.state is not State.WAITING or record.store.in_training([trial.number]):
        raise UsageError(f"trial {trial.number} has begun to train; only one that waits can be put first")


def _check_study(record: Record, request: Request, held: bool) -> None:
    """Refuse to pause a study that stands still, or to let go on one that does not."""
    no_values(request)
    _no_epoch(request)
    if Interventions(record.store).held() is not held:
        raise UsageError(f"{record.called}: the study is {'not paused' if held else 'paused already'}")


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


def _begun(record: Record, trial: Trial) -> bool:
    return trial.epochs > 0 or bool(record.store.in_training([trial.number]))


def standing_still(record: Record) -> set[int]:
    """Trials that stand still, or will as soon as those who train have seen it."""
    interventions = Interventions(record.store)
    found = set(interventions.paused())
    for one in interventions.unsettled():
        if one.action is Action.PAUSE and one.trial is not None:
            found.add(one.trial)
        elif one.action is Action.GO_ON and one.trial is not None:
            found.discard(one.trial)
    return found


def _epochs(record: Record, trial: Trial) -> int:
    """To how many epochs a trial trains."""
    return Goals(record.setting, record.store).of(trial).epochs


def _no_epoch(request: Request) -> None:
    if request.at is not None:
        raise UsageError(f"{request.action} takes no epoch (at)")


def _come_to(record: Record, trial: Trial) -> int:
    """How many epochs a trial has trained, as far as is shown while it trains."""
    return live_row_of(record.store, trial.number).epochs


def _check_at(record: Record, trial: Trial, at: int | None, least: int) -> None:
    """Refuse an epoch that the trial does not come to any more, or not at all."""
    if at is None:
        return
    last = _epochs(record, trial)
    if not least <= at < last:
        raise UsageError(
            f"trial {trial.number} is at epoch {_come_to(record, trial)} of {last}; "
            f"at must be at least {least} and below {last}, but is {at}"
        )
