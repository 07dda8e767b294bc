"""A study is read and taken up by its database and its name, on a machine that has nothing else of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.study.record.address import Address, name_from, parse_url
from ikura.study.record.store import Store
from ikura.study.store_folder import folder_made

from ..postgres_server import PASSWORD, PostgresServer
from .comparing import assert_same
from .dying import KilledError, Life
from .unreported import short_report

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
SETTINGS: dict[str, Any] = {"target": "species", "trials": 6, "epochs": 4, "finalists": 1, "jobs": 1}
HOST = socket.gethostname()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The study in a file, by one process."""
    with short_report():
        study = ikura.tune(PENGUINS, **SETTINGS, out=tmp_path_factory.mktemp("whole") / "run")
    yield study
    study.close()


@pytest.fixture(scope="module")
def ended(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a study on the server that has ended; its name there is "ended"."""
    run = tmp_path_factory.mktemp("there") / "penguins"
    with short_report():
        ikura.tune(PENGUINS, **SETTINGS, out=run, store=postgres.secret, name="ended").close()
    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which somebody works on another machine."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def away(ended: Path) -> Iterator[Path]:
    """The ended study's run folder, out of sight."""
    hidden = ended.with_name("hidden")
    ended.rename(hidden)
    yield ended
    hidden.rename(ended)


class Begun:
    """A study whose process was killed, and whose run folder is out of sight."""

    def __init__(self, postgres: PostgresServer, folder: Path, data: Any = None, **more: Any) -> None:
        self.url, self.name, self.run = postgres.url, name_from(folder.name), folder / "there" / "run"
        self.data = folder / "penguins.csv"
        shutil.copy(PENGUINS, self.data)
        given = SETTINGS | {"out": self.run, "store": postgres.secret, "name": self.name} | more
        with pytest.MonkeyPatch.context() as patch, short_report():
            Life(patch, 10)
            with pytest.raises(KilledError):
                ikura.tune(self.data if data is None else data, **given)
        self.run.parent.rename(folder / "hidden")
        self.hidden = folder / "hidden" / "run"


def refusal(words: list[Any], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line in which a command refuses."""
    capsys.readouterr()
    assert main([str(one) for one in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("ikura 0")]
    assert len(lines) == 1, lines
    assert lines[0].startswith("ikura: error: ")
    return lines[0].removeprefix("ikura: error: ")


def test_it_is_resumed_where_nothing_of_it_was(
    whole: Study, postgres: PostgresServer, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Begun(postgres, tmp_path)
    with short_report():
        assert main(["resume", "--store", begun.url, begun.name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == str(here / "runs" / begun.name)
    with closing(ikura.open_study(here / "runs" / begun.name)) as study:
        assert_same(study, whole)
        assert study.home == {"host": HOST, "folder": str(here / "runs" / begun.name)}
    assert not (here / "runs" / begun.name / "study.db").exists()
    with closing(ikura.resume(store=begun.url, name=begun.name)) as again:
        assert again.place == here / "runs" / begun.name


def test_the_run_folder_is_taken_where_it_stands(
    whole: Study, postgres: PostgresServer, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Begun(postgres, tmp_path)
    shutil.copytree(begun.hidden, here / "copied")
    with short_report():
        assert main(["resume", "--store", begun.url, begun.name, "--out", "copied"]) == 0
    assert not (here / "runs").exists()
    with closing(ikura.open_study(store=begun.url, name=begun.name)) as study:
        assert study.place == here / "copied"
        assert_same(study, whole)
    other = here / "other"
    shutil.copytree(whole.run, other)
    line = refusal(["resume", "--store", begun.url, begun.name, "--out", other], capsys)
    assert line == f"other: holds another run than study {begun.name} in {begun.url}; name another folder"


def test_data_must_be_here_and_the_same(
    whole: Study, postgres: PostgresServer, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Begun(postgres, tmp_path)
    words = ["resume", "--store", begun.url, begun.name]
    moved = begun.data.rename(tmp_path / "elsewhere.csv")
    line = refusal(words, capsys)
    assert line.endswith(
        f"its data are not on this machine: put {begun.data} there, or say where it lies here (--data PATH, data=)"
    )
    changed = tmp_path / "changed.csv"
    changed.write_text(moved.read_text() + "Adelie,Dream,39,18,190,3700,male,2008\n")
    assert f"{changed}: the data have changed" in refusal([*words, "--data", changed], capsys)
    assert f"put {here / 'none.csv'} there" in refusal([*words, "--data", "none.csv", "--out", "x"], capsys)
    assert list(here.iterdir()) == []
    with short_report():
        assert main([*words, "--data", str(moved)]) == 0
    with closing(ikura.open_study(store=begun.url, name=begun.name)) as study:
        assert_same(study, whole)
        assert study.config["data"]["path"] == str(moved)


def test_who_trains_keeps_others_off(
    postgres: PostgresServer, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Begun(postgres, tmp_path)
    with closing(Store(Address(begun.url, begun.name)).hold()):
        assert "another process is at work on this study" in refusal(
            ["resume", "--store", begun.url, begun.name], capsys
        )
    assert list(here.iterdir()) == []


def test_data_from_memory_lie_in_the_run_folder_alone(
    postgres: PostgresServer, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Begun(postgres, tmp_path, pd.read_csv(PENGUINS))
    line = refusal(["resume", "--store", begun.url, begun.name], capsys)
    assert line == (
        f"study {begun.name} in {begun.url}: data.parquet lies in its run folder alone, {begun.run} on {HOST}: copy "
        f"that folder to runs/{begun.name} here"
    )
    assert list(here.iterdir()) == []
    shutil.copytree(begun.hidden, here / "runs" / begun.name)
    with short_report():
        assert main(["resume", "--store", begun.url, begun.name]) == 0


def test_commands_that_read_need_the_database_alone(
    away: Path, postgres: PostgresServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--store", postgres.url, "ended"]
    for more, written in (([], "ended-report.html"), (["-o", "pages/page.html"], "pages/page.html")):
        words = [sys.executable, "-m", "ikura", "report", *named, "--report-script", "none", *more]
        done = subprocess.run(words, env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{written}\n", "")
        page = (here / written).read_text()
        assert f"{away} on {HOST}" in page
        assert "name = &quot;ended&quot;" in page
    assert main(["importance", *named]) == 0
    assert main(["export", *named, "--trials", "trials.csv"]) == 0
    assert len(pd.read_csv(here / "trials.csv")) > 6
    assert main(["resume", *named]) == 0
    shown = capsys.readouterr()
    assert f"study ended in {postgres.url} is finished already" in shown.err
    assert f"{away} on {HOST} (model/, report.html)" in shown.out
    assert sorted(one.name for one in here.iterdir()) == ["ended-report.html", "pages", "trials.csv"]


@pytest.mark.parametrize("words", [["predict", PENGUINS], ["explain"], ["export", "network.onnx"]])
def test_what_needs_the_model_says_where_it_is(
    words: list[Any], away: Path, postgres: PostgresServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *more = words
    line = refusal([command, "--store", postgres.url, "ended", *more], capsys)
    assert line == (
        f"study ended in {postgres.url}: this needs model/ of the run folder, {away} on {HOST}: do it there, or copy "
        "the folder to runs/ended here"
    )
    assert list(here.iterdir()) == []


def test_the_model_is_used_where_the_folder_stands(ended: Path, postgres: PostgresServer, here: Path) -> None:
    named = ["--store", postgres.url, "ended"]
    assert main(["predict", *named, str(PENGUINS), "-o", "found.csv"]) == 0
    assert main(["predict", str(ended), str(PENGUINS), "-o", "known.csv"]) == 0
    assert (here / "found.csv").read_bytes() == (here / "known.csv").read_bytes()


def test_a_diagnosis_is_made_where_the_data_are(
    away: Path, postgres: PostgresServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["diagnose", "--store", postgres.url, "ended", "--no-learning-curve", "--bayes-error", "0.01", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    run = here / "runs" / "ended"
    assert json.loads((run / "diagnosis.json").read_text())["trial"] == found["trial"]
    setting = tomllib.loads((run / "config.toml").read_text())
    assert (setting["store"], setting["name"]) == (postgres.url, "ended")
    hidden = str(away.with_name("hidden"))
    assert main(["diagnose", hidden, *words[4:]]) == 0
    there = json.loads(capsys.readouterr().out)
    assert found["diagnosis"] == there["diagnosis"]


def test_a_trial_is_measured_and_the_choice_scaled_where_the_data_are(
    away: Path, postgres: PostgresServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["measure", "--store", postgres.url, "ended", "--points", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trial"] >= 0
    run = here / "runs" / "ended"
    assert (run / "measure" / "report.html").is_file()
    words = ["scale", "--store", postgres.url, "ended", "--batch-size", "64", "--seeds", "2", "--json"]
    assert main(words) in (0, 3)
    capsys.readouterr()
    assert (run / "scale").is_dir()
    assert main(["resume", str(run)]) == 0
    assert f"{run.relative_to(here)} (its model lies where it was trained)" in capsys.readouterr().out
    line = refusal(["predict", run, PENGUINS], capsys)
    assert line.endswith(f"and that of study ended in {postgres.url} may lie in its run folder on another machine")


@pytest.mark.parametrize("written", [False, True])
def test_a_folder_that_was_made_stays_once_something_was_written(
    written: bool, away: Path, postgres: PostgresServer, here: Path
) -> None:
    address = Address(parse_url(postgres.secret), "ended")
    run = here / "runs" / "ended"

    def interrupted() -> None:
        with folder_made(address) as made:
            if written:
                (made / "scale").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (run / "config.toml").exists() == run.exists() == written


def test_one_that_has_chosen_nothing_is_not_diagnosed(
    postgres: PostgresServer, tmp_path: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Begun(postgres, tmp_path)
    line = refusal(["diagnose", "--store", begun.url, begun.name], capsys)
    assert line.endswith(f"no network was chosen yet; `ikura resume --store {begun.url} {begun.name}` ends it")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["report", "importance", "resume", "diagnose", "explain", "steer", "scale", "measure"]
)
def test_names_and_urls(
    command: str, ended: Path, postgres: PostgresServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal([command, "--store", postgres.url, "endd"], capsys)
    assert line == f"study endd in {postgres.url}: no such study, did you mean 'ended'?"
    line = refusal([command, "--store", postgres.url, "zz-9"], capsys)
    assert "no such study; there are " in line
    # Other tests' studies are on the same server, and the first of many names are shown.
    assert "ended" in line or line.endswith(", …")
    line = refusal([command, "--store", f"sqlite:///{ended}/study.db", "ended"], capsys)
    assert line.startswith("the store of a run is an SQLite file in its folder already: name the folder without a URL")
    assert list(here.iterdir()) == []


def test_another_user_sees_the_same_study() -> None:
    mine, theirs, other = (
        Address(parse_url(f"postgresql://{user}@db.example.org/{database}?sslmode={mode}"), "a")
        for user, database, mode in (("ada", "x", "require"), ("bob", "x", "prefer"), ("ada", "y", "require"))
    )
    assert mine.same_study(theirs)
    assert not mine.same_study(other)
    assert not mine.same_study(Address(mine.url, "b"))
