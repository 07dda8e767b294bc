"""A store that cannot be used is said in one line that names it, never its password; nothing is lost."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.cli import main
from ikura.errors import RunError, StorageError, UsageError
from ikura.population.outcome import Outcome
from ikura.study.record.address import Address, name_from, parse_url
from ikura.study.record.facts import TILE_SIZE
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

from ..postgres_server import USER, PostgresServer


@pytest.fixture
def address(postgres: PostgresServer, tmp_path: Path) -> Address:
    return Address(postgres.url, name_from(tmp_path.name))


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    with closing(Store(address, create=True)) as made:
        yield made


def refused(url: str, *more: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line in which `ikura tune` refuses a store."""
    assert main(["tune", "iris", "--trials", "2", "--store", url, *more]) == 2
    shown = capsys.readouterr()
    lines = [line for line in shown.err.splitlines() if line.startswith("ikura: error: ")]
    assert len(lines) == 1
    assert shown.err.splitlines()[-1] == lines[0]
    assert "s3cret" not in shown.err + shown.out
    return lines[0].removeprefix("ikura: error: ")


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("studies", "the store must be postgresql://USER@HOST/DATABASE, but is no URL"),
        ("sqlite:///studies.db", "the store of a run is an SQLite file in its folder already"),
        ("mysql://ada:s3cret@host/x", "but its URL begins with 'mysql'; PostgreSQL works, and SQLite without a URL"),
        ("postgresql+psycopg2://ada:s3cret@host/studies", "but its URL begins with 'postgresql+psycopg2'"),
        ("postgresql://ada:s3cret@host", "but names no database"),
        ("postgresql://ada:s3cret/x@host/studies", "but its host or port is none; in a password write / as %2F"),
        ("postgresql://ada:s3cret@host/studies?sslmod=require", "takes no parameter 'sslmod', did you mean 'sslmode'?"),
        ("postgresql://ada:s3cret@host/studies?options=-cx", "takes no parameter 'options'"),
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_server(url: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert line in refused(url, capsys=capsys)


def test_a_url_is_always_written_alike() -> None:
    same = "postgresql://ada@host:5432/studies"
    for text in (same, "postgres://ada:x@HOST/studies", "postgresql+psycopg://ada@host:5432/studies?password=x"):
        assert parse_url(text) == same
    assert parse_url("postgresql:///studies?host=/run/pg") == "postgresql:///studies?host=/run/pg"
    assert parse_url("postgresql://ada:x@[::1]:5433/a%20b") == "postgresql://ada@[::1]:5433/a%20b"


def test_names(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://ada@host/studies"
    assert "has letters, digits" in refused(url, "--name", "a b", capsys=capsys)
    assert "has at most 57 bytes" in refused(url, "--name", "ä" * 29, capsys=capsys)
    with pytest.raises(UsageError, match="give its URL as store too"):
        ikura.tune("iris", name="one")


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    line = refused(f"postgresql://ada:s3cret@127.0.0.1:{port}/studies", capsys=capsys)
    assert line.startswith(f"postgresql://ada@127.0.0.1:{port}/studies: ")
    assert "Connection refused" in line


@pytest.mark.sweep
def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        began = time.monotonic()
        line = refused(f"postgresql://ada@127.0.0.1:{one.getsockname()[1]}/studies", capsys=capsys)
    assert time.monotonic() - began < 10
    assert "timeout" in line


def test_passwords_databases_and_rights(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    wrong = postgres.secret.replace("%40", "x")
    try:
        line = refused(wrong, capsys=capsys)
        assert "password authentication failed for user" in line
        assert line.endswith("give the right one in the URL, in PGPASSWORD or in ~/.pgpass")
    finally:
        parse_url(postgres.secret)
    assert "set PGPASSWORD, or write it into ~/.pgpass" in refused(postgres.url.replace(USER, "bob"), capsys=capsys)
    assert 'database "none" does not exist' in refused(postgres.secret.replace("/studies", "/none"), capsys=capsys)
    postgres.ask("CREATE ROLE bob LOGIN PASSWORD 's3cret'")
    try:
        line = refused(f"postgresql://bob:s3cret@127.0.0.1:{postgres.port}/studies", capsys=capsys)
        assert line.endswith("you may not make a schema there; ask who runs the server for GRANT CREATE ON DATABASE")
    finally:
        postgres.ask("DROP ROLE bob")


def test_who_may_only_read(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    postgres.ask(f"ALTER ROLE {USER} SET default_transaction_read_only = on")
    try:
        line = refused(postgres.secret, capsys=capsys)
    finally:
        postgres.ask(f"ALTER ROLE {USER} RESET default_transaction_read_only")
    assert line.endswith("you may only read there: default_transaction_read_only is on for you")
    assert not (tmp_path / "runs").exists()


def test_a_server_that_refuses_the_tables_leaves_no_run_folder(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    full = "RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'"
    postgres.ask(
        f"CREATE FUNCTION no_tables() RETURNS event_trigger AS $$ BEGIN {full}; END $$ LANGUAGE plpgsql; "
        "CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION no_tables()",
        "studies",
    )
    try:
        assert refused(postgres.secret, "--out", "a/b", capsys=capsys).endswith("no space left on device")
    finally:
        postgres.ask("DROP EVENT TRIGGER no_tables; DROP FUNCTION no_tables", "studies")
    assert list(tmp_path.iterdir()) == []
    assert postgres.ask("SELECT 1 FROM pg_namespace WHERE nspname = 'ikura_b'", "studies") == []


def test_rights_to_look_and_to_steer(postgres: PostgresServer, store: Store, address: Address) -> None:
    postgres.ask("CREATE ROLE eve LOGIN PASSWORD 'x'")
    hers = Address(parse_url(f"postgresql://eve:x@127.0.0.1:{postgres.port}/studies"), address.study)
    name = f'"{address.schema}"'
    try:
        with pytest.raises(StorageError) as caught:
            Store(hers)
        assert str(caught.value).endswith("you may not look at it; ask who began it for GRANT USAGE ON SCHEMA")
        for grant in (
            f"USAGE ON SCHEMA {name}",
            f"SELECT ON ALL TABLES IN SCHEMA {name}",
            f"INSERT ON {name}.interventions",
            f"USAGE ON SEQUENCE {name}.interventions_number_seq",
        ):
            postgres.ask(f"GRANT {grant} TO eve", "studies")
        with closing(Store(hers)) as opened:
            assert Interventions(opened).add([Request(action=Action.END)], "eve") == [1]
            with pytest.raises(StorageError, match="permission denied for table facts"):
                opened.set_fact(TILE_SIZE, 1)
    finally:
        postgres.ask("DROP OWNED BY eve", "studies")
        postgres.ask("DROP ROLE eve")


def test_a_schema_of_another_program(
    postgres: PostgresServer, address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    postgres.ask(f'CREATE SCHEMA "{address.schema}" AUTHORIZATION {USER} CREATE TABLE facts (a int)', "studies")
    assert "is no study's; choose another name" in refused(postgres.secret, "--name", address.study, capsys=capsys)
    with pytest.raises(RunError, match="not a study of ikura: it has no table"):
        Store(address)


def test_a_name_that_is_taken_and_one_that_is_not_there(
    store: Store, address: Address, postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    store.add_trials([Trial(0, Purpose.SEARCH, 0, 0, {"learning_rate": 0.1})])
    line = refused(postgres.secret, "--name", address.study, capsys=capsys)
    assert line.endswith(f"there is a study {address.study} already; choose another name")
    with pytest.raises(RunError, match=f"no such study, did you mean '{address.study}'"):
        ikura.open_study(store=postgres.secret, name=f"{address.study}x")


def test_a_study_that_was_never_begun_gives_way(store: Store, address: Address) -> None:
    store.close()
    with closing(Store(address, create=True)) as again:
        assert again.count() == 0


def test_a_full_disk(store: Store, postgres: PostgresServer, address: Address) -> None:
    store.add_trials([Trial(0, Purpose.SEARCH, 0, 0, {"learning_rate": 0.1})])
    full = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'"
    postgres.ask(
        f'SET search_path = "{address.schema}"; '
        f"CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN {full}; END $$ LANGUAGE plpgsql; "
        "CREATE TRIGGER full_disk BEFORE INSERT ON curves EXECUTE FUNCTION full_disk()",
        "studies",
    )
    outcome = Outcome(0, 0, 0, State.COMPLETE, np.zeros((2, 3)), 1, 0.5, 0.5, 0.5, 0.5, seconds=1.0)
    with pytest.raises(StorageError) as caught:
        store.record([outcome])
    assert str(caught.value) == f"{address}: could not extend file: No space left on device"
    assert [one.state for one in store.trials()] == [State.WAITING]


def test_a_password_in_a_file_of_settings_is_refused(tmp_path: Path, postgres: PostgresServer) -> None:
    run = tmp_path / "run"
    small: dict[str, Any] = {"data": "iris", "epochs": 1, "finalists": 0, "out": run}
    ikura.tune(**small, trials=2, store=postgres.secret, name=name_from(run.parent.name)).close()
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace(postgres.url, postgres.secret))
    with pytest.raises(RunError, match="leave a password out"):
        Setting.load(run)
    (run / "config.toml").write_text(text)
    again = ikura.tune(**small, trials=3, overwrite=True)
    assert len(again.trials) == 3
    with pytest.raises(RunError, match="no such study"):
        ikura.open_study(store=postgres.url, name=name_from(run.parent.name))
