"""Upgrades of a study's database: the version of its tables, and one step from each version to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from ikura.errors import RunError
from ikura.study.record.deferred_interrupts import uninterrupted
from ikura.study.record.table_version import too_new
from ikura.version import __version__

__all__ = ["UPGRADES", "exclusive", "mark", "outdated", "upgrade"]

SCHEMA_VERSION = sa.Table(
    "schema_version",
    sa.MetaData(),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("ikura", sa.String, nullable=False),
)
"""One row: the version of the tables, and the ikura that made them so. A database without it is of version 0."""


def _drop_events(connection: sa.Connection) -> None:
    connection.exec_driver_sql("DROP TABLE IF EXISTS events")


def _rename_segments(connection: sa.Connection) -> None:
    if sa.inspect(connection).has_table("legs"):
        connection.exec_driver_sql("ALTER TABLE legs RENAME TO segments")
        connection.exec_driver_sql("DROP INDEX IF EXISTS ix_legs_trial")
        connection.exec_driver_sql("CREATE INDEX ix_segments_trial ON segments (trial)")


def _add_measures(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS measures (trial INTEGER NOT NULL, name VARCHAR NOT NULL, value FLOAT, "
        "PRIMARY KEY (trial, name))"
    )


def _add_interventions(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS interventions (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, trial INTEGER, "
        "action VARCHAR NOT NULL, content TEXT NOT NULL, at INTEGER, who TEXT NOT NULL, time FLOAT NOT NULL, "
        "why TEXT NOT NULL, state VARCHAR NOT NULL, reason TEXT NOT NULL, applied INTEGER, made INTEGER)"
    )
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS ix_interventions_trial ON interventions (trial)")


def _add_epoch_values(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS epoch_values (trial INTEGER NOT NULL, epoch INTEGER NOT NULL, "
        "name VARCHAR NOT NULL, value FLOAT, PRIMARY KEY (trial, epoch, name))"
    )


def _add_live_curves(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS live_curves (trial INTEGER NOT NULL, epoch INTEGER NOT NULL, train_loss FLOAT, "
        "dev_loss FLOAT, dev_score FLOAT, PRIMARY KEY (trial, epoch)) WITHOUT ROWID"
    )


def _add_rules(connection: sa.Connection) -> None:
    if "rule" not in {one["name"] for one in sa.inspect(connection).get_columns("interventions")}:
        connection.exec_driver_sql("ALTER TABLE interventions ADD COLUMN rule VARCHAR NOT NULL DEFAULT ''")


UPGRADES: tuple[Callable[[sa.Connection], None], ...] = (
    _drop_events,
    _rename_segments,
    _add_measures,
    _add_interventions,
    _add_epoch_values,
    _add_live_curves,
    _add_rules,
)
"""The step at index i brings tables of version i to version i + 1; steps are only ever appended."""


@contextmanager
def exclusive(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, changes of tables included, with no other writer beside it; an interrupt waits for its end."""
    with uninterrupted(), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def mark(connection: sa.Connection) -> None:
    """Record that the tables are of the newest version."""
    SCHEMA_VERSION.create(connection, checkfirst=True)
    connection.execute(sa.delete(SCHEMA_VERSION))
    connection.execute(sa.insert(SCHEMA_VERSION), {"version": len(UPGRADES), "ikura": __version__})


def outdated(connection: sa.Connection, place: str) -> int | None:
    """Return the version of the tables if it is an older one, None if it is the newest.

    Args:
        connection: to the database of a study.
        place: what a message calls the database.

    Raises:
        RunError: the tables are of a version that this ikura does not know yet.
    """
    if not sa.inspect(connection).has_table(SCHEMA_VERSION.name):
        return 0
    found = connection.execute(sa.select(SCHEMA_VERSION)).one_or_none()
    if found is None or not isinstance(found.version, int) or found.version < 0:
        raise RunError(f"{place}: not a study of ikura: table schema_version has no version")
    if found.version > len(UPGRADES):
        raise RunError(too_new(place, found.version, found.ikura, len(UPGRADES)))
    return found.version if found.version < len(UPGRADES) else None


def upgrade(engine: sa.Engine, place: str, alone: Callable[[sa.Connection], None] | None = None) -> None:
    """Bring older tables up to date, all steps or none.

    Args:
        engine: of the database of a study.
        place: what a message calls the database.
        alone: keeps other writers off until the transaction ends, where the database does not.

    Raises:
        RunError: the tables are of a version that this ikura does not know yet.
    """
    with exclusive(engine) as connection:
        if alone is not None:
            alone(connection)
        # Another process may have done it meanwhile.
        version = outdated(connection, place)
        if version is not None:
            for step in UPGRADES[version:]:
                step(connection)
            mark(connection)
