"""Progress in lines, and live in a terminal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from ikura.cli.progress_display import CommandProgress, LiveProgress, PlainProgress, progress_for
from ikura.cli.session import Session


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_at_the_start_of_a_stage_and_then_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = PlainProgress(Session(), interval=5.0, clock=clock)
    progress.say("150 rows, 4 features")
    progress.start("coarse", 1000)
    for second in range(1, 13):
        clock.now = 100.0 + second
        progress.update(done=50 * second, trials=second, best=None if second < 6 else 0.9512345)
    progress.finish()
    progress.start("fine", 200)
    out, err = capsys.readouterr()
    assert out == ""
    # After 5 s 250 of 1000 epochs are done, so 15 s are left; after 10 s 500 of 1000, so 10 s.
    assert err.splitlines() == [
        "150 rows, 4 features",
        "coarse: 1000 epochs to train",
        "coarse: 250/1000 epochs, 5 trials, about 15 s left",
        "coarse: 500/1000 epochs, 10 trials, best dev score 0.9512, about 10 s left",
        "fine: 200 epochs to train",
    ]


def test_nothing_is_left_of_a_stage_that_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = PlainProgress(Session(), clock=clock)
    progress.start("coarse", 10)
    clock.now += 6
    progress.update(10, 5, 0.5)
    assert capsys.readouterr().err.splitlines()[-1] == "coarse: 10/10 epochs, 5 trials, best dev score 0.5"


def test_what_is_counted_has_its_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = PlainProgress(Session(), interval=5.0, clock=clock)
    for done in range(1, 9):
        clock.now += 2
        progress.count("measures", done, 8)
    # Two seconds each, but for the first, from whose end on they are timed.
    assert capsys.readouterr().err.splitlines() == [
        "measures: 8 to take",
        "measures: 4/8, about 6.0 s left",
        "measures: 7/8, about 1.7 s left",
    ]


def test_a_live_bar_of_what_is_counted() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120, color_system=None)
    with LiveProgress(Session(), console) as progress:
        progress.count("measures", 1, 8)
        progress.count("measures", 8, 8)
    text = written.getvalue()
    assert "8/8" in text
    assert "taken" in text
    assert "trials" not in text


def test_a_live_bar_shows_stage_work_trials_and_best() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120, color_system=None)
    with LiveProgress(Session(), console) as progress:
        progress.say("150 rows [bold]not markup[/bold]")
        progress.start("coarse", 640)
        progress.update(64, 8, 0.95123)
        progress.bars.refresh()
        progress.finish()
        progress.start("fine", 100)
        progress.update(100, 9, None)
        progress.finish()
    text = written.getvalue()
    assert "150 rows [bold]not markup[/bold]" in text
    for shown in (
        "coarse",
        "64/640",
        "8 trials",
        "best 0.9512",
        "left",
        "64/64 ",
        "taken",
        "fine",
        "100/100",
        "9 trials",
    ):
        assert shown in text


def test_a_quiet_session_gets_silence(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_for(Session(quiet=True)) as progress:
        assert type(progress) is CommandProgress
        progress.say("a fact")
        progress.start("coarse", 1)
        progress.update(1, 1, 0.5)
        progress.finish()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("terminal", "term", "kind"),
    [
        (True, "xterm-256color", LiveProgress),
        (True, "dumb", PlainProgress),
        (False, "xterm-256color", PlainProgress),
    ],
)
def test_the_display_suits_stderr(
    terminal: bool, term: str, kind: type[CommandProgress], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    assert type(progress_for(Session())) is kind


def test_a_closed_stderr_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    PlainProgress(Session()).say("a fact")


TERMINAL = """
import sys, ikura
def tune(*arguments, progress, **named):
    progress.start("coarse", 10)
    print("a stray print")
    progress.update(10, 5, 0.97)
    progress.finish()
    class Study:
        class best: dev = 1.0
        def to_json(self): return {"seed": 0}
    return Study()
ikura.tune = tune
from ikura.cli import main
sys.exit(main(sys.argv[1:]))
"""


def read_terminal(descriptor: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces).decode()


def test_live_in_a_real_terminal_stdout_stays_pure(table: str) -> None:
    pty: Any = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, "tune", table, "--json"],
        stdout=subprocess.PIPE,
        stderr=follower,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"},
        text=True,
    )
    os.close(follower)
    shown = read_terminal(leader)
    os.close(leader)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, shown
    assert out == '{\n  "seed": 0\n}\n'
    for part in ("reading", "coarse", "10/10", "5 trials", "a stray print"):
        assert part in shown
