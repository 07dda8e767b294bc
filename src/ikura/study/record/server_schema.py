"""The schemas of a PostgreSQL server's database: one for each study, made, found and removed."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from ikura.errors import RunError, StorageError, listed, nearest
from ikura.study.record.address import PREFIX, Address
from ikura.study.record.server_locks import lock_key

__all__ = [
    "WRITER",
    "check_new",
    "drop_study",
    "lock_key",
    "make_schema",
    "only_one",
    "schema_number",
    "studies",
    "who",
]

OLDEST = (13,)
"""The first version of a server that tells what became of a transaction."""
BEGUN = "SELECT 1 FROM {schema}.trials UNION ALL SELECT 1 FROM {schema}.facts WHERE name = 'tile_size' LIMIT 1"

WRITER = sa.Table(
    "writer", sa.MetaData(),
    sa.Column("made", sa.Float, nullable=False),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
)  # fmt: skip
"""One row: when the study was made, and who trains it, or did so last."""


def schema_number(connection: sa.Connection, address: Address) -> int:
    """The number of a study's schema.

    Raises:
        RunError: there is no such study.
        StorageError: this user may not look at it.
    """
    number = _number(connection, address)
    if number is None:
        known = studies(connection)
        there = f"; there are {listed(known)}" if known else "; there are none that you may look at"
        raise RunError(f"{address}: no such study{nearest(address.study, known) or there}")
    query = sa.text("SELECT has_schema_privilege(CAST(:number AS oid), 'USAGE')")
    if not connection.scalar(query, {"number": number}):
        raise StorageError(f"{address}: you may not look at it; ask who began it for GRANT USAGE ON SCHEMA")
    return number


def studies(connection: sa.Connection) -> dict[str, int]:
    """The studies of a database by name, with the numbers of their schemas, as far as this user may look at them."""
    query = sa.text(
        "SELECT substr(nspname, :begin), CAST(oid AS bigint) FROM pg_namespace WHERE starts_with(nspname, :prefix) "
        "AND has_schema_privilege(oid, 'USAGE') ORDER BY oid"
    )
    rows = connection.execute(query, {"begin": len(PREFIX) + 1, "prefix": PREFIX})
    return {str(name): int(number) for name, number in rows}


def only_one(connection: sa.Connection, address: Address) -> None:
    """Keep every writer off a study until this transaction ends.

    Raises:
        RunError: one is at work.
    """
    number = schema_number(connection, address)
    if not connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(lock_key(number)))):
        raise RunError(f"{address}: another process is at work on this study; wait for it, or stop it")


def make_schema(connection: sa.Connection, address: Address) -> None:
    """Make the schema of a new study within a transaction; one of a study that was never begun gives way.

    Raises:
        RunError: there is a study of this name, or something else that is called so.
    """
    if _check_free(connection, address):
        connection.execute(sa.schema.DropSchema(address.schema, cascade=True))
    connection.execute(sa.schema.CreateSchema(address.schema))
    WRITER.create(connection)
    row = {"made": time.time(), "token": "", "host": "", "process": 0, "since": 0.0}
    connection.execute(sa.insert(WRITER), row)


def check_new(connection: sa.Connection, url: str, name: str | None) -> None:
    """Look whether a study can be made in a database, before anything is read for it.

    Args:
        connection: to the database.
        url: of the database.
        name: of the study; None where it is not known yet.

    Raises:
        StorageError: the server is too old, a copy, or one where the user may only read, or not make schemas.
        RunError: there is a study of this name.
    """
    if connection.dialect.server_version_info < OLDEST:  # type: ignore[operator]
        raise StorageError(f"{url}: the server must be PostgreSQL {OLDEST[0]} or later")
    if connection.scalar(sa.select(sa.func.pg_is_in_recovery())):
        raise StorageError(f"{url}: the server is a copy that cannot be written; name the one that it follows")
    if connection.scalar(sa.text("SHOW transaction_read_only")) == "on":
        raise StorageError(f"{url}: you may only read there: default_transaction_read_only is on for you")
    if not connection.scalar(sa.text("SELECT has_database_privilege(current_database(), 'CREATE')")):
        raise StorageError(
            f"{url}: you may not make a schema there; ask who runs the server for GRANT CREATE ON DATABASE"
        )
    if name is not None:
        _check_free(connection, Address(url, name))


def drop_study(engine: sa.Engine, address: Address) -> None:
    """Remove a study, if it is there.

    Raises:
        RunError: a process is at work on it.
    """
    with engine.begin() as connection:
        if _number(connection, address) is not None:
            only_one(connection, address)
            connection.execute(sa.schema.DropSchema(address.schema, cascade=True))


def _check_free(connection: sa.Connection, address: Address) -> bool:
    """Refuse the name of a study that was begun; whether there is one that was not, which gives way."""
    if _number(connection, address) is None:
        return False
    there = sa.inspect(connection)
    if not all(there.has_table(name, address.schema) for name in ("schema_version", "facts", "trials")):
        raise RunError(f"{address.url}: its schema {address.schema} is no study's; choose another name")
    only_one(connection, address)
    quoted = connection.dialect.identifier_preparer.quote_identifier(address.schema)
    if connection.exec_driver_sql(BEGUN.format(schema=quoted)).first() is not None:
        raise RunError(f"{address.url}: there is a study {address.study} already; choose another name")
    return True


def who(row: Any) -> str:
    """The process of a row of `WRITER`, in brackets; empty for none."""
    return "" if row is None or not row.host else f" (process {row.process} on {row.host})"


def _number(connection: sa.Connection, address: Address) -> int | None:
    query = sa.text("SELECT CAST(oid AS bigint) FROM pg_namespace WHERE nspname = :name")
    number = connection.scalar(query, {"name": address.schema})
    return None if number is None else int(number)
