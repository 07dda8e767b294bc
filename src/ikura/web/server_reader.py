"""Reading studies on a PostgreSQL server for the page: a few connections that can change nothing, shared by all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from ikura.errors import RunError
from ikura.study.record.address import PREFIX, Address
from ikura.study.record.server_connection import connected
from ikura.study.record.server_faults import advice, is_lost, reason
from ikura.study.record.server_locks import LOCKS

__all__ = ["ServerConnection", "ServerReader", "StudyOnServer", "server_reader"]

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
        self._next = 0.0
        self._found: dict[str, StudyOnServer] = {}

    def studies(self) -> dict[str, StudyOnServer]:
        """Look at all studies, if the last look is not good any more.

        Raises:
            RunError: the server does not answer.
        """
        with self._lock:
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
                now = time.monotonic()
                self._next = now + max(FRESH_SECONDS, REST * (now - began))
            return self._found

    @contextmanager
    def reading(self, study: str) -> Iterator[ServerConnection]:
        """A connection that reads one study.

        Raises:
            RunError: the server does not answer, or there is no such study.
        """
        address = Address(self.url, study)
        with self._connected(address) as connection:
            yield ServerConnection(connection)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connected(self, address: Address | None = None) -> Iterator[Any]:
        """A connection, made anew where the one that was kept was lost."""
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
        except psycopg.errors.UndefinedTable as error:
            raise RunError(f"{place}: no such study") from error
        except psycopg.Error as error:
            raise RunError(f"{place}: {reason(error)}{advice(error)}") from error

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


_readers: dict[str, ServerReader] = {}


def server_reader(url: str) -> ServerReader:
    """The reader of a database, one in this process."""
    return _readers.setdefault(url, ServerReader(url))
