"""A trial of a study that trains, under the hand of whoever holds it: what can be asked of it, and what it comes to."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pandas as pd
from typing_extensions import override

from ikura.api.notebook import card, show
from ikura.api.study import Study
from ikura.errors import UsageError
from ikura.schema import Scalar
from ikura.study.record.intervention import Action, Intervention, Status
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record
from ikura.study.record.study_tables import live_row_of
from ikura.study.record.trial import Trial

__all__ = ["LiveFork", "LiveTrial"]


class LiveTrial(ABC):
    """A trial that may be in training.

    Attributes:
        study: the study that it is of.
    """

    study: Study

    def _repr_html_(self) -> str:
        return card(self.study, self._focus)

    def _ipython_display_(self) -> None:
        show(Study(self.study.place, self.study.network), self._alive, self._focus)

    @abstractmethod
    def _alive(self) -> bool:
        """Whether its study trains."""

    @abstractmethod
    def _focus(self, record: Record) -> tuple[int | None, str | None]:
        """Which trial its view is about, see `Focus`."""

    @property
    @abstractmethod
    def number(self) -> int:
        """The trial's number."""

    @property
    def trial(self) -> Trial:
        """The network as it stands: while it trains, its epochs so far and its state; its scores when it has ended."""
        return live_row_of(self.study.store, self.number)

    @property
    def curve(self) -> pd.DataFrame:
        """A row for each epoch so far: epoch, train_loss, dev_loss, dev_score, and what else is recorded."""
        return self.study.curve(self.number)

    def fork(self, *, at: int | None = None, why: str = "", **values: Scalar) -> LiveFork:
        """Let a new trial go on from an epoch of it with other values, beside it; see `Steering.fork`."""
        return LiveFork(self, self.study.steer.fork(self.number, at=at, why=why, **values))

    def go_on(self, *, why: str = "") -> Intervention:
        """Let it train on, where it stands still; see `Steering.go_on`."""
        return self.study.steer.go_on(self.number, why=why)

    def longer(self, epochs: int, *, why: str = "") -> LiveFork:
        """Train it longer than planned: a copy goes on from its end; see `Steering.longer`."""
        return LiveFork(self, self.study.steer.longer(self.number, epochs, why=why))

    def note(self, text: str) -> Intervention:
        """Write a text about it, which changes nothing; see `Steering.note`."""
        return self.study.steer.note(text, trial=self.number)

    def pause(self, *, at: int | None = None, why: str = "") -> Intervention:
        """Let it stand still until it is told to go on; see `Steering.pause`."""
        return self.study.steer.pause(self.number, at=at, why=why)

    def rewind(self, to: int, *, why: str = "", **values: Scalar) -> LiveFork:
        """Go back to an epoch: it is stopped, and a fork goes on from there; see `Steering.rewind`."""
        asked = self.study.steer.rewind(self.number, to, why=why, **values)
        return LiveFork(self, next(one for one in asked if one.action is Action.FORK))

    def set(self, *, at: int | None = None, why: str = "", **values: Scalar) -> Intervention:
        """Give it other values of hyperparameters from an epoch on; see `Steering.set`."""
        return self.study.steer.set(self.number, at=at, why=why, **values)

    def stop(self, *, at: int | None = None, why: str = "") -> Intervention:
        """End its training; the weights of its best epoch are kept. See `Steering.stop`."""
        return self.study.steer.stop(self.number, at=at, why=why)


class LiveFork(LiveTrial):
    """A trial that was asked for: a fork of another one, which begins when that has ended or stands still.

    Args:
        parent: the trial that it goes on from.
        asked: the intervention that makes it.
    """

    def __init__(self, parent: LiveTrial, asked: Intervention) -> None:
        self.study, self.parent, self._asked = parent.study, parent, asked.number

    def __repr__(self) -> str:
        one = self.intervention
        return f"LiveFork(of trial {one.trial}: {_became(one)})"

    @override
    def _alive(self) -> bool:
        return self.parent._alive()

    @override
    def _focus(self, record: Record) -> tuple[int | None, str | None]:
        one = Interventions(record.store).one(self._asked)
        waits = ", begins when that has ended" + (" or stands still" if one.action is Action.FORK else "")
        return one.made, f"{one.action} of trial {one.trial}: {_became(one)}{waits if one.state.open else ''}"

    @property
    def intervention(self) -> Intervention:
        """What was asked, and what has become of it."""
        return Interventions(self.study.store).one(self._asked)

    @property
    def begun(self) -> bool:
        """Whether the trial is there."""
        return self.intervention.made is not None

    @property
    def number(self) -> int:
        """The trial's number.

        Raises:
            UsageError: it has not begun, or was refused.
        """
        one = self.intervention
        if one.made is not None:
            return one.made
        if one.state is Status.REFUSED:
            raise UsageError(f"the fork of trial {one.trial} was refused: {one.reason}")
        fork = one.action is Action.FORK
        raise UsageError(
            f"the {'fork' if fork else 'longer copy'} of trial {one.trial} has not begun: it does when that trial has "
            f"ended{' or stands still' if fork else ''} and a worker is free; `begun` says when"
        )


def _became(one: Intervention) -> str:
    """What has become of what was asked: a trial, or how it stands."""
    return f"trial {one.made}" if one.made is not None else f"{one.state} {one.reason}".rstrip()
