"""Interventions: those of a study in its store, where any process may add one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ikura.study.record.intervention import Action, Intervention, Request, Status
from ikura.study.record.store import Store
from ikura.study.record.tables import INTERVENTIONS
from ikura.study.record.trial import Trial

__all__ = ["Glance", "Interventions"]

ANY = "SELECT 1 FROM interventions LIMIT 1"
ANY_UNSETTLED = f"SELECT 1 FROM interventions WHERE state IN ('{Status.ASKED}', '{Status.ACCEPTED}') LIMIT 1"
STANDING = f"""
    SELECT trial, action, applied FROM interventions
    WHERE state = '{Status.APPLIED}' AND trial IS NOT NULL
    AND action IN ('{Action.PAUSE}', '{Action.GO_ON}', '{Action.STOP}') ORDER BY number
"""
LAST_PAUSE = f"""
    SELECT CASE action WHEN '{Action.PAUSE}' THEN number ELSE 0 END FROM interventions
    WHERE trial IS NULL AND action IN ('{Action.PAUSE}', '{Action.GO_ON}') ORDER BY number DESC LIMIT 1
"""
PINNED = f"""
    SELECT trial FROM interventions WHERE number IN (
        SELECT max(number) FROM interventions WHERE action IN ('{Action.PIN}', '{Action.UNPIN}') GROUP BY trial
    ) AND action = '{Action.PIN}'
"""
LIMIT = f"SELECT content FROM interventions WHERE action = '{Action.TIME_LIMIT}' ORDER BY number DESC LIMIT 1"
STILL = f"""
    SELECT action, time FROM interventions
    WHERE trial IS NULL AND action IN ('{Action.PAUSE}', '{Action.GO_ON}', '{Action.END}')
    AND state != '{Status.REFUSED}' ORDER BY number
"""
ENDED = f"SELECT 1 FROM interventions WHERE action = '{Action.END}' AND state != '{Status.REFUSED}' LIMIT 1"
BY_HAND = INTERVENTIONS.c.rule == ""
LATEST = 2**53
"""Epochs are below it."""
UNSETTLED = (
    sa.select(INTERVENTIONS)
    .where(INTERVENTIONS.c.state.in_([one for one in Status if one.open]))
    .order_by(INTERVENTIONS.c.number)
)
GLANCE = f"SELECT EXISTS ({ANY}), EXISTS ({ANY_UNSETTLED}), EXISTS ({ENDED}), ({LAST_PAUSE}), ({LIMIT})"


@dataclass(frozen=True)
class Glance:
    """What those who train have to know of all that was asked, read at once.

    Attributes:
        some: whether anything was ever asked.
        unsettled: whether something may still take effect.
        ended: whether a hand ended the search.
        pause: number of the intervention that lets the whole study stand still; 0 where it has gone on since, None
            where it never stood still.
        limit: the time limit that a hand set last, in seconds; None for none.
    """

    some: bool
    unsettled: bool
    ended: bool
    pause: int | None
    limit: float | None


class Interventions:
    """The interventions of a study; any process may add one.

    Args:
        store: the study's store.

    Example:
        >>> interventions = Interventions(Store(":memory:", create=True))
        >>> request = Request(action=Action.SET, trial=3, values={"learning_rate": 0.1})
        >>> numbers = interventions.add([request], who="ada")
        >>> [(one.number, one.action, one.state) for one in interventions.every()]
        [(1, <Action.SET: 'set'>, <Status.ASKED: 'asked'>)]
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, requests: Sequence[Request], who: str) -> list[int]:
        """Record requests that were looked at and may be carried out, all of them or none.

        Args:
            requests: what is asked.
            who: who asks.

        Returns:
            The interventions' numbers.
        """
        rows = [_row(request, who) for request in requests]

        def insert(connection: sa.Connection) -> list[int]:
            keys = [connection.execute(sa.insert(INTERVENTIONS), row).inserted_primary_key for row in rows]
            return [int(key[0]) for key in keys if key is not None]

        return self.store.write(insert)

    @staticmethod
    def insert_applied(connection: sa.Connection, rule: str, events: Sequence[tuple[Request, int | None]]) -> None:
        """Record within a transaction what a rule asked for and what took effect in the same moment.

        Args:
            connection: of the transaction.
            rule: the schedule whose rule it is.
            events: each request, with the trial that it made if it made one.
        """
        rows = [
            {
                **_row(request, rule),
                "state": Status.APPLIED,
                "applied": request.at,
                "made": made,
                "rule": rule,
            }
            for request, made in events
        ]
        if rows:
            connection.execute(sa.insert(INTERVENTIONS), rows)

    def every(self, trial: int | None = None) -> list[Intervention]:
        """Return all interventions, or those on one trial, in the order in which they were asked."""
        query = sa.select(INTERVENTIONS).order_by(INTERVENTIONS.c.number)
        return self._read(
            ("every", trial), lambda: query if trial is None else query.where(INTERVENTIONS.c.trial == trial)
        )

    def one(self, number: int) -> Intervention:
        """Return one intervention, which must be there."""
        [found] = self._read(("one", number), lambda: sa.select(INTERVENTIONS).where(INTERVENTIONS.c.number == number))
        return found

    def applied(self, trials: Collection[int] | None = None) -> list[Intervention]:
        """Return those by hand that took effect on all trials, or on some, in the order in which they did."""
        found = [one for one in self._applied_by_hand() if trials is None or one.trial in trials]
        return sorted(found, key=lambda one: (one.epoch or 0, one.number))

    def changed(self, trial: int) -> bool:
        """Whether a hand gave a trial other values while it trained, so that it did not end as it began."""
        return any(one.action is Action.SET for one in self.applied([trial]))

    def touched(self) -> set[int]:
        """Return the numbers of the trials that owe something to a hand.

        These are the trials that it made, or changed, ended or pinned while they trained, and the copies of them that a
        rule made: of a trial that a hand made, all; of one of which a hand set values, those made at that epoch of it
        or later, and the copies of those.

        Example:
            >>> store = Store(":memory:", create=True)
            >>> interventions = Interventions(store)
            >>> [number] = interventions.add([Request(action=Action.SET, trial=0, values={"l2": 0.1})], who="ada")
            >>> interventions.apply(number, 4)
            >>> forks = [(Request(action=Action.FORK, trial=0, at=at), at) for at in (3, 4)]
            >>> store.write(lambda connection: interventions.insert_applied(connection, "pbt", forks))
            >>> interventions.touched()
            {0, 4}
        """
        by_hand = [one for one in self._applied_by_hand() if one.action.touches]
        found = {_subject(one) for one in by_hand}
        since = {_subject(one): 0 for one in by_hand if one.action.makes}
        for one in by_hand:
            if one.action is Action.SET:
                since[one.trial] = min(one.epoch or 0, since.get(one.trial, LATEST))
        for one in sorted(self._made_by_rule(), key=lambda one: one.made or 0):
            if (one.epoch or 0) >= since.get(one.trial, LATEST):
                since[one.made] = 0
                found.add(one.made)
        return {number for number in found if number is not None}

    def touching(self, trial: int) -> list[Intervention]:
        """Return those by hand to which a trial owes something, of the trials that it was copied from first.

        Of a trial that it was copied from these are what made it, and what was set of it until then.
        """
        by_hand = [one for one in self._applied_by_hand() if one.action.touches]
        makers = {one.made: one for one in [*self.making(), *self._made_by_rule()]}
        found = [one for one in by_hand if _subject(one) == trial]
        maker = makers.get(trial)
        while maker is not None and maker.trial is not None:
            until = maker.epoch or 0
            before = [one for one in by_hand if _subject(one) == maker.trial]
            kept = [
                one for one in before if one.action.makes or (one.action is Action.SET and (one.epoch or 0) <= until)
            ]
            found, maker = [*kept, *found], makers.get(maker.trial)
        return found

    def _made_by_rule(self) -> list[Intervention]:
        """Those by which a rule made a trial."""
        return self._read(
            "by rule", lambda: sa.select(INTERVENTIONS).where(INTERVENTIONS.c.made.is_not(None), ~BY_HAND)
        )

    def made(self) -> set[int]:
        """Return the numbers of the trials that were made by hand."""
        return {one.made for one in self.making() if one.made is not None}

    def making(self) -> list[Intervention]:
        """Return those by which a hand made a trial."""
        return self._read("making", lambda: sa.select(INTERVENTIONS).where(INTERVENTIONS.c.made.is_not(None), BY_HAND))

    def _applied_by_hand(self) -> list[Intervention]:
        return self._read(
            "applied", lambda: sa.select(INTERVENTIONS).where(INTERVENTIONS.c.state == Status.APPLIED, BY_HAND)
        )

    def paused(self) -> dict[int, int]:
        """Return the trials that stand still, and after how many epochs; one that was stopped there has ended."""
        found: dict[int, int] = {}
        stopped = set()
        for trial, action, epoch in self.store.rows(STANDING):
            if action == Action.PAUSE:
                found[trial] = epoch
            else:
                found.pop(trial, None)
                if action == Action.STOP:
                    stopped.add(trial)
        return {trial: epoch for trial, epoch in found.items() if trial not in stopped}

    def stopped(self, trials: Collection[int] | None = None) -> set[int]:
        """Return which of all trials, or of some, a hand ended."""
        return {one.trial for one in self.applied(trials) if one.action is Action.STOP and one.trial is not None}

    def pinned(self) -> set[int]:
        """Return the numbers of the trials that no schedule drops."""
        return {row[0] for row in self.store.rows(PINNED)}

    def of_search(self, *actions: Action) -> list[Intervention]:
        """Return the changes of the search that took effect, of some actions, in the order in which they did."""
        found = self._read(
            actions,
            lambda: sa.select(INTERVENTIONS).where(
                INTERVENTIONS.c.state == Status.APPLIED, INTERVENTIONS.c.action.in_(actions)
            ),
        )
        return sorted(found, key=lambda one: (one.proposed, one.number))

    def unsettled(self, trials: Collection[int] | None = None) -> list[Intervention]:
        """Return those that may still take effect, of all trials or of some, in the order in which they were asked."""
        found = self._read("unsettled", lambda: UNSETTLED)
        return found if trials is None else [one for one in found if one.trial in trials]

    def glance(self) -> Glance:
        """Read at once what is asked often while tiles train: one quick statement for all of it."""
        [found] = self.store.rows(GLANCE)
        limit = None if found[4] is None else float(json.loads(found[4])["seconds"])
        return Glance(bool(found[0]), bool(found[1]), bool(found[2]), found[3], limit)

    def any(self) -> bool:
        """Whether anything was ever asked."""
        return self.glance().some

    def any_unsettled(self) -> bool:
        """Whether there are any that may still take effect."""
        return self.glance().unsettled

    def ended(self) -> bool:
        """Whether a hand ended the search."""
        return self.glance().ended

    def held(self) -> bool:
        """Whether the whole study stands still until a hand lets it go on."""
        return bool(self.glance().pause)

    def last_pause(self) -> int | None:
        """Return the number of the intervention that lets the whole study stand still; None where none does."""
        return self.glance().pause or None

    def stood_still(self, since: float, until: float) -> float:
        """Return for how many seconds of a time the whole study stood still.

        Args:
            since, until: the time's ends, as `time.time`.

        Example:
            >>> interventions = Interventions(Store(":memory:", create=True))
            >>> numbers = interventions.add([Request(action=Action.PAUSE)], who="ada")
            >>> begun = interventions.one(1).when
            >>> [round(interventions.stood_still(begun + since, begun + 8)) for since in (-5, 2, 9)]
            [8, 6, 0]
        """
        seconds, begun = 0.0, math.inf
        for action, when in self.store.rows(STILL):
            if action == Action.PAUSE:
                begun = min(begun, max(when, since))
            else:
                seconds += max(0.0, min(when, until) - begun)
                begun = math.inf
        return seconds + max(0.0, until - begun)

    def close_search(self) -> None:
        """Record that the search has ended: by a hand that asked for it, and too late for all else that is open.

        What was to be stopped where it stands still has ended there.
        """
        unsettled, still = self.unsettled(), self.paused()
        for one in unsettled:
            if one.action is Action.END:
                self._change(one.number, state=Status.APPLIED)
            elif one.action is Action.STOP and one.trial in still and (one.at or 0) <= still[one.trial]:
                self.apply(one.number, still[one.trial])
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

    def _read(self, what: Hashable, query: Callable[[], sa.Select[Any]]) -> list[Intervention]:
        """Run a query, whose name says what it reads."""
        found = self.store.known(what, lambda: [_intervention(row) for row in self.store.read(query())])
        return list(found)


def _subject(one: Intervention) -> int | None:
    """Number of the trial that an intervention is about: the one that it made, if it made one."""
    return one.trial if one.made is None else one.made


def _row(request: Request, who: str) -> dict[str, Any]:
    return {
        "trial": request.trial,
        "action": request.action,
        "content": json.dumps(dict(request.values)),
        "at": request.at,
        "who": who,
        "time": time.time(),
        "why": request.why,
        "state": Status.APPLIED if request.at_once else Status.ASKED,
        "reason": "",
    }


def _intervention(row: sa.RowMapping) -> Intervention:
    names: Sequence[str] = ("number", "trial", "at", "who", "why", "reason", "made", "rule")
    return Intervention(
        **{name: row[name] for name in names},
        action=Action(row["action"]),
        values=json.loads(row["content"]),
        when=row["time"],
        epoch=row["applied"],
        state=Status(row["state"]),
    )
