"""The store: everything a study knows, in one database with one writer."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ikura.json_values import parsed_each, plain, typed
from ikura.population.outcome import Outcome
from ikura.study.record.configuration_columns import columns_of
from ikura.study.record.database import Database
from ikura.study.record.facts import REPLAYED, SECONDS, Fact
from ikura.study.record.server import copy_rows
from ikura.study.record.tables import CURVES, FACTS, LIVE_CURVES, MEASURES, TRIALS, VALUES
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

__all__ = ["ABOUT", "COLUMNS", "RESULTS", "Store", "insert_many"]

T = TypeVar("T")

COLUMNS = ("train_loss", "dev_loss", "dev_score")
"""What a curve holds for each epoch."""

ABOUT = ("number", "state", "purpose", "parent", "stage")
RESULTS = ("dev_score", "dev_loss", "train_score", "train_loss", "epochs", "best_epoch", "seconds")
"""What a table of trials holds before and behind the hyperparameters."""

RECORDED = tuple(one.name for one in fields(Trial))
HYPERPARAMETERS = RECORDED.index("hyperparameters")
"""The columns of a trial, and which of them is a text of JSON."""
PURPOSES, STATES = {str(one): one for one in Purpose}, {str(one): one for one in State}
WHOLE, TEXTS = ("number", "stage", "epochs"), ("state", "purpose")
"""The columns of a table of trials that are whole numbers, and those that are words; neither is ever missing."""


RECORD = f"UPDATE trials SET {', '.join(f'{name} = ?' for name in ('state', *RESULTS))} WHERE number = ?"
KEPT_CHARACTERS = 1 << 16
"""Longer facts are read from the database each time."""
COPIED = 100
"""So many rows and more go to a PostgreSQL server as one stream."""


def _number(value: float) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


class Store(Database):
    """The facts, trials and curves of one study, in its database.

    Example:
        >>> store = Store(":memory:", create=True)
        >>> from ikura.study.record.facts import TILE_SIZE
        >>> store.set_fact(TILE_SIZE, 64)
        >>> store.fact(TILE_SIZE)
        64
    """

    _kept: list[Trial] | None = None
    _changes = 0
    _facts: dict[str, str] | None = None
    _still = 0
    _made: Mapping[Hashable, Any] = MappingProxyType({})

    def write(self, work: Callable[[sa.Connection], T], *, trials: bool = True) -> T:
        """Carry out a transaction, see `Database.write`.

        Args:
            work: what to do.
            trials: whether it may change trials, which whoever trains keeps in memory until then.
        """
        self._forget(trials)
        try:
            return super().write(work)
        finally:
            self._forget(trials)

    def close(self) -> None:
        """Close all connections, and forget what was kept."""
        super().close()
        self._forget()
        self._facts = None

    def hold(self) -> Self:
        """Become the one who trains the study, see `Database.hold`; what it records it remembers."""
        super().hold()
        self._facts = {}
        return self

    def _forget(self, trials: bool = True) -> None:
        if trials:
            self._kept, self._made, self._changes = None, {}, self._changes + 1

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let the trials count as they are when the block first asks for them, so that they are read only once.

        What this process itself changes is seen all the same.
        """
        self._still += 1
        try:
            yield
        finally:
            self._still -= 1
            if not self._still:
                self._made = {}
                if not self.held:
                    self._kept = None

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """Make something of the trials; while they are `still`, only the first time.

        Args:
            name: of what is made.
            make: makes it; nobody must change it.
        """
        if name in self._made:
            kept: T = self._made[name]
            return kept
        before = self._changes
        found = make()
        if self._still and before == self._changes:
            self._made = {**self._made, name: found}
        return found

    def set_fact(self, fact: Fact[T], value: T) -> None:
        """Record one fact about the study."""
        self.set_facts({fact: value})

    def set_facts(self, facts: Mapping[Fact[Any], Any]) -> None:
        """Record several facts, all of them or none."""
        rows = [{"name": fact.name, "value": json.dumps(value, default=plain)} for fact, value in facts.items()]

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.delete(FACTS).where(FACTS.c.name.in_([row["name"] for row in rows])))
            connection.execute(sa.insert(FACTS), rows)

        self._remember({row["name"]: None for row in rows})
        self.write(write, trials=False)
        self._remember({row["name"]: row["value"] for row in rows})

    def fact(self, fact: Fact[T]) -> T | None:
        """Return a fact, None if it was never recorded; that it is of its type was made sure of on opening."""
        known = self._facts
        value = None if known is None else known.get(fact.name)
        if value is None and self._still:
            value = self.once("facts", self._texts).get(fact.name)
        elif value is None:
            query = sa.select(FACTS.c.value).where(FACTS.c.name == fact.name)
            value = self.look(lambda connection: connection.scalar(query))
            if known is not None and value is not None and _is_kept(fact.name, value):
                known[fact.name] = value
        if value is None:
            return None
        found: T = typed(fact.kind, json.loads(value))
        return found

    def _texts(self) -> dict[str, str]:
        return dict(self.tuples(sa.select(FACTS.c.name, FACTS.c.value)))

    def _remember(self, values: Mapping[str, str | None]) -> None:
        """Keep the texts of facts; a new dictionary, so that what is being read from the database is not kept in it."""
        if self._facts is not None:
            others = {name: value for name, value in self._facts.items() if name not in values}
            self._facts = others | {name: text for name, text in values.items() if text and _is_kept(name, text)}

    @contextmanager
    def timed(self, stage: str, still: Callable[[float, float], float] = lambda since, until: 0.0) -> Iterator[None]:
        """Add the seconds that the block takes to the fact "seconds", also when it is interrupted.

        Args:
            stage: what they are spent on.
            still: for how many seconds nothing is done between two times (`time.time`), which do not count.
        """
        started, since = time.perf_counter(), time.time()
        try:
            yield
        finally:
            seconds = self.fact(SECONDS) or {}
            taken = time.perf_counter() - started
            seconds[stage] = seconds.get(stage, 0.0) + max(0.0, taken - still(since, time.time()))
            self.set_fact(SECONDS, seconds)

    def add_trials(self, trials: Sequence[Trial]) -> None:
        """Add trials."""
        if trials:
            self.write(lambda connection: self.insert_trials(connection, trials))

    @staticmethod
    def insert_trials(connection: sa.Connection, trials: Sequence[Trial]) -> None:
        """Add trials within a transaction."""
        columns = [column.name for column in TRIALS.columns]
        rows = []
        for one in trials:
            texts = {
                "state": str(one.state), "purpose": str(one.purpose), "seed": str(one.seed),
                "hyperparameters": json.dumps(one.hyperparameters),
            }  # fmt: skip
            rows.append(tuple(texts[name] if name in texts else getattr(one, name) for name in columns))
        if rows:
            insert_many(connection, TRIALS, rows)

    @classmethod
    def insert_copies(cls, connection: sa.Connection, copies: Sequence[Trial]) -> None:
        """Add trials that begin as copies within a transaction, with so much of their parents' curves as they have."""
        cls.insert_trials(connection, copies)
        for copy in copies:
            for table, names in ((CURVES, ("epoch", *COLUMNS)), (VALUES, ("epoch", "name", "value"))):
                inherited = sa.select(sa.literal(copy.number), *(table.c[name] for name in names)).where(
                    (table.c.trial == copy.parent) & (table.c.epoch <= copy.epochs)
                )
                connection.execute(sa.insert(table).from_select(["trial", *names], inherited))

    def record(
        self, outcomes: Iterable[Outcome], going_on: Collection[int] = (), known: Mapping[int, int] | None = None
    ) -> None:
        """Record what became of a tile's members, curves included, in one transaction.

        Args:
            outcomes: of one tile.
            going_on: numbers of the members that may go on in a later round; the others have ended.
            known: how many points of each curve are recorded already, and are not written again; None where that is
                not known, and what is there is replaced.
        """
        trials: list[tuple[Any, ...]] = []
        points: list[tuple[Any, ...]] = []
        values: list[tuple[Any, ...]] = []
        anew: list[int] = []
        for outcome in outcomes:
            state = State.RUNNING if outcome.number in going_on else outcome.state
            trials.append(
                (
                    str(state), *(_number(getattr(outcome, name)) for name in RESULTS[:4]), len(outcome.curve),
                    outcome.best_epoch or None, outcome.seconds, outcome.number,
                )
            )  # fmt: skip
            recorded = 0 if known is None else known.get(outcome.number, 0)
            anew += [outcome.number] if known is None else []
            curve = outcome.curve[recorded:]
            rows = curve.tolist()
            if np.isnan(curve).any():
                rows = [[_number(value) for value in row] for row in rows]
            points += [(outcome.number, i, *row) for i, row in enumerate(rows, recorded + 1)]
            values += [
                (outcome.number, i + 1, name, _number(value))
                for name, column in outcome.values.items()
                for i, value in enumerate(column.tolist())
                if i >= recorded
            ]
        measures = [row for outcome in outcomes for row in _measures(outcome)]
        measured = sorted({row[0] for row in measures})
        recorded_now = [one[-1] for one in trials]

        def write(connection: sa.Connection) -> None:
            for table, numbers in ((CURVES, anew), (VALUES, anew), (LIVE_CURVES, recorded_now), (MEASURES, measured)):
                if numbers:
                    connection.execute(sa.delete(table).where(self.among(table.c.trial, numbers)))
            if values and recorded_now:
                # Those that were shown while it trained.
                known_until = sa.select(TRIALS.c.epochs).where(TRIALS.c.number == VALUES.c.trial).scalar_subquery()
                shown = self.among(VALUES.c.trial, recorded_now), VALUES.c.epoch > known_until
                connection.execute(sa.delete(VALUES).where(*shown))
            if trials:
                _many(connection, RECORD, trials)
            for table, rows in ((CURVES, points), (VALUES, values), (MEASURES, measures)):
                if rows:
                    insert_many(connection, table, rows)

        self.write(write)

    def add_live_points(
        self,
        curves: Mapping[int, np.ndarray],
        since: Mapping[int, int],
        values: Mapping[int, Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        """Show points of curves that are not recorded yet, in place of those shown before from there on.

        Args:
            curves: by trial, train_loss, dev_loss and dev_score after each epoch, shape (epochs, 3).
            since: how many epochs lie before the first point to be shown, by trial.
            values: by trial, what else is recorded after each epoch, by name, shape (epochs,).
        """
        points = [
            (trial, i, *map(_number, point))
            for trial, curve in curves.items()
            for i, point in enumerate(curve[since[trial] :].tolist(), since[trial] + 1)
        ]

        others = [
            (trial, i, name, _number(value))
            for trial, named in (values or {}).items()
            for name, column in named.items()
            for i, value in enumerate(column[since[trial] :].tolist(), since[trial] + 1)
        ]

        def write(connection: sa.Connection) -> None:
            for trial, epochs in since.items():
                for table in (LIVE_CURVES, VALUES) if others else (LIVE_CURVES,):
                    connection.execute(sa.delete(table).where(table.c.trial == trial, table.c.epoch > epochs))
            insert_many(connection, LIVE_CURVES, points)
            if others:
                insert_many(connection, VALUES, others)

        if points:
            self.write(write, trials=False)

    def in_training(self, numbers: Collection[int] | None = None) -> set[int]:
        """Return which of some trials, or of all, have epochs that are not recorded yet: those that train."""
        query = sa.select(LIVE_CURVES.c.trial).distinct()
        if numbers is not None:
            query = query.where(LIVE_CURVES.c.trial.in_(list(numbers)))
        return {int(row[0]) for row in self.tuples(query)}

    def live_epochs(self, numbers: Collection[int] | None = None) -> dict[int, int]:
        """Return which of some trials, or of all, have epochs that are not recorded yet, and how many epochs in all."""
        query = sa.select(LIVE_CURVES.c.trial, sa.func.max(LIVE_CURVES.c.epoch)).group_by(LIVE_CURVES.c.trial)
        if numbers is not None:
            query = query.where(LIVE_CURVES.c.trial.in_(list(numbers)))
        return {int(trial): int(epochs) for trial, epochs in self.tuples(query)}

    def set_states(self, numbers: Sequence[int], state: State) -> None:
        """Change the state of several trials."""
        if numbers:
            change = sa.update(TRIALS).where(self.among(TRIALS.c.number, numbers)).values(state=state)
            self.write(lambda connection: connection.execute(change))

    def trials(self, **values: Any) -> list[Trial]:
        """Return all trials, or those with certain values, as for `count`, in the order of their numbers.

        The number of a trial is its place among all. Whoever trains reads all of them and keeps them until something
        changes some.
        """
        if self.held or self._still:
            if values and self._kept is None and "number" not in values:
                self.trials()
            if self._kept is not None and "number" not in values:
                kept: Iterable[Trial] = self._kept
                for name, value in values.items():
                    kept = [one for one in kept if getattr(one, name) == value]
                return list(kept)
        before = self._changes
        query = sa.select(*(TRIALS.c[name] for name in RECORDED))
        rows = self.tuples(query.where(*_conditions(values)).order_by(TRIALS.c.number))
        given = parsed_each([row[HYPERPARAMETERS] for row in rows])
        found = [
            Trial(number, PURPOSES[purpose], stage, int(seed), hyperparameters, parent, STATES[state], *results)
            for (number, purpose, stage, seed, _, parent, state, *results), hyperparameters in zip(
                rows, given, strict=True
            )
        ]
        if (self.held or self._still) and not values and before == self._changes:
            self._kept = found
        return list(found)

    def scores(self) -> list[float]:
        """Return all dev scores that there are, in no order."""
        query = sa.select(TRIALS.c.dev_score).where(TRIALS.c.dev_score.is_not(None))
        return [score for (score,) in self.tuples(query)]

    def epochs(self) -> dict[int, int]:
        """Return how many epochs each trial has trained, by number."""
        return dict(self.tuples(sa.select(TRIALS.c.number, TRIALS.c.epochs)))

    def count(self, **values: Any) -> int:
        """Count the trials, or those with certain values, such as `state=State.DIVERGED` or `parent=None`."""
        query = sa.select(sa.func.count()).select_from(TRIALS).where(*_conditions(values))
        return int(self.look(lambda connection: connection.scalar(query)) or 0)

    def trial(self, number: int) -> Trial | None:
        """Return one trial, None if there is none of that number."""
        if self._kept is not None:
            return self._kept[number] if 0 <= number < len(self._kept) else None
        return next(iter(self.trials(number=number)), None)

    def table(self) -> pd.DataFrame:
        """Return all trials as a frame: `ABOUT`, one column for each hyperparameter that a trial has, `RESULTS`."""
        trials = self.trials()
        columns: dict[str, Any] = {name: list(map(attrgetter(name), trials)) for name in (*ABOUT, *RESULTS)}
        for name, values in columns.items():
            if name in TEXTS:
                columns[name] = list(map(str.__str__, values))
            else:
                columns[name] = np.array(values, np.int64 if name in WHOLE else np.float64)
        given = columns_of([one.hyperparameters for one in trials])
        frame = {name: columns[name] for name in ABOUT} | given | {name: columns[name] for name in RESULTS}
        return pd.DataFrame(frame)

    def measures(self) -> pd.DataFrame:
        """Return further metrics of the trials on the dev set, a column for each, by number."""
        rows = self.tuples(sa.select(MEASURES).order_by(MEASURES.c.trial, MEASURES.c.name))
        found: dict[str, dict[int, float]] = {}
        for trial, name, value in rows:
            found.setdefault(name, {})[trial] = np.nan if value is None else value
        return pd.DataFrame(found)

    def curves(self, numbers: Sequence[int] | None = None, *, live: bool = False) -> pd.DataFrame:
        """Return curves: number, epoch, train_loss, dev_loss, dev_score, and what else was recorded by epoch.

        Args:
            numbers: of some trials; None for all.
            live: whether the epochs of trials in training belong to them that are not recorded yet.
        """
        rows: list[Any] = []
        for table in (CURVES, LIVE_CURVES) if live else (CURVES,):
            query = sa.select(table).order_by(table.c.trial, table.c.epoch)
            if numbers is not None:
                query = query.where(self.among(table.c.trial, numbers))
            rows += self.tuples(query)
        names = ["number", "epoch", *COLUMNS]
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        kinds = [np.int64, np.int64] + [np.float64] * len(COLUMNS)
        # What is null in the database becomes NaN.
        arrays = (np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))
        frame = pd.DataFrame(dict(zip(names, arrays, strict=True)))
        values = self._values(numbers)
        return frame if values is None else frame.join(values, on=["number", "epoch"])

    def _values(self, numbers: Sequence[int] | None) -> pd.DataFrame | None:
        """What else was recorded by epoch, a column for each name, by number and epoch; None for nothing."""
        query = sa.select(VALUES)
        if numbers is not None:
            query = query.where(self.among(VALUES.c.trial, numbers))
        rows = self.tuples(query)
        if not rows:
            return None
        names = ["number", "epoch", "name", "value"]
        frame = pd.DataFrame(dict(zip(names, zip(*rows, strict=True), strict=True))).astype({"value": np.float64})
        wide = frame.set_index(names[:3])["value"].unstack("name")
        return wide.rename_axis(columns=None)


def _is_kept(name: str, text: str) -> bool:
    """Whether one who trains keeps the text of a fact: it is not long, and nobody else may record it meanwhile."""
    return name != REPLAYED.name and len(text) <= KEPT_CHARACTERS


def _measures(outcome: Outcome) -> list[tuple[Any, ...]]:
    return [(outcome.number, name, _number(value)) for name, value in outcome.measures.items()]


def _conditions(values: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [TRIALS.c[name] == value for name, value in values.items()]


def insert_many(connection: sa.Connection, table: sa.Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert plain values in the order of the table's columns, past the processing that other types need."""
    names = ", ".join(column.name for column in table.columns)
    if connection.dialect.name == "postgresql" and len(rows) >= COPIED:
        copy_rows(connection, f"COPY {table.name} ({names}) FROM STDIN", rows)
    else:
        _many(connection, f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(table.columns))})", rows)


def _many(connection: sa.Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a statement with ? in it for many rows of plain values."""
    marked = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
    connection.exec_driver_sql(marked, rows)
