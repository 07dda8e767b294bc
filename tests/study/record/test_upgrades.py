"""A database of an earlier version is brought up to date, all of it or nothing; one of a later version is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ikura import __version__
from ikura.errors import RunError, StorageError
from ikura.study.record import upgrades
from ikura.study.record.facts import Fact
from ikura.study.record.ledger import Ledger
from ikura.study.record.store import Store

METRIC: Fact[str] = Fact("metric", str)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of version 0: with tables of events and of legs, and without a version."""
    path = tmp_path / "study.db"
    with closing(Store(path, create=True)) as store:
        store.set_fact(METRIC, "accuracy")
    change(
        path,
        "DROP TABLE schema_version",
        "CREATE TABLE events (id INTEGER PRIMARY KEY, detail TEXT)",
        "INSERT INTO segments VALUES (0, 1, 2, 0, 5)",
        "ALTER TABLE segments RENAME TO legs",
        "DROP INDEX ix_segments_trial",
        "CREATE INDEX ix_legs_trial ON legs (trial)",
    )
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def version(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM schema_version").fetchall()


def test_a_new_database_is_of_the_newest_version(tmp_path: Path) -> None:
    Store(tmp_path / "study.db", create=True).close()
    assert version(tmp_path / "study.db") == [(len(upgrades.UPGRADES), __version__)]


def test_an_old_one_is_brought_up_to_date_where_it_is_written(old: Path) -> None:
    for _ in range(2):
        with closing(Store(old)) as store:
            assert store.fact(METRIC) == "accuracy"
        assert version(old) == [(len(upgrades.UPGRADES), __version__)]
        assert not tables(old) & {"events", "legs"}
    with closing(sqlite3.connect(old)) as connection, closing(Store(":memory:", create=True)) as new:
        assert connection.execute("SELECT * FROM segments").fetchall() == [(0, 1, 2, 0, 5)]
        query = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'ix%' ORDER BY name"
        with new.engine.connect() as other:
            assert connection.execute(query).fetchall() == [tuple(row) for row in other.exec_driver_sql(query)]


@pytest.mark.parametrize("open_it", [Store.opened, Store.copy])
def test_an_old_one_that_is_read_stays_as_it_is(open_it: Any, old: Path) -> None:
    before = old.read_bytes()
    with closing(open_it(old)) as store:
        assert store.fact(METRIC) == "accuracy"
        assert not sa.inspect(store.engine).has_table("events")
        with pytest.raises(StorageError, match="opened only to be read"):
            store.set_fact(METRIC, "f1")
        store.close()
        assert Ledger(store).segments([2])[2][0].until == 5
    assert old.read_bytes() == before


def test_an_upgrade_that_fails_leaves_nothing_behind(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (a INTEGER)")
        connection.exec_driver_sql("UPDATE facts SET value = '\"f1\"'")
        raise KeyboardInterrupt

    known = upgrades.UPGRADES
    monkeypatch.setattr(upgrades, "UPGRADES", (*known, failing))
    with pytest.raises(KeyboardInterrupt):
        Store(old)
    assert "events" in tables(old)
    assert not tables(old) & {"half", "schema_version"}
    monkeypatch.setattr(upgrades, "UPGRADES", known)
    with closing(Store(old)) as store:
        assert store.fact(METRIC) == "accuracy"


def test_every_step_after_its_version_is_taken_and_none_before(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(old).close()
    taken = []
    steps = (*(lambda _: taken.append("early") for _ in upgrades.UPGRADES), lambda _: taken.append("late"))
    monkeypatch.setattr(upgrades, "UPGRADES", steps)
    Store(old).close()
    assert taken == ["late"]
    assert version(old) == [(len(steps), __version__)]


@pytest.mark.parametrize("open_it", [Store, Store.opened, Store.copy])
def test_a_later_one_is_refused_in_one_line(open_it: Any, old: Path) -> None:
    Store(old).close()
    change(old, "UPDATE schema_version SET version = 99, ikura = '7.1.0'")
    before = old.read_bytes()
    with pytest.raises(RunError) as caught:
        open_it(old)
    assert str(caught.value) == (
        f"{old}: its tables are of version 99, and ikura {__version__} knows none after {len(upgrades.UPGRADES)}; "
        "it was written by ikura 7.1.0: install that or a later one"
    )
    assert old.read_bytes() == before


@pytest.mark.parametrize("damage", ["DELETE FROM schema_version", "UPDATE schema_version SET version = 'x'"])
def test_a_version_that_is_none_is_refused(damage: str, old: Path) -> None:
    Store(old).close()
    change(old, damage)
    with pytest.raises(RunError, match="table schema_version has no version"):
        Store(old)
