"""Signals at any moment: one line, the right exit code, and nothing left hanging."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..sweep import swept

PROGRAM = """
import os, signal, sys, time, ikura
from types import SimpleNamespace

def shown():
    print("ready", file=sys.stderr, flush=True)

def result(folder):
    class Study:
        class best: dev = 1.0
        def to_json(self): return {{"seed": 0}}
    return Study()

def tune(*arguments, progress, out, **named):
    {body}

{before}
ikura.tune = tune
if {light}:
    # What prints results imports torch, which takes seconds.
    sys.modules["ikura.cli.print_result"] = SimpleNamespace(present=lambda study, session, json: 0)
from ikura.cli import main
sys.exit(main())
"""


def minds_signals() -> None:
    """What a process in the background of a shell inherits as ignored acts again."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin(table: str, tmp_path: Path) -> Begin:
    """Begin `ikura tune` with something in place of the study, on a run that can be resumed."""
    (tmp_path / "config.toml").touch()

    def call(body: str, before: str = "", light: bool = True, **options: Any) -> subprocess.Popen[str]:
        program = PROGRAM.format(body=body.replace("\n", "\n    "), before=before, light=light)
        command = [sys.executable, "-c", program, "tune", table, "--json", "--out", str(tmp_path)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, **{**pipes, "preexec_fn": minds_signals, **options})

    return call


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line == "ready\n":
            return


def resumes(tmp_path: Path, what: str = "interrupted") -> str:
    return f"ikura: {what}; `ikura resume {tmp_path}` continues where it stopped\n"


WAITS = 'progress.start("coarse", 10); shown(); time.sleep(60)'
SAVES_FOR_LONG = """try:
    shown(); time.sleep(60)
finally:
    print("saving", file=sys.stderr, flush=True); time.sleep(60)"""


@pytest.mark.parametrize(
    ("number", "what", "code"),
    [
        (signal.SIGINT, "interrupted", 130),
        pytest.param(signal.SIGTERM, "terminated", 143, marks=pytest.mark.sweep),
        pytest.param(signal.SIGHUP, "the terminal was closed", 129, marks=pytest.mark.sweep),
    ],
)
def test_each_signal_has_one_line_and_its_code(number: int, what: str, code: int, begin: Begin, tmp_path: Path) -> None:
    process = begin(WAITS)
    wait_until_ready(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out, err) == (code, "", resumes(tmp_path, what))


@pytest.mark.parametrize("second", [pytest.param(signal.SIGINT, marks=pytest.mark.sweep), signal.SIGTERM])
def test_who_does_not_want_to_wait_gets_the_same_line(second: int, begin: Begin, tmp_path: Path) -> None:
    process = begin(SAVES_FOR_LONG)
    wait_until_ready(process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "saving\n"
    process.send_signal(second)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out, err) == (130, "", resumes(tmp_path))


@pytest.mark.parametrize("pause", swept([0.0, 0.002, 0.02], core=["0.002"]))
def test_many_signals_at_once(pause: float, begin: Begin, tmp_path: Path) -> None:
    process = begin(WAITS)
    wait_until_ready(process)
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out, err) == (130, "", resumes(tmp_path))


def test_in_a_place_that_passes_no_exception_on(begin: Begin, tmp_path: Path) -> None:
    body = """class Last:
    def __del__(self): signal.raise_signal(signal.SIGINT)
last = Last()
shown()
del last
time.sleep(60)"""
    process = begin(body)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out) == (130, "")
    assert err.split("ready\n")[1] == resumes(tmp_path)


def test_while_something_is_imported(begin: Begin) -> None:
    """A library that makes another error of the interrupt, as those do that are half in C."""
    before = """class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:
                raise ImportError("typer cannot be imported")
sys.meta_path.insert(0, Finder())
"""
    process = begin(WAITS, before)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out, err) == (130, "", "ikura: interrupted\n")


def test_after_the_end(begin: Begin) -> None:
    """The interpreter takes its time to end; what it says then nobody wants to read."""
    body = "import atexit; atexit.register(lambda: (signal.raise_signal(signal.SIGINT), time.sleep(60)))"
    process = begin(f"{body}; return result(out)", light=False)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0
    assert out == '{\n  "seed": 0\n}\n'
    assert "Traceback" not in err


def ignores_hangup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_what_is_ignored_stays_ignored(begin: Begin) -> None:
    process = begin("shown(); time.sleep(0.5); return result(out)", preexec_fn=ignores_hangup)
    wait_until_ready(process)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=100)
    assert (process.returncode, out) == (0, "")


@pytest.mark.parametrize("term", swept(["xterm", "dumb"], core=["xterm"]))
def test_a_terminal_that_is_lost_loses_no_run(term: str, begin: Begin, tmp_path: Path) -> None:
    pty: Any = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    body = """progress.start("coarse", 10)
while not os.path.exists(f"{out}/lost"): time.sleep(0.01)
print("a stray print", flush=True)
for done in range(10):
    progress.say("a line")
    progress.update(done, done, 0.5)
    time.sleep(0.02)
progress.finish()
open(f"{out}/whole", "w").close()
return result(out)"""
    environment = os.environ | {"TERM": term}
    process = begin(body, stderr=follower, preexec_fn=ignores_hangup, env=environment, start_new_session=True)
    os.close(follower)
    while b"coarse" not in os.read(leader, 4096):
        pass
    os.close(leader)
    (tmp_path / "lost").touch()
    out, _ = process.communicate(timeout=100)
    assert (tmp_path / "whole").exists()
    assert (process.returncode, out) == (0, "")
