"""Reading studies on a PostgreSQL server for the page: a few connections that can change nothing, shared by all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from shlex import quote
from threading import Lock
from typing import Any

from ikura.errors import RunError
from ikura.study.record.address import PREFIX, Address
from ikura.study.record.server_connection import check_driver, connected
from ikura.study.record.server_faults import advice, is_lost, reason
from ikura.study.record.server_locks import LOCKS
from ikura.study.record.table_version import NEWEST, too_new

__all__ = ["NoAnswerError", "ServerConnection", "ServerReader", "StudyOnServer", "server_reader"]

FRESH_SECONDS, REST = 0.5, 12.0
"""For so long a look at all studies is good, or for so many times as long as it took."""
MOST_STUDIES = 2_000
"""Studies that are listed, of those that were made last."""
LONGEST = "20s"
MOST_IDLE = 4
MARK = re.compile(r"\?|:(\w+)")
STUDIES = f"""
SELECT n.nspname, CAST(n.oid AS bigint), l.objid IS NOT NULL, s.changes
FROM pg_namespace n
LEFT JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = {LOCKS}
    AND l.objid = n.oid AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LEFT JOIN (
    SELECT schemaname, CAST(sum(n_tup_ins + n_tup_upd + n_tup_del) AS bigint) AS changes
    FROM pg_stat_user_tables WHERE starts_with(schemaname, '{PREFIX}') GROUP BY schemaname
) s ON s.schemaname = n.nspname
WHERE starts_with(n.nspname, '{PREFIX}') AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.oid DESC LIMIT {MOST_STUDIES}
"""
VERSION = "SELECT version, ikura FROM schema_version"
TABLES = ("trials", "facts", "curves")
"""Some tables that every study has."""


class NoAnswerError(RunError):
    """A server does not answer; the message says since when."""


@dataclass(frozen=True)
class StudyOnServer:
    """A study as a look at all of them shows it.

    Attributes:
        stamp: another one means other content; the server counts within a few seconds.
        live: whether a process holds its lock.
        changed: when its stamp was first seen, in seconds since the epoch; None for one that was there before.
    """

    stamp: tuple[int, ...]
    live: bool
    changed: float | None = None


class ServerConnection:
    """A connection that takes queries as SQLite does, with ? and :name for values."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """Run a query; its cursor has `fetchone` and `fetchall`, and gives rows."""
        text = MARK.sub(lambda one: f"%({one[1]})s" if one[1] else "%s", query)
        return self._connection.execute(text, values or None)


class ServerReader:
    """The connections to one database.

    Args:
        url: as `ikura.study.record.address.parse_url` returns it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._idle: list[Any] = []
        self._lock = Lock()
        self._next = self._asked = 0.0
        self._lost: float | None = None
        self._failed: tuple[float, str] | None = None
        self._found: dict[str, StudyOnServer] = {}

    def studies(self) -> dict[str, StudyOnServer]:
        """Look at all studies, if the last look is not good any more.

        Between two looks it is only asked whether it is there.

        Raises:
            NoAnswerError: the server does not answer.
            RunError: it refuses.
        """
        with self._lock:
            if self._failed and time.monotonic() < self._failed[0]:
                raise NoAnswerError(self._failed[1])
            if (now := time.monotonic()) < self._next and now - self._asked >= FRESH_SECONDS:
                with self._connected():
                    self._asked = time.monotonic()
            if (began := time.monotonic()) >= self._next:
                before, first = self._found, not self._found
                with self._connected() as connection:
                    rows = connection.execute(STUDIES).fetchall()
                self._found = {}
                for schema, number, live, changes in rows:
                    name = schema.removeprefix(PREFIX)
                    one = StudyOnServer((number, changes or 0), live, None if first else time.time())
                    known = before.get(name)
                    same = known is not None and known.stamp == one.stamp
                    self._found[name] = replace(one, changed=known.changed) if known and same else one
                now = self._asked = time.monotonic()
                self._next = now + max(FRESH_SECONDS, REST * (now - began))
            return self._found

    @contextmanager
    def reading(self, study: str) -> Iterator[ServerConnection]:
        """A connection that reads one study.

        Raises:
            NoAnswerError: the server does not answer.
            RunError: there is no such study, or its tables are of another ikura's.
        """
        address = Address(self.url, study)
        with self._connected(address) as connection:
            _check_tables(connection, address)
            yield ServerConnection(connection)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connected(self, address: Address | None = None) -> Iterator[Any]:
        """A connection, made anew where the one that was kept was lost."""
        check_driver()
        import psycopg

        place = str(address or self.url)
        try:
            connection = self._taken(address)
            try:
                yield connection
                connection.rollback()
            except BaseException:
                with suppress(psycopg.Error):
                    connection.rollback()
                raise
            finally:
                if connection.closed or len(self._idle) >= MOST_IDLE:
                    connection.close()
                else:
                    self._idle.append(connection)
        except psycopg.Error as error:
            if is_lost(error):
                self._lost = self._lost or time.time()
                since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._lost))
                line = f"{self.url}: the server has not answered since {since} ({reason(error)}{advice(error)})"
                self._failed = time.monotonic() + FRESH_SECONDS, line
                raise NoAnswerError(line) from error
            raise RunError(f"{place}: {reason(error)}{advice(error)}") from error
        self._lost = self._failed = None

    def _taken(self, address: Address | None) -> Any:
        import psycopg
        from psycopg import sql

        path = sql.Identifier(address.schema if address else "pg_catalog")
        look = sql.SQL("SET search_path = {}; SET default_transaction_read_only = on; SET statement_timeout = {}")
        while True:
            with suppress(IndexError):
                connection = self._idle.pop()
                try:
                    connection.execute(look.format(path, LONGEST))
                    connection.commit()
                    return connection
                except psycopg.Error as error:
                    connection.close()
                    if not is_lost(error):
                        raise
                    continue
            self._idle.append(connected(self.url))


def _check_tables(connection: Any, address: Address) -> None:
    """Refuse what is no study, and tables that this ikura cannot read as they are.

    Raises:
        RunError: naming what was found, and what to do.
    """
    query = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relname = ANY(%s)"
    there = {row[0] for row in connection.execute(query, (address.schema, ["schema_version", *TABLES])).fetchall()}
    if not there:
        query = "SELECT to_regnamespace(quote_ident(%s)) IS NULL"
        if connection.execute(query, (address.schema,)).fetchone()[0]:
            raise RunError(f"{address}: no such study")
    for name in TABLES:
        if name not in there:
            raise RunError(f"{address}: its schema {address.schema} is no study of ikura: it has no table {name}")
    row = connection.execute(VERSION).fetchone() if "schema_version" in there else None
    version, ikura = row or (None, "")
    if not isinstance(version, int) or version < 0:
        raise RunError(f"{address}: its schema {address.schema} is no study of ikura: its tables have no version")
    if version > NEWEST:
        raise RunError(too_new(str(address), version, str(ikura)))
    if version < NEWEST:
        raise RunError(
            f"{address}: its tables are of version {version}, of an earlier ikura ({ikura}), and this one reads "
            f"{NEWEST}: `ikura report --store {quote(address.url)} {quote(address.study)}` by who began it brings them "
            "up to date"
        )


_readers: dict[str, ServerReader] = {}


def server_reader(url: str) -> ServerReader:
    """The reader of a database, one in this process."""
    return _readers.setdefault(url, ServerReader(url))
