"""Interventions: what a hand asked of a study while it trained, what became of it, and when it took effect."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ikura.json_values import JsonObject
from ikura.schema import Scalar
from ikura.study.record.store import Store
from ikura.study.record.tables import INTERVENTIONS
from ikura.study.record.trial import Trial

__all__ = ["Action", "Intervention", "Interventions", "Request", "Status"]


class Action(StrEnum):
    """What a hand can do."""

    SET = "set"
    """Give a trial other values of hyperparameters, from an epoch on."""
    STOP = "stop"
    """End a trial after an epoch; the weights of its best one are kept, as always."""
    FORK = "fork"
    """Begin a new trial that goes on from an epoch of this one with other values; this one goes on as it is."""
    INJECT = "inject"
    """Try a configuration in the search."""
    END = "end"
    """End the search now and go on to the finalists."""


class Status(StrEnum):
    """What has become of an intervention."""

    ASKED = "asked"
    """Nobody who trains has seen it yet."""
    ACCEPTED = "accepted"
    """It will be applied at its epoch."""
    REFUSED = "refused"
    """It cannot be applied; the reason is on record."""
    APPLIED = "applied"
    """It took effect."""

    @property
    def open(self) -> bool:
        """Whether it may still take effect."""
        return self in (Status.ASKED, Status.ACCEPTED)


ANY_OPEN = f"SELECT 1 FROM interventions WHERE state IN ('{Status.ASKED}', '{Status.ACCEPTED}') LIMIT 1"


ENDED = f"SELECT 1 FROM interventions WHERE action = '{Action.END}' AND state != '{Status.REFUSED}' LIMIT 1"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks.

    Attributes:
        action: what is to be done.
        trial: to which trial; None for the study.
        values: what the action needs: hyperparameters and their new values.
        at: after how many epochs of the trial; None for the next boundary between two epochs; of a
            fork, from which epoch it goes on.
        why: the reason that was given; empty for none.
    """

    action: Action
    trial: int | None = None
    values: Mapping[str, Scalar] = field(default_factory=dict)
    at: int | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Intervention(Request):
    """A request on record.

    Attributes:
        number: from 1, in the order in which they were asked.
        who: who asked.
        when: when, as `time.time`.
        state: what has become of it.
        reason: why it was refused; empty otherwise.
        epoch: how many epochs the trial had trained when it took effect; None before that.
        made: number of the trial that it made; None for none.
    """

    number: int
    who: str
    when: float
    state: Status = Status.ASKED
    reason: str = ""
    epoch: int | None = None
    made: int | None = None

    def to_json(self) -> JsonObject:
        """Return it as JSON values."""
        order = ("number", "trial", "action", "values", "at", "who", "when", "why", "state", "reason", "epoch", "made")
        values = asdict(self)
        return {name: values[name] for name in order}


class Interventions:
    """The interventions of a study; any process may add one.

    Args:
        store: the study's store.

    Example:
        >>> interventions = Interventions(Store(":memory:", create=True))
        >>> number = interventions.add(Request(action=Action.SET, trial=3, values={"learning_rate": 0.1}), who="ada")
        >>> [(one.number, one.action, one.state) for one in interventions.every()]
        [(1, <Action.SET: 'set'>, <Status.ASKED: 'asked'>)]
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, request: Request, who: str) -> int:
        """Record a request that was looked at and may be carried out.

        Args:
            request: what is asked.
            who: who asks.

        Returns:
            The intervention's number.
        """
        row = {
            "trial": request.trial,
            "action": request.action,
            "content": json.dumps(dict(request.values)),
            "at": request.at,
            "who": who,
            "time": time.time(),
            "why": request.why,
            "state": Status.ASKED,
            "reason": "",
        }
        made = self.store.write(lambda connection: connection.execute(sa.insert(INTERVENTIONS), row))
        assert made.inserted_primary_key is not None
        return int(made.inserted_primary_key[0])

    def every(self, trial: int | None = None) -> list[Intervention]:
        """Return all interventions, or those on one trial, in the order in which they were asked."""
        query = sa.select(INTERVENTIONS).order_by(INTERVENTIONS.c.number)
        return self._read(query if trial is None else query.where(INTERVENTIONS.c.trial == trial))

    def one(self, number: int) -> Intervention:
        """Return one intervention, which must be there."""
        [found] = self._read(sa.select(INTERVENTIONS).where(INTERVENTIONS.c.number == number))
        return found

    def applied(self, trials: Collection[int]) -> list[Intervention]:
        """Return those that took effect on some trials, in the order in which they did."""
        query = sa.select(INTERVENTIONS).where(INTERVENTIONS.c.state == Status.APPLIED)
        found = [one for one in self._read(query) if one.trial in trials]
        return sorted(found, key=lambda one: (one.epoch or 0, one.number))

    def touched(self) -> set[int]:
        """Return the numbers of the trials that were changed while they trained, or made by hand."""
        query = sa.select(INTERVENTIONS).where(INTERVENTIONS.c.state == Status.APPLIED)
        found = {one.trial if one.made is None else one.made for one in self._read(query)}
        return {number for number in found if number is not None}

    def made(self) -> set[int]:
        """Return the numbers of the trials that were made by hand."""
        return {one.made for one in self.every() if one.made is not None}

    def open(self, trials: Collection[int] | None = None) -> list[Intervention]:
        """Return those that may still take effect, of all trials or of some, in the order in which they were asked."""
        query = sa.select(INTERVENTIONS).where(INTERVENTIONS.c.state.in_([one for one in Status if one.open]))
        found = self._read(query.order_by(INTERVENTIONS.c.number))
        return found if trials is None else [one for one in found if one.trial in trials]

    def any_open(self) -> bool:
        """Whether there are any that may still take effect; asked often, so it is quick."""
        return self.store.look(lambda connection: connection.exec_driver_sql(ANY_OPEN).first()) is not None

    def ended(self) -> bool:
        """Whether a hand ended the search; asked often, so it is quick."""
        return self.store.look(lambda connection: connection.exec_driver_sql(ENDED).first()) is not None

    def close_search(self) -> None:
        """Record that the search has ended: by a hand that asked for it, and too late for all else that is open."""
        for one in self.open():
            if one.action is Action.END:
                self._change(one.number, state=Status.APPLIED)
            else:
                self.refuse(one.number, "the search has ended")

    def accept(self, number: int) -> None:
        """Record that an intervention will be applied."""
        self._change(number, state=Status.ACCEPTED)

    def refuse(self, number: int, reason: str) -> None:
        """Record that an intervention cannot be applied, and why."""
        self._change(number, state=Status.REFUSED, reason=reason)

    def apply(self, number: int, epoch: int) -> None:
        """Record that an intervention takes effect, after so many epochs of its trial."""
        self._change(number, state=Status.APPLIED, applied=epoch)

    def date(self, number: int, at: int) -> None:
        """Record from which epoch an intervention is that was asked for the next one."""
        self._change(number, state=Status.ACCEPTED, at=at)

    def make(self, number: int, made: Trial) -> None:
        """Record a trial that was asked for, with what it has of its parent if it has one, and that it was made."""
        still = INTERVENTIONS.c.state.in_([one for one in Status if one.open])
        values = {"state": Status.APPLIED, "applied": made.epochs, "made": made.number}
        change = sa.update(INTERVENTIONS).where(INTERVENTIONS.c.number == number, still).values(**values)

        def write(connection: sa.Connection) -> None:
            self.store.insert_copies(connection, [made])
            connection.execute(change)

        self.store.write(write)

    def _change(self, number: int, **values: Any) -> None:
        """Change what became of an intervention that is still open; one that is not stays as it is."""
        still = INTERVENTIONS.c.state.in_([one for one in Status if one.open])
        change = sa.update(INTERVENTIONS).where(INTERVENTIONS.c.number == number, still).values(**values)
        self.store.write(lambda connection: connection.execute(change))

    def _read(self, query: sa.Select[Any]) -> list[Intervention]:
        return [_intervention(row) for row in self.store.read(query)]


def _intervention(row: sa.RowMapping) -> Intervention:
    names: Sequence[str] = ("number", "trial", "at", "who", "why", "reason", "made")
    return Intervention(
        **{name: row[name] for name in names},
        action=Action(row["action"]),
        values=json.loads(row["content"]),
        when=row["time"],
        epoch=row["applied"],
        state=Status(row["state"]),
    )
