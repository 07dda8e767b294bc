"""Changes that a hand makes to members while they train.

The values of a member at an epoch are those it began with and all changes until then: a function of what is on record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ikura.population.member import Member

if TYPE_CHECKING:
    from ikura.population.training import TrainingRun

__all__ = ["Change", "Course", "Listener"]


@dataclass(frozen=True)
class Change:
    """A change of one member between two epochs.

    Attributes:
        trial: the member's number.
        epoch: how many epochs it has trained by then.
        values: hyperparameters and their new values.
        stops: whether the member ends its training.
        pauses: whether the member stands still from here on.
    """

    trial: int
    epoch: int
    values: Mapping[str, Any] = field(default_factory=dict)
    stops: bool = False
    pauses: bool = False


class Listener(Protocol):
    """Hears what is asked for while a tile trains, and puts on record what is done before it takes effect."""

    def __call__(self, trials: Collection[int], epoch: int, fault: Callable[[Change], str]) -> Sequence[Change]:
        """Return the changes that take effect now.

        Args:
            trials: numbers of the members that train.
            epoch: how many epochs they have trained.
            fault: says why a change cannot be made here; empty where it can.
        """

    def over(self) -> bool:
        """Say whether the training is to end now, as if its time were over."""

    def held(self) -> bool:
        """Say whether nobody is to train before a hand says so."""

    def pending(self, trials: Collection[int]) -> bool:
        """Say whether something may be asked of these trials that was not heard yet."""

    def next_epoch_of(self, trials: Collection[int], epoch: int) -> int | None:
        """After how many epochs, beyond these, something takes effect that was heard; None where there is nothing."""

    @property
    def due(self) -> bool:
        """Whether it is time to be shown how far curves have come."""

    def show(
        self, curves: Mapping[int, np.ndarray], values: Mapping[int, Mapping[str, np.ndarray]], since: int
    ) -> None:
        """Take how far the curves of members have come.

        Args:
            curves: of each trial, train_loss, dev_loss and dev_score after each epoch, shape (epochs, 3).
            values: of each trial, what else is recorded after each epoch, by name, shape (epochs,).
            since: epochs of them that were recorded before the tile began.
        """


def member_at(member: Member, changes: Iterable[Change], epoch: int) -> Member:
    """A member with the values that it has after so many epochs.

    Example:
        >>> changes = [Change(7, 3, {"l2": 0.1}), Change(7, 5, {"l2": 0.2}), Change(8, 0, {"l2": 9.0})]
        >>> [member_at(Member(7, {}, 0), changes, epoch).values.l2 for epoch in (2, 3, 6)]
        [0.0, 0.1, 0.2]
    """
    values: dict[str, Any] = {}
    for one in changes:
        if one.trial == member.number and one.epoch <= epoch:
            values |= one.values
    return replace(member, hyperparameters={**member.hyperparameters, **values}) if values else member


@dataclass
class Course:
    """A tile's training, which is built anew from its members' states whenever a member's values change.

    What a member goes on from does not depend on the tile that it is in, so the neighbours of one that is changed keep
    their bits.

    Attributes:
        members: the members as they began.
        changes: those on record; what is asked for on the way joins them.
        make: builds the training of members.
        fault: says why members in a tile cannot become others; empty where they can.
        listener: hears what is asked for; None for nobody.
        paused: by place, what a member that stands still goes on from; None where the tile has gone on since.
    """

    members: Sequence[Member]
    changes: list[Change]
    make: Callable[[Sequence[Member]], TrainingRun]
    fault: Callable[[Sequence[Member], Sequence[Member]], str]
    listener: Listener | None = None
    paused: dict[int, dict[str, np.ndarray] | None] = field(default_factory=dict)

    def members_at(self, epoch: int) -> list[Member]:
        """The members with the values that they have after so many epochs."""
        return [member_at(member, self.changes, epoch) for member in self.members]

    def begin(self, epoch: int) -> TrainingRun:
        """The training of the members as they are after so many epochs."""
        return self.make(self.members_at(epoch))

    def settled(self, training: TrainingRun) -> TrainingRun:
        """The training with the changes on record until its epoch."""
        members = self.members_at(training.epoch)
        if members != list(training.tile.members):
            training = self._rebuilt(training, members)
        stopped = {one.trial for one in self.changes if one.stops and one.epoch <= training.epoch}
        for place, member in enumerate(members):
            training.tile.active[place] &= member.number not in stopped
        self._pause(training, stopped)
        return training

    def _pause(self, training: TrainingRun, stopped: Collection[int]) -> None:
        """Let members that are paused, and not stopped as well, stand still, and keep what they go on from."""
        since = {one.trial: one.epoch for one in self.changes if one.pauses and one.epoch <= training.epoch}
        for place, member in enumerate(self.members):
            if member.number in since and member.number not in stopped and place not in self.paused:
                here = since[member.number] == training.epoch
                self.paused[place] = training.extract(place) if here else None
                training.tile.active[place] = False

    def between_epochs(self, training: TrainingRun) -> TrainingRun:
        """The training as it goes on into its next epoch."""
        epoch = training.epoch
        if self.listener is not None:
            active = [one.number for one, on in zip(self.members, training.tile.active, strict=True) if on]
            self.changes += self.listener(active, epoch, self.fault_of)
        return self.settled(training) if any(one.epoch == epoch for one in self.changes) else training

    def fault_of(self, change: Change) -> str:
        """Say why a change cannot be made; empty where it can."""
        before = self.members_at(change.epoch)
        return self.fault(before, [member_at(member, [change], change.epoch) for member in before])

    def _rebuilt(self, training: TrainingRun, members: Sequence[Member]) -> TrainingRun:
        again = self.make(members)
        for place in range(len(members)):
            again.insert(place, training.extract(place))
        return again
