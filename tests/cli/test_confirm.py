"""`ikura tune --auto --ask`: questions in a terminal, one line without one, and the story at the end."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ikura.cli import main
from ikura.cli.confirm import ask_in_terminal
from ikura.cli.result_summary import summary
from ikura.cli.session import Session
from ikura.study.record.decision import Action, EndRecord, Found, Leader, OfferRecord, SearchPlan

from .conftest import make_findings

LEADER = Leader(3, 0.8, 0.5, 1)


def offered(**given: Any) -> OfferRecord:
    usual = {"action": Action.SEARCH, "name": "bigger-network", "source": "", "plan": None, "found": None} | given
    return OfferRecord(
        after=1, best=LEADER, diagnosis=make_findings().diagnosis, reason="The training error is 20 %.", answer=None,
        against="bias", expected="", changes={}, trials=8, known=8, weights="",
        sentence="Next, bigger-network.", **usual,
    )  # fmt: skip


DECISION = offered(source="Ng")


@pytest.mark.usefixtures("calls")
def test_without_a_terminal_it_is_refused(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", table, "--auto", "--ask"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == "ikura: error: --ask asks questions and needs a terminal; without one leave it out"


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("options", [["--ask"], ["--bayes-error", "0.1"], ["--human-error", "1%"]])
def test_what_is_for_the_autopilot_needs_it(options: list[str], table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", table, *options]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("give --auto too")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("a\n", "accept"), ("skip\n", "skip"), ("P\n", "stop"), ("what?\n\ns\n", "skip"), ("", "stop")],
)
def test_answers(typed: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    paused = []
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert ask_in_terminal(Session(), lambda: paused.append(True))(DECISION) == answer
    told = capsys.readouterr().err
    assert paused == [True]
    assert "Why: The training error is 20 %. (Ng)" in told
    assert "Next" not in told
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    ask_in_terminal(Session(quiet=True), lambda: None)(DECISION)
    assert "Next, bigger-network." in capsys.readouterr().err


def test_in_a_real_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    options = ("--auto", "--ask", "--trials", "16", "--epochs", "2", "--finalists", "0", "--bayes-error", "0")
    command = [sys.executable, "-m", "ikura", "tune", "iris", *options, "--out", "run"]
    os.write(ours, b"p\n")
    done = subprocess.run(command, cwd=tmp_path, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "[a]ccept, [s]kip it, or sto[p] searching?" in done.stderr
    assert "as you said" in done.stdout


def test_the_story_at_the_end(calls: dict[str, Any]) -> None:
    study = SimpleNamespace(**vars(calls["study"]))
    plan = SearchPlan(2, 3, {}, 8, 5, 0.5, [], [])
    end = EndRecord(after=2, best=LEADER, diagnosis=None, reason="the budget is spent", sentence="")
    study.decisions = [
        offered(action=Action.SKIP, name="longer-training"),
        offered(plan=plan, found=Found(9, 0.9, 0.2, better=True)),
        end,
    ]
    lines = [" ".join(line.split()) for line in summary(study).splitlines()]
    start = lines.index("Autopilot")
    assert lines[start + 1 : start + 5] == [
        "search 1 dev 0.8",
        "skipped longer-training against bias",
        "search 2 dev 0.9, better bigger-network against bias",
        "end the budget is spent",
    ]
