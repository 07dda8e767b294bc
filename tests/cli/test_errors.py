"""Every failure is one line on stderr and the right exit code."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.cli import main
from ikura.errors import IkuraError, StorageError, UsageError


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def tune(*arguments: Any, **named: Any) -> Any:
        raise error

    monkeypatch.setattr(ikura, "tune", tune, raising=False)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("tun x", "no such command 'tun', did you mean 'tune'?"),
        (
            "zzz",
            "no such command 'zzz', known are tune, train, predict, resume, report, importance, export, reproduce, "
            "check, diagnose, explain, scale, measure, steer, serve, warm-up",
        ),
        ("tune", "missing argument 'DATA' (see ikura tune --help)"),
        (
            "warm-up --seed 3",
            "no such option '--seed'; tune, train, reproduce, check take it (see ikura warm-up --help)",
        ),
        ("train x --ghost 3", "no such option '--ghost'; scale takes it (see ikura train --help)"),
        ("tune x --trial 3", "no such option '--trial', did you mean '--trials'? (see ikura tune --help)"),
        ("tune x --trials", "option '--trials' requires an argument"),
        ("tune x --trials 0", "--trials must be at least 1, but got 0"),
        ("scale runs/none --batch-size 64", "no such run folder: runs/none"),
        ("scale . --batch-size 64", ".: not a run folder of ikura (it has no config.toml)"),
        ("scale . --batch-size many", "--batch-size must be a whole number or auto, but got 'many'"),
        ("scale . --batch-size 0", "--batch-size must be at least 2, but got 0"),
        ("scale . --rule liner", "--rule must be one of auto, sqrt, linear, but got 'liner', did you mean 'linear'?"),
        ("scale . --seeds 1", "--seeds must be at least 2, but got 1"),
        ("scale . --within -1", "--within must be at least 0, but got -1.0"),
        ("tune x --trials -5", "--trials must be at least 1, but got -5"),
        ("tune x --epochs 0", "--epochs must be at least 1, but got 0"),
        ("tune x --jobs 0", "--jobs must be at least 1, but got 0"),
        ("tune x --finalists -1", "--finalists must be at least 0, but got -1"),
        ("tune x --seed -1", "--seed must be at least 0, but got -1"),
        ("tune x --max-parameters 0", "--max-parameters must be at least 1, but got 0"),
        ("tune x --prefer parameters --within -1", "--within must be at least 0, but got -1.0"),
        ("tune x --within 0.1", "--within is the margin of --prefer; give both"),
        ("tune x --time-limit soon", "a duration is written like 90, 90s, 10m or 1.5h, but got 'soon'"),
        ("tune x --time-limit 0s", "a duration must be more than zero, but got '0s'"),
        (
            "tune x --task regresion",
            "--task must be one of auto, binary, multiclass, multilabel, regression, own, "
            "but got 'regresion', did you mean 'regression'?",
        ),
        ("tune x --device cida", "--device must be one of auto, cpu, cuda, but got 'cida', did you mean 'cuda'?"),
        ("tune x --kind year", "--kind takes COLUMN=KIND, such as year=category, but got 'year'"),
        (
            "tune x --kind a=categry",
            "--kind must be one of numeric, category, boolean, datetime, ignore, "
            "but got 'categry', did you mean 'category'?",
        ),
        ("tune x --kind a=numeric --kind a=boolean", "--kind gives column 'a' two kinds, numeric and boolean"),
        ("tune iris --space no/space.toml", "no/space.toml: no such file"),
        ("tune x -q -v", "-q and -v exclude each other, give one of them"),
        ("predict no/run new.csv", "no such run folder: no/run"),
        ("resume no/run", "no such run folder: no/run"),
        ("report no/run", "no such run folder: no/run"),
    ],
)
def test_a_mistake_in_the_options(arguments: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments.split()) == 2
    assert capsys.readouterr() == ("", f"ikura: error: {line}\n")


def test_a_number_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "x", "--trials", "ten"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "'--trials'" in err
    assert "'ten'" in err


def test_a_mistake_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ikura", "tune", "x", "--trials", "0"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ikura: error: --trials must be at least 1, but got 0\n"


def test_the_nearest_run_folder_is_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "houses").mkdir()
    assert main(["resume", str(tmp_path / "house")]) == 2
    assert "did you mean 'houses'?" in capsys.readouterr().err


def test_a_file_is_no_run_folder(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", table]) == 2
    assert capsys.readouterr().err == f"ikura: error: {table} is not a run folder but a file\n"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no column 'sort'"), 2, "no column 'sort'"),
        (StorageError("the disk is full"), 2, "the disk is full"),
        (UsageError("two\n  lines"), 2, "two lines"),
        (IkuraError("a finding"), 1, "a finding"),
        (ZeroDivisionError("by zero"), 1, "ZeroDivisionError: by zero (-v shows the traceback)"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/study.db"),
            2,
            "the disk is full or the file too large (No space left on device: runs/study.db)",
        ),
        (OSError(errno.EFBIG, "File too large"), 2, "the disk is full or the file too large (File too large)"),
        (PermissionError(errno.EACCES, "Permission denied"), 1, None),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, None),
        (SystemExit(7), 1, "SystemExit: 7 (-v shows the traceback)"),
    ],
)
def test_an_error_while_tuning(
    error: BaseException,
    code: int,
    line: str | None,
    table: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_with(monkeypatch, error)
    assert main(["tune", table, "-q"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ikura: error: ")
    assert err.count("\n") == 1
    if line is not None:
        assert err == f"ikura: error: {line}\n"


def test_verbose_shows_the_traceback(
    table: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, ZeroDivisionError("by zero"))
    assert main(["tune", table, "-v"]) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith("ikura: error: ZeroDivisionError: by zero\n")


def test_an_interruption_names_the_run(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "my run"
    run.mkdir()
    fail_with(monkeypatch, KeyboardInterrupt())
    assert main(["tune", table, "-q", "--out", str(run)]) == 130
    assert capsys.readouterr().err == "ikura: interrupted before anything was recorded\n"
    (run / "config.toml").touch()
    assert main(["tune", table, "-q", "--out", str(run)]) == 130
    assert capsys.readouterr().err == f"ikura: interrupted; `ikura resume '{run}'` continues where it stopped\n"


def test_an_interruption_names_a_run_folder_that_ikura_chose(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").touch()

    def tune(*arguments: Any, progress: Any, **named: Any) -> Any:
        progress.opened(tmp_path)
        raise KeyboardInterrupt

    monkeypatch.setattr(ikura, "tune", tune, raising=False)
    assert main(["tune", table, "-q"]) == 130
    assert f"`ikura resume {tmp_path}`" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["tune", "--help"]])
def test_a_closed_stdout_is_no_drama(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ikura", *arguments], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_stdout_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ikura", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("ikura: error: the disk is full")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_closed_streams_are_done_without(closed: str) -> None:
    redirections = " ".join(f"{descriptor}>&-" for descriptor in closed.split())
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m ikura --version {redirections}",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout == ("" if "1" in closed else f"ikura {ikura.__version__}\n")
    assert done.stderr == ""
