"""A study's database: opened, brought up to date, read, and written in transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, DataError, OperationalError

from ikura.errors import RunError, StorageError
from ikura.files import check_held, shown
from ikura.study.record.deferred_interrupts import uninterrupted
from ikura.study.record.tables import METADATA, TRIALS
from ikura.study.record.upgrades import exclusive, mark, outdated, upgrade

__all__ = ["Database", "in_memory"]

T = TypeVar("T")

MOST_BYTES = 1 << 27
"""The largest value of a database."""

NO_LOG = b"\x01\x01"
"""In the header of an SQLite file: it is written without a log. One in memory has none."""


class Database:
    """The connections to one study's database; what they carry is the `Store`'s.

    Args:
        place: the path of an SQLite file; as text a database URL or ":memory:".
        create: whether to make the tables; otherwise they must be there.
        upgrades: whether tables of an earlier version are brought up to date there.

    Raises:
        RunError: there is no such file, it is not a study's, or one of a later version.
        StorageError: it is of an earlier version, and must not be brought up to date.
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
    def opened(cls, path: Path) -> Self:
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
    def copy(cls, path: Path) -> Self:
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

    def look(self, work: Callable[[sa.Connection], T]) -> T:
        """Read: call a function of a connection, and return what it does.

        Args:
            work: what to do; it may be done again where the connection was lost.
        """
        with self._guard(), self.engine.connect() as connection:
            return work(connection)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Call a function of a connection in one transaction, for which an interrupt waits; return what it does.

        Args:
            work: what to do; it may be done again, from the beginning, where nothing of it was recorded.
        """
        if self.copied:
            raise StorageError(f"cannot write {self.place}: it was opened only to be read")
        if self.path is not None:
            check_held(self.path)
        with uninterrupted(), self._guard(), self.engine.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def read(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        """Run a query; return its rows by the names of their columns."""
        return self.look(lambda connection: connection.execute(query).mappings().all())

    def tuples(self, query: sa.Select[Any]) -> Sequence[Any]:
        """Run a query; return its rows."""
        return self.look(lambda connection: connection.execute(query).all())

    def read_in(self, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]) -> list[sa.RowMapping]:
        """Run a query for the rows whose column has one of any number of values."""
        parts = (values[i : i + 10_000] for i in range(0, len(values), 10_000))
        return [row for part in parts for row in self.read(query.where(column.in_(list(part))))]


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
