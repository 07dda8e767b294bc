"""Reading a study's database beside the process that writes it: short, read only, never in its way."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from ikura.errors import RunError
from ikura.files import shown
from ikura.json_values import Json
from ikura.study.record.table_version import NEWEST, too_new
from ikura.web.located import DATABASE, Run, address_of
from ikura.web.server_reader import server_reader

__all__ = ["Reader", "Stamp", "facts", "reading", "stamp"]

Stamp = tuple[int, ...]
"""Size and time of last change of a database and its log; another stamp means other content."""


class Reader(Protocol):
    """A connection that runs queries."""

    def execute(self, query: str, values: Any = (), /) -> Any:
        """Run a query; its cursor has `fetchone` and `fetchall`."""


BUSY_SECONDS = 2.0
LONGEST_SECONDS = 20.0
"""A query that takes longer is given up: the database is not one that ikura wrote."""
STEPS_BETWEEN_LOOKS = 100_000
MOST_BYTES = 1 << 27


def stamp(run: Run) -> Stamp:
    """Look at a run's database without opening it; empty where there is none."""
    if address := address_of(run):
        with suppress(RunError):
            study = server_reader(address.url).studies().get(address.study)
            return () if study is None else study.stamp
        return ()
    assert isinstance(run, Path)
    found: list[int] = []
    for name in ("study.db", "study.db-wal"):
        try:
            one = os.stat(run / name)
        except OSError:
            continue
        found += [one.st_size, one.st_mtime_ns, one.st_ino]
    return tuple(found)


@contextmanager
def reading(run: Run) -> Iterator[Reader]:
    """Open a run's database for a few queries, and close it: who trains is never made to wait.

    A database without a log is read as a file that nobody changes, which leaves nothing beside it; one with a log
    together with it. Where the folder cannot be written, which SQLite needs for a log, a copy in memory is read.

    Raises:
        RunError: there is no database, or it is not a study's.
    """
    if address := address_of(run):
        with server_reader(address.url).reading(address.study) as connection:
            yield connection
        return
    assert isinstance(run, Path)
    path = run / DATABASE
    if not path.is_file():
        raise RunError(f"{shown(run)}: the run has no study.db yet")
    try:
        with closing(_opened(path)) as opened:
            yield opened
    except sqlite3.Error as error:
        raise RunError(f"{shown(path)}: cannot be read ({error})") from error


def facts(connection: Reader, *names: str) -> dict[str, Json]:
    """Read facts of a study by their names; those that are not there, or no JSON, are left out."""
    marks = ", ".join("?" * len(names))
    found: dict[str, Json] = {}
    rows = connection.execute(f"SELECT name, value FROM facts WHERE name IN ({marks})", names).fetchall()
    for name, value in rows:
        try:
            found[name] = json.loads(value)
        except (ValueError, TypeError, RecursionError):
            continue
    return found


def _opened(path: Path) -> sqlite3.Connection:
    place = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro"
    log = path.with_name("study.db-wal").exists()
    connection = sqlite3.connect(
        place if log else f"{place}&immutable=1", uri=True, timeout=BUSY_SECONDS, check_same_thread=False
    )
    try:
        _limit(connection)
        connection.execute("SELECT 1 FROM facts LIMIT 1").fetchone()
        _check_version(connection, path)
    except sqlite3.OperationalError:
        connection.close()
        if not log or os.access(path.parent, os.W_OK):
            raise
        from ikura.study.record.database import in_memory

        connection = in_memory(path)
        _limit(connection)
        _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse tables of a later ikura; those of an earlier one are read as they are."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone():
        row = connection.execute("SELECT version, ikura FROM schema_version").fetchone()
        if row is not None and isinstance(row[0], int) and row[0] > NEWEST:
            raise RunError(too_new(shown(path), row[0], str(row[1])))


def _limit(connection: sqlite3.Connection) -> None:
    """Let nothing be written, no value be huge, and no query run on and on."""
    until = time.monotonic() + LONGEST_SECONDS
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    connection.set_progress_handler(lambda: int(time.monotonic() > until), STEPS_BETWEEN_LOOKS)
    for pragma in ("query_only=1", "trusted_schema=0"):
        connection.execute(f"PRAGMA {pragma}")
