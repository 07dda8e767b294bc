"""The hand of a study, as its user has it in Python."""

from __future__ import annotations

from ikura.schema import Scalar
from ikura.steer.ask import ask
from ikura.study.record.interventions import Action, Intervention, Interventions, Request
from ikura.study.record.record import Record
from ikura.study.record.study_tables import row_of

__all__ = ["Steering"]


class Steering:
    """Asks for changes of a study while it trains, here or in another process.

    Each method returns the intervention as it stands; `study.interventions` says what became of it.

    Args:
        record: the study.
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    def set(self, trial: int, *, at: int | None = None, why: str = "", **values: Scalar) -> Intervention:
        """Give a trial other values of hyperparameters from an epoch on.

        Args:
            trial: its number.
            at: after how many of its epochs; None for the next boundary between two epochs.
            why: your reason, for the record.
            **values: hyperparameters and their new values.

        Raises:
            UsageError: the trial has ended, or a value cannot be set while it trains, and why.
        """
        return self.ask(Request(action=Action.SET, trial=trial, values=values, at=at, why=why))

    def stop(self, trial: int, *, at: int | None = None, why: str = "") -> Intervention:
        """End a trial; the weights of its best epoch are kept, as of one that stopped early.

        Args:
            trial: its number.
            at: after how many of its epochs, at least 1; at once if it has come further. None for at once, too, which
                is the next boundary between two epochs.
            why: your reason, for the record.

        Raises:
            UsageError: the trial has ended.
        """
        return self.ask(Request(action=Action.STOP, trial=trial, at=at, why=why))

    def fork(self, trial: int, *, at: int | None = None, why: str = "", **values: Scalar) -> Intervention:
        """Begin a new trial that goes on from an epoch of another one with other values; that one goes on as it is.

        The new trial is trained when the trials of the stage have ended, to as many epochs as they; the intervention's
        `made` is its number.

        Args:
            trial: number of the trial that is forked.
            at: after how many of its epochs; None for where it is now.
            why: your reason, for the record.
            **values: hyperparameters and their new values.

        Raises:
            UsageError: it has not come so far, or a value cannot be set while it trains, and why.
        """
        return self.ask(Request(action=Action.FORK, trial=trial, values=values, at=at, why=why))

    def inject(self, *, why: str = "", **values: Scalar) -> Intervention:
        """Try a configuration in the search, which learns from it as from what was known before.

        It is trained when the trials of the stage have ended, to as many epochs as they; the intervention's `made` is
        the trial's number.

        Args:
            why: your reason, for the record.
            **values: a value for every hyperparameter of the space that is not fixed.

        Raises:
            UsageError: the space has no such configuration, and why.
        """
        return self.ask(Request(action=Action.INJECT, values=values, why=why))

    def end(self, *, why: str = "") -> Intervention:
        """End the search now and go on to the finalists, as if its time were over: trials in training are cut short.

        Args:
            why: your reason, for the record.

        Raises:
            UsageError: the search has ended already.
        """
        return self.ask(Request(action=Action.END, why=why))

    def rewind(self, trial: int, to: int, *, why: str = "", **values: Scalar) -> list[Intervention]:
        """Go back to an epoch of a trial: it is stopped, and a fork goes on from there with other values.

        What the trial has trained stays on record.

        Args:
            trial: its number.
            to: after how many of its epochs the fork begins.
            why: your reason, for the record.
            **values: hyperparameters and their new values.

        Returns:
            The fork, and the stop if the trial still trains.

        Raises:
            UsageError: it has not come so far, or a value cannot be set while it trains, and why.
        """
        asked = [self.fork(trial, at=to, why=why, **values)]
        row = row_of(self.record.store, trial)
        if not row.state.ended:
            asked.append(self.stop(trial, at=to if to > row.epochs else None, why=why))
        return asked

    def ask(self, request: Request, who: str | None = None) -> Intervention:
        """Ask for what a request says; see `ikura.steer.ask`.

        Args:
            request: what is asked.
            who: who asks; by default the user of this process.

        Raises:
            UsageError: it cannot be done, and why; nothing is recorded then.
        """
        number = ask(self.record, request, who)
        return Interventions(self.record.store).one(number)
