"""The store: everything a study knows, in one database with one writer."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, DataError, OperationalError

from ikura.errors import RunError, StorageError
from ikura.files import check_held, shown
from ikura.json_values import plain, typed
from ikura.population.job import Outcome
from ikura.study.record.deferred_interrupts import uninterrupted
from ikura.study.record.facts import SECONDS, Fact
from ikura.study.record.trial import Purpose, Trial
from ikura.study.record.upgrades import exclusive, mark, outdated, upgrade
from ikura.trial_state import State

__all__ = ["ABOUT", "COLUMNS", "RESULTS", "Store"]

T = TypeVar("T")

COLUMNS = ("train_loss", "dev_loss", "dev_score")
"""What a curve holds for each epoch."""

ABOUT = ("number", "state", "purpose", "parent", "stage")
RESULTS = ("dev_score", "dev_loss", "train_score", "train_loss", "epochs", "best_epoch", "seconds")
"""What a table of trials holds before and behind the hyperparameters."""

MOST_BYTES = 1 << 27
"""The largest value of a database."""

NO_LOG = b"\x01\x01"
"""In the header of an SQLite file: it is written without a log. One in memory has none."""

RECORDED = tuple(one.name for one in fields(Trial))

METADATA = sa.MetaData()
FACTS = sa.Table(
    "facts", METADATA, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
TRIALS = sa.Table(
    "trials",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("stage", sa.Integer, nullable=False, index=True),
    sa.Column("seed", sa.String, nullable=False),
    sa.Column("hyperparameters", sa.Text, nullable=False),
    sa.Column("dev_score", sa.Float),
    sa.Column("dev_loss", sa.Float),
    sa.Column("train_score", sa.Float),
    sa.Column("train_loss", sa.Float),
    sa.Column("epochs", sa.Integer, nullable=False, default=0),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),
)
CURVES = sa.Table(
    "curves",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("train_loss", sa.Float),
    sa.Column("dev_loss", sa.Float),
    sa.Column("dev_score", sa.Float),
    sqlite_with_rowid=False,
)
MEASURES = sa.Table(
    "measures",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Float),
)
ROUNDS = sa.Table(
    "rounds",
    METADATA,
    sa.Column("stage", sa.Integer, primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
SEGMENTS = sa.Table(
    "segments",
    METADATA,
    sa.Column("tile", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("trial", sa.Integer, nullable=False, index=True),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer, nullable=False),
)
LOSSES = sa.Table(
    "dev_losses",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("losses", sa.LargeBinary, nullable=False),
)


def _number(value: float) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


class Store:
    """The database of one study.

    Args:
        place: the path of an SQLite file; as text a database URL or ":memory:".
        create: whether to make the tables; otherwise they must be there.
        upgrades: whether tables of an earlier version are brought up to date there.

    Raises:
        RunError: there is no such file, it is not a study's, or one of a later version.
        StorageError: it is of an earlier version, and must not be brought up to date.

    Example:
        >>> store = Store(":memory:", create=True)
        >>> from ikura.study.record.facts import TILE_SIZE
        >>> store.set_fact(TILE_SIZE, 64)
        >>> store.fact(TILE_SIZE)
        64
    """

    copied = False
    _outdated = False

    def __init__(self, place: str | Path, *, create: bool = False, upgrades: bool = True) -> None:
        text = isinstance(place, str) and (place == ":memory:" or "://" in place)
        self.path = None if text else Path(place)
        self.place = str(place) if self.path is None else shown(self.path)
        if self.path is not None:
            if not create and not self.path.is_file():
                raise RunError(f"{self.place}: no such study")
            engine = sa.create_engine("sqlite://", creator=_opener(self.path, create), poolclass=sa.QueuePool)
        elif self.place == ":memory:":
            engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        else:
            engine = sa.create_engine(self.place)
        self._begin(engine, create, upgrades)

    def _begin(self, engine: sa.Engine, create: bool, upgrades: bool = True) -> None:
        """Take up an engine, and see that the study's tables are there."""
        self.engine = engine
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        with self._guard():
            if create:
                if self.engine.dialect.name == "sqlite":
                    with self.engine.connect() as connection:
                        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                with exclusive(self.engine) as connection:
                    METADATA.create_all(connection)
                    mark(connection)
                return
            try:
                self._bring_up_to_date(upgrades)
                self._check_tables()
            except BaseException:
                # A connection left to the garbage collector would take the log away from whoever reads the file next.
                self.engine.dispose()
                raise

    def _bring_up_to_date(self, upgrades: bool) -> None:
        """Upgrade the tables of a study, if they are of an earlier version."""
        with self.engine.connect() as connection:
            study = sa.inspect(connection).has_table(TRIALS.name)
            old = study and outdated(connection, self.place) is not None
        if old and not upgrades:
            raise StorageError(f"cannot write {self.place}: it is opened only to be read")
        if old:
            upgrade(self.engine, self.place)
            self._outdated = True

    def _check_tables(self) -> None:
        """Refuse a database without the tables of a study, or with other columns."""
        there = sa.inspect(self.engine)
        names = set(there.get_table_names())
        for table in METADATA.sorted_tables:
            if table.name not in names:
                raise RunError(f"{self.place}: not a study of ikura: it has no table {table.name}")
            columns = {one["name"] for one in there.get_columns(table.name)}
            for column in table.columns:
                if column.name not in columns:
                    raise RunError(
                        f"{self.place}: not a study of ikura: table {table.name} has no column {column.name}"
                    )

    @classmethod
    def opened(cls, path: Path) -> Store:
        """Open the database of a run only to read it, also where nothing can be written.

        One of an earlier version stays as it is: a copy in memory is brought up to date.

        Raises:
            RunError: there is no such file, or it is not a study's.
        """
        try:
            if all(os.access(place, os.W_OK) for place in (path, path.parent)):
                return cls(path, upgrades=False)
        except StorageError:
            pass
        return cls.copy(path)

    @classmethod
    def copy(cls, path: Path) -> Store:
        """Open a copy of a run's database in memory: SQLite can write to the folder of one that it only reads.

        Raises:
            RunError: there is no such file, or it is not a study's.
        """
        if not path.is_file():
            raise RunError(f"{shown(path)}: no such study")
        store = cls.__new__(cls)
        store.path, store.place, store.copied = path, shown(path), True
        store._begin(sa.create_engine("sqlite://", creator=store._copy, poolclass=sa.StaticPool), create=False)
        return store

    def _copy(self) -> sqlite3.Connection:
        """A copy in memory; one that is made anew, after `close`, is brought up to date as the first one was."""
        assert self.path is not None
        found = in_memory(self.path)
        if self._outdated:
            upgrade(sa.create_engine("sqlite://", creator=lambda: found, poolclass=sa.StaticPool), self.place)
        return found

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise StorageError(f"cannot write {self.place}: {error.orig}") from error
        except DataError as error:
            raise RunError(f"{self.place}: holds a value that is too large or none ({error.orig})") from error
        except DatabaseError as error:
            raise RunError(f"{self.place}: not a study of ikura ({error.orig})") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read on."""
        with self._guard(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction; an interrupt waits for its end."""
        if self.copied:
            raise StorageError(f"cannot write {self.place}: it was opened only to be read")
        if self.path is not None:
            check_held(self.path)
        with uninterrupted(), self._guard(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def set_fact(self, fact: Fact[T], value: T) -> None:
        """Record one fact about the study."""
        self.set_facts({fact: value})

    def set_facts(self, facts: Mapping[Fact[Any], Any]) -> None:
        """Record several facts, all of them or none."""
        rows = [{"name": fact.name, "value": json.dumps(value, default=plain)} for fact, value in facts.items()]
        with self.writing() as connection:
            connection.execute(sa.delete(FACTS).where(FACTS.c.name.in_([row["name"] for row in rows])))
            connection.execute(sa.insert(FACTS), rows)

    def fact(self, fact: Fact[T]) -> T | None:
        """Return a fact, None if it was never recorded; that it is of its type was made sure of on opening."""
        with self.reading() as connection:
            value = connection.scalar(sa.select(FACTS.c.value).where(FACTS.c.name == fact.name))
        if value is None:
            return None
        found: T = typed(fact.kind, json.loads(value))
        return found

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds that the block takes to the fact "seconds", also when it is interrupted."""
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.fact(SECONDS) or {}
            seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started
            self.set_fact(SECONDS, seconds)

    def add_trials(self, trials: Sequence[Trial]) -> None:
        """Add trials."""
        if trials:
            with self.writing() as connection:
                self.insert_trials(connection, trials)

    @staticmethod
    def insert_trials(connection: sa.Connection, trials: Sequence[Trial]) -> None:
        """Add trials within a transaction."""
        values = [
            {name: getattr(one, name) for name in RECORDED}
            | {"seed": str(one.seed), "hyperparameters": json.dumps(one.hyperparameters)}
            for one in trials
        ]
        if values:
            connection.execute(sa.insert(TRIALS), values)

    def record(
        self, outcomes: Iterable[Outcome], going_on: Collection[int] = (), known: Mapping[int, int] | None = None
    ) -> None:
        """Record what became of a tile's members, curves included, in one transaction.

        Args:
            outcomes: of one tile.
            going_on: numbers of the members that may go on in a later round; the others have ended.
            known: how many points of each curve are recorded already, and are not written again; 0 where it is not
                said.
        """
        trials: list[dict[str, object]] = []
        points: list[tuple[Any, ...]] = []
        anew: list[int] = []
        known = known or {}
        for outcome in outcomes:
            state = State.RUNNING if outcome.number in going_on else outcome.state
            trials.append(
                {
                    "key": outcome.number,
                    "state": state,
                    **{n: _number(getattr(outcome, n)) for n in RESULTS[:4]},
                    "epochs": len(outcome.curve),
                    "best_epoch": outcome.best_epoch or None,
                    "seconds": outcome.seconds,
                }
            )
            recorded = known.get(outcome.number, 0)
            anew += [] if recorded else [outcome.number]
            points += [
                (outcome.number, i, *map(_number, point))
                for i, point in enumerate(outcome.curve[recorded:].tolist(), recorded + 1)
            ]
        update = sa.update(TRIALS).where(TRIALS.c.number == sa.bindparam("key"))
        with self.writing() as connection:
            connection.execute(sa.delete(CURVES).where(CURVES.c.trial.in_(anew)))
            connection.execute(update, trials)
            if points:
                _insert_many(connection, CURVES, points)
            if measures := [row for outcome in outcomes for row in _measures(outcome)]:
                numbers = sorted({row[0] for row in measures})
                connection.execute(sa.delete(MEASURES).where(MEASURES.c.trial.in_(numbers)))
                _insert_many(connection, MEASURES, measures)

    def set_states(self, numbers: Sequence[int], state: State) -> None:
        """Change the state of several trials."""
        if numbers:
            with self.writing() as connection:
                connection.execute(sa.update(TRIALS).where(TRIALS.c.number.in_(list(numbers))).values(state=state))

    def read(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        """Run a query; return its rows by the names of their columns."""
        with self.reading() as connection:
            return connection.execute(query).mappings().all()

    def read_in(self, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]) -> list[sa.RowMapping]:
        """Run a query for the rows whose column has one of any number of values."""
        parts = (values[i : i + 10_000] for i in range(0, len(values), 10_000))
        return [row for part in parts for row in self.read(query.where(column.in_(list(part))))]

    def trials(self, **values: Any) -> list[Trial]:
        """Return all trials, or those with certain values, as for `count`, in the order of their numbers.

        The number of a trial is its place among all.
        """
        query = sa.select(TRIALS).where(*_conditions(values)).order_by(TRIALS.c.number)
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        # One parse of all texts together is many times as fast as one for each.
        given = json.loads(f"[{','.join(row['hyperparameters'] for row in rows)}]")
        return [
            Trial(
                **{
                    **row,
                    "state": State(row["state"]),
                    "purpose": Purpose(row["purpose"]),
                    "seed": int(row["seed"]),
                    "hyperparameters": hyperparameters,
                }
            )
            for row, hyperparameters in zip(rows, given, strict=True)
        ]

    def count(self, **values: Any) -> int:
        """Count the trials, or those with certain values, such as `state=State.DIVERGED` or `parent=None`."""
        query = sa.select(sa.func.count()).select_from(TRIALS).where(*_conditions(values))
        with self.reading() as connection:
            return int(connection.scalar(query) or 0)

    def trial(self, number: int) -> Trial | None:
        """Return one trial, None if there is none of that number."""
        return next(iter(self.trials(number=number)), None)

    def table(self) -> pd.DataFrame:
        """Return all trials as a frame: `ABOUT`, one column for each hyperparameter that a trial has, `RESULTS`."""
        shown = [TRIALS.c[name] for name in (*ABOUT, "hyperparameters", *RESULTS)]
        with self.reading() as connection:
            rows = connection.execute(sa.select(*shown).order_by(TRIALS.c.number)).all()
        columns = dict(zip((one.name for one in shown), zip(*rows, strict=True), strict=False))
        # One parse of all texts together is many times as fast as one for each.
        given = json.loads(f"[{','.join(columns.get('hyperparameters', ()))}]")
        names = dict.fromkeys(name for one in given for name in one)
        frame = {name: columns.get(name, ()) for name in ABOUT}
        frame |= {name: [one.get(name) for one in given] for name in names}
        frame |= {name: columns.get(name, ()) for name in RESULTS}
        return pd.DataFrame(frame)

    def measures(self) -> pd.DataFrame:
        """Return further metrics of the trials on the dev set, a column for each, by number."""
        query = sa.select(MEASURES).order_by(MEASURES.c.trial)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        found: dict[str, dict[int, float]] = {}
        for trial, name, value in rows:
            found.setdefault(name, {})[trial] = np.nan if value is None else value
        return pd.DataFrame(found)

    def curves(self, numbers: Sequence[int] | None = None) -> pd.DataFrame:
        """Return curves: number, epoch, train_loss, dev_loss, dev_score."""
        query = sa.select(CURVES).order_by(CURVES.c.trial, CURVES.c.epoch)
        if numbers is not None:
            query = query.where(CURVES.c.trial.in_(list(numbers)))
        with self.reading() as connection:
            rows = connection.execute(query).all()
        names = ["number", "epoch", *COLUMNS]
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        kinds = [np.int64, np.int64] + [np.float64] * len(COLUMNS)
        # What is null in the database becomes NaN.
        arrays = (np.array(column, kind) for column, kind in zip(columns, kinds, strict=True))
        return pd.DataFrame(dict(zip(names, arrays, strict=True)))


def _measures(outcome: Outcome) -> list[tuple[Any, ...]]:
    return [(outcome.number, name, _number(value)) for name, value in outcome.measures.items()]


def _conditions(values: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [TRIALS.c[name] == value for name, value in values.items()]


def _insert_many(connection: sa.Connection, table: sa.Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert plain numbers in the order of the table's columns, past the processing that other types need."""
    statement = sa.insert(table).compile(dialect=connection.dialect)
    names = [column.name for column in table.columns]
    placed = getattr(statement, "positiontup", None) == names
    values: Any = rows if placed else [dict(zip(names, row, strict=True)) for row in rows]
    connection.exec_driver_sql(str(statement), values)


def _opener(path: Path, create: bool) -> Callable[[], sqlite3.Connection]:
    """Open an SQLite file by its path, whatever characters are in it; where none is made, one must be there."""
    place = f"file:{quote(os.fsencode(path.absolute()))}?mode={'rwc' if create else 'rw'}"
    return lambda: sqlite3.connect(place, uri=True, check_same_thread=False)


def in_memory(path: Path) -> sqlite3.Connection:
    """Read an SQLite file into memory, with what its log holds; nothing is written where it lies.

    A log is read with the file from copies in the temporary folder, which are there only for that moment.
    """
    found = sqlite3.connect(":memory:", check_same_thread=False)
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        with TemporaryDirectory(prefix="ikura-") as folder:
            copy = Path(folder) / "study.db"
            copyfile(path, copy)
            copyfile(log, copy.with_name("study.db-wal"))
            with closing(sqlite3.connect(copy)) as source:
                source.backup(found)
        return found
    content = bytearray(path.read_bytes())
    content[18:20] = NO_LOG
    found.deserialize(content)
    return found


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Wait for other readers; in a file that is written ahead, a killed process never leaves a broken one.

    A value that is larger than any that a study writes is refused before memory is taken for it.
    """
    for pragma in ("synchronous=NORMAL", "busy_timeout=10000", "cache_size=-65536", "wal_autocheckpoint=8000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
