"""A study's database: opened, brought up to date, read, and written in transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Self, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, DataError, OperationalError

from ikura.errors import RunError, StorageError
from ikura.files import check_held, shown
from ikura.study.record.address import Address
from ikura.study.record.deferred_interrupts import uninterrupted
from ikura.study.record.server import PATIENCE_SECONDS, Server
from ikura.study.record.server_faults import advice, reason
from ikura.study.record.server_schema import check_new, drop_study, make_schema, schema_number
from ikura.study.record.tables import METADATA, TRIALS
from ikura.study.record.upgrades import exclusive, mark, outdated, upgrade

__all__ = ["Database", "check_store", "in_memory", "remove_study"]

T = TypeVar("T")

MOST_BYTES = 1 << 27
"""The largest value of a database."""

WATCHING = Lock()
"""Held while something is read on a connection that writes nothing."""

NO_LOG = b"\x01\x01"
"""In the header of an SQLite file: it is written without a log. One in memory has none."""


class Database:
    """The connections to one study's database; what they carry is the `Store`'s.

    Args:
        place: the path of an SQLite file, the address of a study on a server, or ":memory:".
        create: whether to make the tables; otherwise they must be there.
        upgrades: whether tables of an earlier version are brought up to date there.

    Raises:
        RunError: there is no such study, it is not a study's, or one of a later version.
        StorageError: it is of an earlier version, and must not be brought up to date; the server does not answer.
    """

    copied = False
    held = False
    server: Server | None = None
    _outdated = False
    _watch: sqlite3.Connection | None = None
    _read_before: tuple[int, dict[Hashable, Any]] | None = None

    def __init__(self, place: str | Path | Address, *, create: bool = False, upgrades: bool = True) -> None:
        if isinstance(place, Address):
            self.path, self.place, self.server = None, str(place), Server(place)
            try:
                self._begin(self.server.engine, create, upgrades)
            except BaseException:
                self.server.close()
                raise
            self.server.patience = PATIENCE_SECONDS
            return
        self.path = None if place == ":memory:" else Path(place)
        self.place = str(place) if self.path is None else shown(self.path)
        if self.path is None:
            engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        elif create or self.path.is_file():
            engine = sa.create_engine("sqlite://", creator=_opener(self.path, create), poolclass=sa.QueuePool)
        else:
            raise RunError(f"{self.place}: no such study")
        self._begin(engine, create, upgrades)

    @property
    def where(self) -> Path | Address | None:
        """Where another process finds the study; None for one in memory."""
        return self.path if self.server is None else self.server.address

    def _begin(self, engine: sa.Engine, create: bool, upgrades: bool = True) -> None:
        """Take up an engine, and see that the study's tables are there."""
        self.engine = engine
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        with self._guard():
            if create:
                if self.server is None:
                    with self.engine.connect() as connection:
                        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                with exclusive(self.engine) as connection:
                    if self.server is not None:
                        make_schema(connection, self.server.address)
                    # In a new file there is nothing to look for, which would take two questions for each table.
                    there = self.server is not None or sa.inspect(connection).get_table_names()
                    METADATA.create_all(connection, checkfirst=bool(there))
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
            if self.server is not None:
                schema_number(connection, self.server.address)
            study = sa.inspect(connection).has_table(TRIALS.name)
            old = study and outdated(connection, self.place) is not None
        if old and not upgrades:
            raise StorageError(f"cannot write {self.place}: it is opened only to be read")
        if old:
            upgrade(self.engine, self.place, None if self.server is None else self.server.only_one)
            self._outdated = True

    def _check_tables(self) -> None:
        """Refuse a database without the tables of a study, or with other columns."""
        there = {name: columns for (_, name), columns in sa.inspect(self.engine).get_multi_columns().items()}
        for table in METADATA.sorted_tables:
            if table.name not in there:
                raise RunError(f"{self.place}: not a study of ikura: it has no table {table.name}")
            columns = {one["name"] for one in there[table.name]}
            for column in table.columns:
                if column.name not in columns:
                    raise RunError(
                        f"{self.place}: not a study of ikura: table {table.name} has no column {column.name}"
                    )

    @classmethod
    def opened(cls, path: Path | Address) -> Self:
        """Open the database of a run only to read it, also where nothing can be written.

        A file of an earlier version stays as it is: a copy in memory is brought up to date.

        Raises:
            RunError: there is no such study, or it is none.
        """
        if isinstance(path, Address):
            return cls(path)
        try:
            if all(os.access(place, os.W_OK) for place in (path, path.parent)):
                return cls(path, upgrades=False)
        except StorageError:
            pass
        return cls.copy(path)

    @classmethod
    def copy(cls, path: Path | Address) -> Self:
        """Open a copy of a run's database in memory: SQLite can write to the folder of one that it only reads.

        What is on a server is opened there.

        Raises:
            RunError: there is no such study, or it is none.
        """
        if isinstance(path, Address):
            return cls(path)
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
        except DatabaseError as error:
            raise self._explained(error) from error

    def _explained(self, error: DatabaseError) -> StorageError | RunError:
        """What an error of the database is to the caller."""
        if self.server is not None:
            return StorageError(f"{self.place}: {reason(error)}{advice(error)}")
        if isinstance(error, OperationalError):
            return StorageError(f"cannot write {self.place}: {error.orig}")
        if isinstance(error, DataError):
            return RunError(f"{self.place}: holds a value that is too large or none ({error.orig})")
        return RunError(f"{self.place}: not a study of ikura ({error.orig})")

    def look(self, work: Callable[[sa.Connection], T]) -> T:
        """Read: call a function of a connection, and return what it does.

        Args:
            work: what to do; it may be done again where the connection was lost.
        """
        if self.server is not None:
            with self._guard():
                return self.server.look(work)
        with self._guard(), self.engine.connect() as connection:
            return work(connection)

    def known(self, what: Hashable, read: Callable[[], T]) -> T:
        """Read; whoever trains the study, in a file, reads again only where somebody has written since.

        Args:
            what: that is read.
            read: reads it; what it returns goes to all who ask, and nobody may change it.
        """
        version = self._version()
        if version is None:
            return read()
        before = self._read_before
        if before is None or before[0] != version:
            before = self._read_before = version, {}
        there = before[1]
        if what not in there:
            there[what] = read()
        found: T = there[what]
        return found

    def _version(self) -> int | None:
        """A number that changes whenever any process writes; None where nobody trains, or there is no file.

        SQLite tells a connection of what others write, so nothing is written on this one.
        """
        found = self._watched("PRAGMA data_version") if self.held else None
        return None if found is None else int(found[0][0])

    def rows(self, statement: str) -> Sequence[Any]:
        """Read what is asked often while tiles train: a file without what SQLAlchemy does besides.

        Args:
            statement: SQL.

        Returns:
            The rows, as tuples.
        """
        found = None if self.copied else self._watched(statement)
        return self.look(lambda connection: connection.exec_driver_sql(statement).all()) if found is None else found

    def _watched(self, statement: str) -> list[Any] | None:
        """Read from the file on a connection that writes nothing; None where that cannot be done."""
        if self.path is None:
            return None
        with WATCHING:
            try:
                if self._watch is None:
                    self._watch = _opener(self.path, create=False)()
                return self._watch.execute(statement).fetchall()
            except sqlite3.Error:
                return None

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Call a function of a connection in one transaction, for which an interrupt waits; return what it does.

        Args:
            work: what to do; it may be done again, from the beginning, where nothing of it was recorded.
        """
        if self.copied:
            raise StorageError(f"cannot write {self.place}: it was opened only to be read")
        if self.path is not None:
            check_held(self.path)
        if self.server is not None:
            with self._guard():
                return self.server.write(work)
        with uninterrupted(), self._guard(), self.engine.begin() as connection:
            return work(connection)

    def hold(self) -> Self:
        """Become the one who trains the study; in a run folder its lock says so already.

        Raises:
            RunError: another process is.
        """
        try:
            with self._guard():
                if self.server is not None:
                    self.server.hold()
        except BaseException:
            self.close()
            raise
        self.held = True
        return self

    def close(self) -> None:
        """Close all connections."""
        self.held, self._read_before = False, None
        with WATCHING:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        if self.server is not None:
            self.server.close()
        self.engine.dispose()

    def read(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        """Run a query; return its rows by the names of their columns."""
        return self.look(lambda connection: connection.execute(query).mappings().all())

    def tuples(self, query: sa.Select[Any]) -> Sequence[Any]:
        """Run a query; return its rows."""
        return self.look(lambda connection: connection.execute(query).all())

    def among(self, column: sa.Column[Any], numbers: Iterable[int]) -> sa.ColumnElement[bool]:
        """Whether a column has one of any number of whole numbers; a server takes them as one value."""
        if self.server is None:
            return column.in_(list(numbers))
        from sqlalchemy.dialects.postgresql import ARRAY

        return column == sa.any_(sa.literal(list(numbers), ARRAY(sa.Integer)))

    def read_in(self, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]) -> list[sa.RowMapping]:
        """Run a query for the rows whose column has one of any number of values."""
        parts = (values[i : i + 10_000] for i in range(0, len(values), 10_000))
        return [row for part in parts for row in self.read(query.where(column.in_(list(part))))]


def check_store(url: str, name: str | None, overwrite: bool = False) -> None:
    """Look whether a study can be recorded in a database, see `ikura.study.record.server_schema.check_new`.

    Args:
        url: of the database.
        name: of the study; None where it is not known yet.
        overwrite: whether it may give way to a study of the same run folder.

    Raises:
        StorageError: the server does not answer, or not to this user.
    """
    with _server(Address(url, name or "")) as server, server.engine.connect() as connection:
        check_new(connection, url, None if overwrite else name)


def remove_study(address: Address) -> None:
    """Remove a study from its server, if it is there.

    Raises:
        RunError: a process is at work on it.
        StorageError: the server does not answer, or does not let it be removed.
    """
    with _server(address) as server:
        drop_study(server.engine, address)


@contextmanager
def _server(address: Address) -> Iterator[Server]:
    server = Server(address)
    try:
        yield server
    except DatabaseError as error:
        raise StorageError(f"{address.url}: {reason(error)}{advice(error)}") from error
    finally:
        server.close()


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
