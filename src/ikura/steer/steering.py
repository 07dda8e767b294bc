"""The hand of a study, as its user has it in Python."""

from __future__ import annotations

from ikura.schema import Scalar
from ikura.steer.ask import ask
from ikura.study.record.interventions import Action, Intervention, Interventions, Request
from ikura.study.record.record import Record

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
            at: after how many of its epochs, at least 1; None for the next boundary between two epochs.
            why: your reason, for the record.

        Raises:
            UsageError: the trial has ended.
        """
        return self.ask(Request(action=Action.STOP, trial=trial, at=at, why=why))

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
