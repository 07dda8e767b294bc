"""A study that is recorded on a PostgreSQL server is the one that it is in a file, whatever becomes of connections."""

from __future__ import annotations

import logging
import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.errors import RunError, StorageError
from ikura.study.record.address import Address, name_from
from ikura.study.record.facts import TILE_SIZE
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.server import Server
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial

from ..postgres_server import PASSWORD, PostgresServer
from ..sweep import swept
from .comparing import assert_same
from .dying import KilledError, Life
from .unreported import short_report

SETTINGS: dict[str, Any] = {
    "data": "iris", "trials": 12, "epochs": 4, "finalists": 1, "jobs": 2, "schedule": "successive-halving",
}  # fmt: skip
SEEDS = swept(range(20), core=("0",))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The study in a file."""
    with short_report():
        study = ikura.tune(**SETTINGS, out=tmp_path_factory.mktemp("whole") / "run")
    yield study
    study.close()


@pytest.fixture
def address(postgres: PostgresServer, tmp_path: Path) -> Address:
    return Address(postgres.url, name_from(tmp_path.name))


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    with closing(Store(address, create=True)) as made:
        yield made


class Faults:
    """What goes wrong at some transactions of this process, by their number."""

    def __init__(self, server: PostgresServer, patch: pytest.MonkeyPatch, plan: dict[int, str]) -> None:
        self.server, self.plan, self.count = server, dict(plan), 0
        self.done: list[str] = []
        self.kinds: dict[str, Callable[[], Any]] = {
            "cut": server.cut,
            "restart": server.restart,
            "shutdown": lambda: server.restart("fast"),
        }
        self.write, self.commit = Server.write, psycopg.Connection.commit
        patch.setattr(Server, "write", lambda *arguments: self.before(*arguments))
        patch.setattr(psycopg.Connection, "commit", lambda connection: self.ending(connection))
        self.at_the_end = ""

    def before(self, server: Server, work: Any) -> Any:
        kind = self.plan.pop(self.count, "")
        self.count += 1
        if kind in self.kinds:
            self.kinds[kind]()
            self.done.append(kind)
        else:
            self.at_the_end = kind
        return self.write(server, work)

    def ending(self, connection: Any) -> None:
        """The end of a transaction: it may be cut before the server hears of it, or before this process does."""
        kind, self.at_the_end = self.at_the_end, ""
        self.done += [kind] if kind else []
        if kind == "unheard":
            self.server.cut()
        self.commit(connection)
        if kind == "unanswered":
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")


def row(number: int) -> Trial:
    return Trial(number, Purpose.SEARCH, 0, 0, {"learning_rate": 0.1})


def test_the_study_is_the_same_and_no_password_is_kept(whole: Study, postgres: PostgresServer, tmp_path: Path) -> None:
    with short_report():
        study = ikura.tune(**SETTINGS, out=tmp_path / "run", store=postgres.secret, name=tmp_path.name)
    assert_same(study, whole)
    assert not (tmp_path / "run" / "study.db").exists()
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
    assert study.config["store"] == postgres.url
    again = ikura.open_study(tmp_path / "run")
    assert_same(again, whole)
    assert ikura.resume(tmp_path / "run").best == whole.best
    for one in (study, again):
        one.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_connections_may_be_lost_and_the_server_restarted(
    seed: int, whole: Study, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = random.Random(seed)
    kinds = ["restart", "shutdown", "cut", "cut", "unheard", "unanswered", "unanswered"]
    with monkeypatch.context() as patch, short_report():
        faults = Faults(postgres, patch, dict(zip(drawn.sample(range(3, 24), len(kinds)), kinds, strict=True)))
        study = ikura.tune(**SETTINGS, out=tmp_path / "run", store=postgres.secret, name=name_from(tmp_path.name))
    assert not faults.plan, f"{faults.count} transactions"
    assert sorted(faults.done) == sorted(kinds)
    assert_same(study, whole)
    study.close()


@pytest.mark.parametrize("steps", swept((3, 9, 14, 21), core=("9",)))
def test_a_killed_one_is_resumed(
    steps: int, whole: Study, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SETTINGS | {"out": tmp_path / "run", "store": postgres.secret, "name": name_from(tmp_path.name)}
    with monkeypatch.context() as patch, short_report():
        Life(patch, steps)
        with pytest.raises(KilledError):
            ikura.tune(**given)
    with short_report():
        study = ikura.resume(tmp_path / "run") if (tmp_path / "run" / "config.toml").exists() else ikura.tune(**given)
    assert_same(study, whole)
    study.close()


@pytest.mark.parametrize("kind", ["unheard", "unanswered", "cut", "restart"])
def test_nothing_is_recorded_twice(
    kind: str, store: Store, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.hold()
    interventions = Interventions(store)
    Faults(postgres, monkeypatch, {0: kind, 1: kind})
    asked = [Request(action=Action.NOTE, why=why) for why in ("one", "two")]
    numbers = interventions.add(asked, "ada")
    store.add_trials([row(0)])
    found = interventions.every()
    assert [(one.number, one.why) for one in found] == list(zip(numbers, ("one", "two"), strict=True))
    assert [one.number for one in store.trials()] == [0]


def test_a_study_is_watched_and_steered_from_another_machine(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = name_from(tmp_path.name)
    given = SETTINGS | {"out": tmp_path / "run", "store": postgres.secret, "name": name}
    with monkeypatch.context() as patch, short_report():
        Life(patch, 9)
        with pytest.raises(KilledError):
            ikura.tune(**given)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    with closing(ikura.open_study(store=postgres.url, name=name)) as watched:
        assert set(watched.trials["state"]) == {"waiting"}
        where = re.escape(f"{tmp_path / 'run'} on {socket.gethostname()}")
        with pytest.raises(RunError, match=f"study {name} in .*: this needs model/ of the run folder, {where}"):
            _ = watched.model
        words = ["steer", "--store", postgres.url, name]
        assert main([*words, "end", "--why", "enough"]) == 0
        assert main(words) == 0
        assert "end" in capsys.readouterr().out
        with closing(ikura.resume(tmp_path / "elsewhere")) as study:
            assert [one.state for one in study.interventions] == ["applied"]
        assert watched.best == study.best
        assert main([*words, "end"]) == 2
        assert "the test set was opened" in capsys.readouterr().err


def test_two_writers_are_refused_and_a_lock_ends_with_its_connection(store: Store, address: Address) -> None:
    store.hold()
    with pytest.raises(RunError, match=r"another process is at work on this study \(process \d+ on .+\)"):
        Store(address).hold()
    with closing(Store(address)) as reader:
        reader.set_fact(TILE_SIZE, 3)
        assert store.fact(TILE_SIZE) == 3
        store.close()
        reader.hold()


def test_who_was_taken_over_writes_nothing_more(
    store: Store, address: Address, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the loss of a connection and the next one another process may have begun to train."""
    store.hold()
    store.set_fact(TILE_SIZE, 1)
    postgres.cut()
    with closing(Store(address)) as other:
        other.hold()
        other.set_fact(TILE_SIZE, 2)
        with pytest.raises(RunError, match="another process is at work"):
            store.set_fact(TILE_SIZE, 3)
    with pytest.raises(RunError, match="another process took the study"):
        store.set_fact(TILE_SIZE, 3)
    assert store.fact(TILE_SIZE) == 2


def test_a_loss_is_said_once_and_patience_has_an_end(
    store: Store, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    store.hold()
    assert store.server is not None
    store.server.patience = 1.0
    postgres.stop()
    try:
        with caplog.at_level(logging.WARNING, "ikura"), pytest.raises(StorageError) as caught:
            store.set_fact(TILE_SIZE, 1)
    finally:
        postgres.start()
    assert "could not be made again for 1 seconds" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len([one for one in caplog.records if "the connection was lost" in one.message]) == 1
    store.set_fact(TILE_SIZE, 2)
    assert store.fact(TILE_SIZE) == 2


@pytest.mark.parametrize("how", ["cut", "restart"])
def test_connections_that_are_lost_together_are_one_line_and_one_when_they_are_back(
    how: str, store: Store, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    store.hold()
    assert store.server is not None
    # As many as a study has that reads while it writes.
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(store.server.engine.connect()).execute(sa.text("SELECT 1"))
    with caplog.at_level(logging.WARNING, "ikura"):
        getattr(postgres, how)()
        for number in range(6):
            store.add_trials([row(number)])
            assert store.count() == number + 1
    lost, back = (one.message for one in caplog.records)
    assert "the connection was lost (" in lost
    assert re.search(r"the connection is there again, after \d+\.\d s$", back)


def test_tables_are_brought_up_to_date_where_nobody_is_at_work(
    store: Store, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ikura.study.record import upgrades

    def step(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE more (a INTEGER)")

    def failing(connection: sa.Connection) -> None:
        step(connection)
        raise KeyboardInterrupt

    store.set_fact(TILE_SIZE, 5)
    known = upgrades.UPGRADES
    monkeypatch.setattr(upgrades, "UPGRADES", (*known, failing))
    with pytest.raises(KeyboardInterrupt):
        Store(address)
    monkeypatch.setattr(upgrades, "UPGRADES", (*known, step))
    store.hold()
    with pytest.raises(RunError, match="another process is at work"):
        Store(address)
    store.close()
    for _ in range(2):
        with closing(Store.opened(address)) as found:
            assert found.fact(TILE_SIZE) == 5
            assert sa.inspect(found.engine).has_table("more")
    monkeypatch.setattr(upgrades, "UPGRADES", known)
    with pytest.raises(RunError, match=rf"its tables are of version {len(known) + 1}, and ikura .* knows none after"):
        Store(address)
