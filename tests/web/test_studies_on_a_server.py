"""The page shows the studies of a database as it shows those of run folders."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.errors import RunError
from ikura.study.record.address import Address, name_from
from ikura.study.record.facts import TILE_SIZE
from ikura.study.record.store import Store
from ikura.study.record.table_version import NEWEST
from ikura.study.record.upgrades import UPGRADES
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


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "UPDATE {0}.schema_version SET version = 99, ikura = '9.1'",
            "of version 99, and ikura .* by ikura 9.1: inst",
        ),
        (
            "UPDATE {0}.schema_version SET version = 3",
            "of version 3, of an earlier ikura .*: `ikura report --store ",
        ),
        ("DELETE FROM {0}.schema_version", "is no study of ikura: its tables have no version"),
        ("DROP TABLE {0}.schema_version", "is no study of ikura: its tables have no version"),
        ("DROP TABLE {0}.trials", "its schema ikura_.* is no study of ikura: it has no table trials"),
    ],
)
def test_tables_of_another_ikura_and_of_others_are_listed_with_what_they_are(
    change: str, line: str, postgres: PostgresServer, tmp_path: Path, served: Served
) -> None:
    address = Address(postgres.url, name_from(tmp_path.name))
    Store(address, create=True).close()
    postgres.ask(change.format(f'"{address.schema}"'), "studies")
    server_reader(postgres.url)._next = 0.0
    client = served(postgres.url)
    [listed] = [one for one in told(client, "runs")["runs"] if one["run"] == address.study]
    assert listed["state"] == "broken"
    assert re.search(line, listed["reason"])
    assert "\n" not in listed["reason"]
    status, _, body = client(f"/api/study?run={address.study}")
    assert status == 404
    assert re.search(line, body.decode())
    postgres.ask(f'DROP SCHEMA "{address.schema}" CASCADE', "studies")


def test_a_command_brings_older_tables_up_to_date(postgres: PostgresServer, tmp_path: Path, served: Served) -> None:
    """What the list says of them helps."""
    name = name_from(tmp_path.name)
    given: dict[str, Any] = {"trials": 2, "epochs": 1, "finalists": 0, "jobs": 1, "out": tmp_path / "run"}
    ikura.tune("iris", **given, store=postgres.secret, name=name).close()
    postgres.ask(f'UPDATE "ikura_{name}".schema_version SET version = {NEWEST - 1}', "studies")
    assert main(["importance", "--store", postgres.url, name]) == 0
    server_reader(postgres.url)._next = 0.0
    [listed] = [one for one in told(served(postgres.url), "runs")["runs"] if one["run"] == name]
    assert listed["state"] == "finished"


def test_the_newest_version_is_known_without_the_steps_to_it() -> None:
    assert len(UPGRADES) == NEWEST


def test_the_page_says_since_when_the_server_does_not_answer(
    named: str, postgres: PostgresServer, served: Served, visit: Any
) -> None:
    client = served(postgres.url)
    pages = [visit(client), visit(client, f"/study?run={named}")]
    for page, there in zip(pages, (f"a[data-run={named}]", "tbody tr"), strict=True):
        page.set_default_timeout(120_000)
        page.wait_for_selector(there)
        assert page.locator("#lost").is_hidden()
    postgres.stop("fast")
    try:
        for page, there in zip(pages, (f"a[data-run={named}]", "tbody tr"), strict=True):
            page.wait_for_selector("#lost:visible")
            said = page.inner_text("#lost")
            assert re.search(r"the server has not answered since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", said)
            assert page.locator(there).count()
            page.wait_for_selector(".badge.training:has-text('live')", state="hidden")
        status, _, body = client("/api/runs")
        assert status == 503
        assert "Connection refused" in body.decode()
        late = visit(client)
        late.set_default_timeout(120_000)
        late.wait_for_selector("main:has-text('The database does not answer')")
    finally:
        postgres.start()
    for page in (*pages, late):
        page.wait_for_selector("#lost", state="hidden")
    late.wait_for_selector(f"a[data-run={named}]")


def test_a_server_that_does_not_answer_is_said(postgres: PostgresServer) -> None:
    with pytest.raises(RunError, match="Connection refused"):
        ServerStudies("postgresql://ada@127.0.0.1:1/studies")
