"""The page shows the studies of a database as it shows those of run folders."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.api.study import Study
from ikura.errors import RunError
from ikura.study.record.address import Address, name_from
from ikura.study.record.facts import TILE_SIZE
from ikura.study.record.store import Store
from ikura.web.database_reader import stamp
from ikura.web.run_folders import is_live
from ikura.web.server_reader import server_reader
from ikura.web.server_studies import ServerStudies

from ..postgres_server import PostgresServer
from .test_answers import told
from .test_requests import post

Served = Callable[..., Any]


@pytest.fixture(scope="module")
def study(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    folder = tmp_path_factory.mktemp("on-a-server")
    made = ikura.tune(
        "iris",
        trials=6,
        epochs=3,
        finalists=1,
        jobs=1,
        out=folder / "run",
        store=postgres.secret,
        name=name_from(folder.name),
    )
    yield made
    made.close()
    server_reader(postgres.url).close()


@pytest.fixture
def named(study: Study) -> str:
    return str(study.config["name"])


def test_all_studies_are_listed_and_shown(study: Study, named: str, served: Served, postgres: PostgresServer) -> None:
    client = served(postgres.url)
    [listed] = [one for one in told(client, "runs")["runs"] if one["run"] == named]
    assert listed["state"] == "finished"
    assert listed["best"] == pytest.approx(study.best.dev)
    assert listed["metric"] == "accuracy"
    assert not listed["live"]
    head = told(client, "study", run=named)
    assert head["best"]["number"] == study.best.number
    assert head["folder"] == f"study {named} in {postgres.url}"
    table = told(client, "trials", run=named, sort="number", down=0, size=200)
    assert table["columns"]["number"] == study.trials["number"].tolist()
    curve = told(client, "curves", run=named, trials="3")["3"]
    assert curve["dev_loss"] == study.curve(3)["dev_loss"].tolist()
    assert told(client, "rounds", run=named)["rounds"]
    assert told(client, "log", run=named) == {"interventions": []}
    assert client("/api/study?run=none")[0] == 404


@pytest.mark.sweep
def test_what_needs_pytorch_is_asked_of_the_server_too(named: str, served: Served, postgres: PostgresServer) -> None:
    client = served(postgres.url)
    assert "learning_rate" in told(client, "changeable", run=named)["names"]
    status, body = post(client, json.dumps({"run": named, "action": "end"}).encode())
    assert status == 400
    assert "the test set was opened" in body


def test_a_run_folder_leads_to_its_server(study: Study, served: Served) -> None:
    client = served(study.run.parent)
    assert told(client, "study", run="run")["best"]["number"] == study.best.number
    assert told(client, "trials", run="run")["total"] == len(study.trials)


def test_writers_are_live_and_changes_are_seen(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ikura.web.server_reader.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("ikura.web.server_reader.REST", 0.0)
    server_reader(postgres.url)._next = 0.0
    address = Address(postgres.url, name_from(tmp_path.name))
    with closing(Store(address, create=True)) as store:
        assert not is_live(address)
        store.hold()
        assert is_live(address)
        before = stamp(address)
        store.set_fact(TILE_SIZE, 3)
    # The server lets go of a lock when it sees that the connection is gone, which is a moment later.
    until = time.monotonic() + 30
    while is_live(address) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_live(address)
    assert stamp(address) != before


def test_the_page_can_change_nothing_by_itself_and_outlives_lost_connections(
    named: str, postgres: PostgresServer
) -> None:
    reader = server_reader(postgres.url)
    query = "SELECT count(*) FROM trials"
    with reader.reading(named) as connection:
        count = connection.execute(query).fetchone()
    with pytest.raises(RunError, match="read-only transaction"), reader.reading(named) as connection:
        connection.execute("DELETE FROM trials")
    postgres.cut()
    with reader.reading(named) as connection:
        assert connection.execute(query).fetchone() == count
    with pytest.raises(RunError, match="no such study"), reader.reading("none") as connection:
        connection.execute(query)


def test_a_server_that_does_not_answer_is_said(postgres: PostgresServer) -> None:
    with pytest.raises(RunError, match="Connection refused"):
        ServerStudies("postgresql://ada@127.0.0.1:1/studies")
