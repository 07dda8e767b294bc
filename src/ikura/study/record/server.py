"""The connections to one study on a PostgreSQL server: made again when they are lost, with one writer at a time."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, RLock
from typing import Any, TypeVar
from uuid import uuid4
from weakref import finalize

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ikura.errors import RunError, StorageError
from ikura.study.record.address import Address
from ikura.study.record.deferred_interrupts import uninterrupted
from ikura.study.record.server_connection import check_driver, connected
from ikura.study.record.server_faults import is_lost, may_pass, reason
from ikura.study.record.server_locks import lock_key
from ikura.study.record.server_schema import WRITER, only_one, schema_number, who

__all__ = ["PATIENCE_SECONDS", "Server", "copy_rows"]

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""For so long a lost connection is tried again."""
GRACE_SECONDS = 2.0
"""For so long the connection of a process that has just ended may still hold its lock for the server."""
FIRST_WAIT, LONGEST_WAIT = 0.05, 5.0
ECHO_SECONDS = 5.0
"""For so long after a connection is there again, others that were lost with it are not told of."""
_LOGGER = logging.getLogger("ikura")


def copy_rows(connection: sa.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Send rows of plain values to a server as one stream.

    Args:
        connection: to the server.
        statement: COPY … FROM STDIN.
        rows: of values in the order of the statement's columns.
    """
    import psycopg

    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as stream:
            for row in rows:
                stream.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error) from error


class Server:
    """One study on a server.

    Whoever trains holds an advisory lock on the connection that all its transactions run on: it ends with that. A lost
    connection is made again, and the lock with it, unless another process has taken the study meanwhile.

    Args:
        address: of the study.

    Attributes:
        engine: whose connections they are.

    Raises:
        UsageError: psycopg is not installed.
    """

    def __init__(self, address: Address) -> None:
        check_driver()
        self.address = address
        self.engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: connected(address.url, address.schema),
            pool_size=4,
            max_overflow=60,
        )
        # A connection that is left to the garbage collector warns of it.
        finalize(self, self.engine.dispose)
        self.patience = 0.0
        self._lock, self._telling, self._token = RLock(), Lock(), ""
        self._held: sa.Connection | None = None
        self._since: float | None = None
        self._back = -ECHO_SECONDS

    def look(self, work: Callable[[sa.Connection], T]) -> T:
        """Read, again where the connection is lost."""

        def attempt() -> T:
            with self.engine.connect() as connection:
                return work(connection)

        return self._patiently(attempt)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Carry out one transaction exactly once, also where the connection is lost while it ends."""
        number: str | None = None
        result: Any = None

        def attempt() -> T:
            nonlocal number, result
            with self._writing() as connection, uninterrupted():
                if number is not None and self._recorded(connection, number):
                    return result  # type: ignore[no-any-return]
                number = None
                with connection.begin():
                    result = work(connection)
                    number = connection.scalar(sa.text("SELECT CAST(pg_current_xact_id_if_assigned() AS text)"))
            return result  # type: ignore[no-any-return]

        return self._patiently(attempt)

    def hold(self) -> None:
        """Become the study's writer.

        Raises:
            RunError: another process is.
        """
        with self._lock:
            if self._held is not None:
                return
            self._token = uuid4().hex
            self._held = self._locked(waits=False)
            self.patience = PATIENCE_SECONDS
            row = {"token": self._token, "host": socket.gethostname(), "process": os.getpid(), "since": time.time()}

            def sign(connection: sa.Connection) -> None:
                connection.execute(sa.update(WRITER).values(**row))

            self.write(sign)

    def only_one(self, connection: sa.Connection) -> None:
        """Keep every writer off the study until a transaction ends, see `ikura.study.record.server_schema.only_one`."""
        only_one(connection, self.address)

    def close(self) -> None:
        """Close all connections; a lock ends with them."""
        with self._lock:
            if self._held is not None:
                with suppress(DBAPIError):
                    self._held.invalidate()
                self._held, self._token = None, ""
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """The connection of the writer, or one of those who only ask."""
        if not self._token:
            with self.engine.connect() as connection:
                yield connection
            return
        with self._lock:
            if self._held is None:
                self._held = self._locked(waits=True)
            try:
                yield self._held
            except BaseException as error:
                if is_lost(error):
                    held, self._held = self._held, None
                    with suppress(DBAPIError):
                        held.invalidate()
                raise

    def _locked(self, waits: bool) -> sa.Connection:
        """A connection that holds the study's lock.

        Args:
            waits: whether this process held it before: its old connection may not have ended for the server yet.
        """
        connection = self.engine.connect()
        try:
            until = time.monotonic() + (self.patience if waits else GRACE_SECONDS)
            number = schema_number(connection, self.address)
            while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(lock_key(number)))):
                row = connection.execute(sa.select(WRITER)).one_or_none()
                connection.rollback()
                taken = waits and (row is None or row.token != self._token)
                if taken or time.monotonic() >= until:
                    raise RunError(f"{self.address}: another process is at work on this study{who(row)}; wait for it")
                time.sleep(0.1)
            row = connection.execute(sa.select(WRITER)).one_or_none()
            connection.rollback()
            if waits and (row is None or row.token != self._token):
                raise RunError(
                    f"{self.address}: while the connection was lost, another process took the study{who(row)}; nothing "
                    "more is written here"
                )
        except BaseException:
            connection.invalidate()
            raise
        return connection

    @staticmethod
    def _recorded(connection: sa.Connection, number: str) -> bool:
        """Whether a transaction whose end was not heard of is on record; its old connection may still be ending it."""
        query = sa.text("SELECT pg_xact_status(CAST(:number AS xid8))")
        until = time.monotonic() + PATIENCE_SECONDS
        while (state := connection.scalar(query, {"number": number})) == "in progress":
            connection.rollback()
            if time.monotonic() > until:
                raise StorageError("a transaction that was cut off has not ended for the server")
            time.sleep(0.1)
        connection.rollback()
        return bool(state == "committed")

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Try until the connection is there again, for as long as patience lasts."""
        began, wait = 0.0, FIRST_WAIT
        while True:
            try:
                result = attempt()
            except DBAPIError as error:
                if not may_pass(error) or self.patience == 0:
                    raise
                now = time.monotonic()
                began = began or now
                if now - began > self.patience:
                    raise StorageError(
                        f"{self.address}: the connection was lost, and could not be made again for "
                        f"{self.patience:g} seconds ({reason(error)}); what was recorded is kept"
                    ) from error
                self._say_lost(error)
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                if began:
                    self._say_found()
                return result

    def _say_lost(self, error: DBAPIError) -> None:
        """Say that connections were lost, once for all that are lost together."""
        with self._telling:
            now = time.monotonic()
            if self._since is None and now - self._back > ECHO_SECONDS:
                self._since = now
                _LOGGER.warning(
                    f"{self.address}: the connection was lost ({reason(error)}); trying again for up to "
                    f"{self.patience:g} seconds"
                )

    def _say_found(self) -> None:
        """Say that the connection that was told of is there again."""
        with self._telling:
            if self._since is not None:
                self._back = time.monotonic()
                _LOGGER.warning(
                    f"{self.address}: the connection is there again, after {self._back - self._since:.1f} s"
                )
                self._since = None
