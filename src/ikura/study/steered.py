"""What a hand has done to trials, as those who train them need it: the changes on record, and who hears of new ones."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ikura.population.changes import Change
from ikura.study.record.address import Address
from ikura.study.record.intervention import Action, Intervention, Status
from ikura.study.record.interventions import Glance, Interventions
from ikura.study.record.ledger import Ledger
from ikura.study.record.store import Store
from ikura.study.record.trial import Trial

__all__ = [
    "ConfigurationCourse",
    "Deadline",
    "StoreListener",
    "changes_of",
    "course_of",
    "refuse_ended",
    "values_after",
]

SECONDS = 0.1
"""How often a tile looks for new requests."""

SECONDS_BETWEEN_POINTS = 0.5
"""How often the curves of a tile are shown while it trains, at least that apart."""
MOST_SECONDS_BETWEEN_POINTS = 10.0
"""How often at least, however long that takes."""
SHARE = 0.002
"""Share of the time that showing them may take."""

_stores: dict[Path | Address, Store] = {}
"""Stores that this worker process has opened; they are closed with it."""


def changes_of(store: Store, trials: Collection[Trial]) -> tuple[Change, ...]:
    """What was changed of trials while they trained, in order; a finalist repeats what was changed of its parent."""
    repeats: dict[int, list[Trial]] = {}
    for trial in trials:
        if not trial.searched:
            repeats.setdefault(trial.origin, []).append(trial)
    own = {one.number for one in trials if one.searched}
    changes: list[Change] = []
    interventions = Interventions(store)
    asked = bool(own) and interventions.any()
    for one in interventions.applied(own) if asked else ():
        if one.action in (Action.SET, Action.STOP):
            assert one.trial is not None
            changes.append(_change(one, one.trial))
    still = interventions.paused() if asked else {}
    changes += [Change(trial, epoch, pauses=True) for trial, epoch in still.items() if trial in own]
    for number, again in repeats.items():
        steps = course_of(store, number).steps
        changes += [Change(row.number, epoch, values) for epoch, values in steps for row in again]
    return tuple(changes)


@dataclass(frozen=True)
class ConfigurationCourse:
    """A configuration as it was trained, from the beginning.

    Attributes:
        began: the hyperparameters that the trial, or the one that it was forked from, began with.
        steps: after how many epochs which values changed.
    """

    began: dict[str, Any]
    steps: list[tuple[int, dict[str, Any]]]


def course_of(store: Store, number: int) -> ConfigurationCourse:
    """How a trial of the search came to its weights: what it and the trials before it began with, and what changed."""
    trials = store.trials()
    chain = [trials[number]]
    while chain[0].parent is not None:
        chain.insert(0, trials[chain[0].parent])
    segments = Ledger(store).segments([one.number for one in chain])
    begins = [0, *(segments[one.number][0].since if one.number in segments else one.epochs for one in chain[1:])]
    now = dict(chain[0].hyperparameters)
    found: list[tuple[int, dict[str, Any]]] = []
    for trial, begin, end in zip(chain, begins, [*begins[1:], None], strict=True):
        steps = [(begin, {name: value for name, value in trial.hyperparameters.items() if now.get(name) != value})]
        own = (one for one in changes_of(store, [trial]) if end is None or one.epoch <= end)
        steps += [(one.epoch, dict(one.values)) for one in own]
        for epoch, values in steps:
            now |= values
            found += [(epoch, values)] if values else []
    return ConfigurationCourse(dict(chain[0].hyperparameters), found)


def _change(one: Intervention, trial: int, epoch: int | None = None) -> Change:
    """What an intervention changes of a trial; at its own epoch where no other is said."""
    at = one.epoch if epoch is None else epoch
    assert at is not None
    return Change(trial, at, dict(one.values), one.action is Action.STOP, one.action is Action.PAUSE)


def values_after(store: Store, trial: Trial, epochs: int) -> dict[str, Any]:
    """The hyperparameters that a trial has after so many epochs: those that it began with, and what was changed."""
    values = dict(trial.hyperparameters)
    for one in changes_of(store, [trial]):
        if one.epoch <= epochs:
            values |= one.values
    return values


def refuse_ended(store: Store, epochs: dict[int, int]) -> None:
    """Refuse what was asked of trials too late, which have ended after so many epochs."""
    interventions = Interventions(store)
    for one in interventions.unsettled(epochs) if interventions.any_unsettled() else ():
        assert one.trial is not None
        if one.action.makes:
            continue
        interventions.refuse(one.number, f"trial {one.trial} ended after {epochs[one.trial]} epochs")


@dataclass(frozen=True)
class Deadline:
    """When training ends: when a share of the time limit is over, which a hand may change.

    Attributes:
        base: time (`time.time`) from which the limit counts.
        share: of the limit.
        limit: seconds, as the study was begun; None for none.
        since: time from which on the study may stand still, which does not count; None where it never does.
    """

    base: float
    share: float
    limit: float | None
    since: float | None = None

    def at(self, changed: float | None) -> float | None:
        """Time (`time.time`) at which training ends under another limit, if there is one; None for never.

        Example:
            >>> Deadline(1000.0, 0.75, 60.0).at(None), Deadline(1000.0, 0.75, 60.0).at(100.0)
            (1045.0, 1075.0)
        """
        limit = self.limit if changed is None else changed
        return None if limit is None else self.base + self.share * limit

    def as_asked(self, interventions: Interventions, seen: Glance | None = None) -> float | None:
        """Time (`time.time`) at which training ends with what a hand asked for: another limit, or to stand still.

        Args:
            interventions: what was asked for.
            seen: what is known of it; None reads it.
        """
        seen = interventions.glance() if seen is None else seen
        end = self.at(seen.limit)
        if end is None or self.since is None or seen.pause is None:
            return end
        return end + interventions.stood_still(self.since, time.time())


HEARD = (Action.SET, Action.STOP, Action.FORK, Action.PAUSE)
"""What is done where a tile trains."""


class StoreListener:
    """Hears what is asked for in a study's store, in whichever thread or process a tile trains.

    Args:
        store: the study's store; a worker process opens its own.
        since: epochs that the tile's members had before it.
        time: when the training ends; None for never.
        ends: whether an end of the search ends the training.
        reached: epochs to which a process that was killed had trained members, as everybody saw: what is asked for at
            once is not done before them, when they are trained again.
    """

    def __init__(
        self,
        store: Store,
        since: int = 0,
        time: Deadline | None = None,
        ends: bool = False,
        reached: Mapping[int, int] | None = None,
    ) -> None:
        assert store.where is not None
        self.place, self.since, self.time, self.ends, self.reached = store.where, since, time, ends, reached or {}
        self._begin(store)

    def _begin(self, store: Store | None) -> None:
        self._store, self.known = store, list[Intervention]()
        self.looked, self.unsettled = -math.inf, False
        self.ended, self.stands, self.deadline = False, False, math.inf
        self.next, self.shown = time.monotonic() + SECONDS_BETWEEN_POINTS, dict[int, int]()

    def __getstate__(self) -> tuple[Path | Address, int, Deadline | None, bool, Mapping[int, int]]:
        return self.place, self.since, self.time, self.ends, self.reached

    def __setstate__(self, state: tuple[Path | Address, int, Deadline | None, bool, Mapping[int, int]]) -> None:
        self.place, self.since, self.time, self.ends, self.reached = state
        self._begin(None)

    @property
    def store(self) -> Store:
        """The study's store, as this process has it."""
        if self._store is None:
            self._store = _stores.get(self.place) or _opened(self.place)
        return self._store

    def over(self) -> bool:
        """Whether the training is to end now, see `Listener`."""
        self._glance()
        return self.ended or time.time() >= self.deadline

    def held(self) -> bool:
        """Whether the whole search stands still, see `Listener`."""
        self._glance()
        return self.stands and not self.ended

    def _glance(self) -> None:
        """Read now and then whether anything was asked of the study."""
        now = time.monotonic()
        if now - self.looked < SECONDS:
            return
        self.looked, interventions = now, Interventions(self.store)
        seen = interventions.glance()
        self.unsettled = seen.unsettled
        if not self.ended:
            self.ended, self.stands = self.ends and seen.ended, self.ends and bool(seen.pause)
            deadline = None if self.time is None else self.time.as_asked(interventions, seen)
            self.deadline = math.inf if deadline is None else deadline

    def __call__(self, trials: Collection[int], epoch: int, fault: Callable[[Change], str]) -> Sequence[Change]:
        """Return the changes that take effect now, see `Listener`."""
        self._glance()
        if self.unsettled:
            # What was asked is read once for each glance.
            self.unsettled = False
            self._look(trials, epoch)
        if not self.known:
            return []
        due = [one for one in self.known if one.trial in trials and self._first_epoch(one) <= epoch]
        self.known = [one for one in self.known if one not in due]
        return [change for one in due for change in self._applied(one, epoch, fault)]

    def pending(self, trials: Collection[int]) -> bool:
        """Whether something is asked of these trials that was not heard yet, see `Listener`."""
        interventions = Interventions(self.store)
        if not interventions.any_unsettled():
            return False
        known = {one.number for one in self.known}

        def heard(one: Intervention) -> bool:
            later = one.action is Action.FORK and one.at is not None and one.state is not Status.ASKED
            return one.number in known or later

        return any(one.action in HEARD and not heard(one) for one in interventions.unsettled(trials))

    def next_epoch_of(self, trials: Collection[int], epoch: int) -> int | None:
        """When something takes effect that was heard, see `Listener`."""
        later = (self._first_epoch(one) for one in self.known if one.trial in trials)
        return min((one for one in later if one > epoch), default=None)

    def _first_epoch(self, one: Intervention) -> int:
        """The first epoch after which an intervention can take effect; a pause does where the tile has trained some."""
        least = {Action.STOP: 1, Action.PAUSE: self.since + 1}.get(one.action, 0)
        asked = self.reached.get(one.trial or 0, 0) if one.at is None else one.at
        return max(asked, least)

    @property
    def due(self) -> bool:
        """Whether it is time to be shown how far curves have come."""
        return time.monotonic() >= self.next

    def show(
        self, curves: Mapping[int, np.ndarray], values: Mapping[int, Mapping[str, np.ndarray]], since: int
    ) -> None:
        """Put into the store what is new of the curves, see `Listener`; so seldom that it costs nearly nothing."""
        # Its own work counts: where it waits for others who write, it takes no time from the training.
        began = time.thread_time()
        self.store.add_live_points(curves, {trial: self.shown.get(trial, since) for trial in curves}, values)
        self.shown = {trial: len(curve) for trial, curve in curves.items()}
        pause = min((time.thread_time() - began) / SHARE, MOST_SECONDS_BETWEEN_POINTS)
        self.next = time.monotonic() + max(SECONDS_BETWEEN_POINTS, pause)

    def _look(self, trials: Collection[int], epoch: int) -> None:
        """Read what is asked of some trials."""
        interventions = Interventions(self.store)
        known = {one.number for one in self.known}
        for one in interventions.unsettled(trials):
            if one.number in known or one.action not in HEARD:
                continue
            dated = one.action is Action.FORK and one.at is not None
            if not dated:
                self.known.append(one)
            if one.state is Status.ASKED and one.at is not None and (dated or one.at > epoch):
                interventions.accept(one.number)

    def _applied(self, one: Intervention, epoch: int, fault: Callable[[Change], str]) -> list[Change]:
        """Put on record what becomes of an intervention; the change that it makes, if it makes one."""
        assert one.trial is not None
        interventions = Interventions(self.store)
        if one.action is Action.FORK:
            interventions.date(one.number, epoch)
            return []
        change = _change(one, one.trial, epoch)
        late = one.action is Action.SET and one.at is not None and one.at < epoch
        reason = f"trial {one.trial} had trained {epoch} epochs already" if late else fault(change)
        if reason:
            interventions.refuse(one.number, reason)
            return []
        interventions.apply(one.number, epoch)
        if one.action is Action.PAUSE:
            # It is seen to stand still as soon as its curve is shown until there.
            self.next = time.monotonic()
        return [change]


def _opened(place: Path | Address) -> Store:
    _stores[place] = Store(place, upgrades=False)
    return _stores[place]
