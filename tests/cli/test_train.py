"""`ikura train`: one network by hand, before a terminal and without one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ikura
from ikura.cli import main
from ikura.cli.hand_lines import told, values_of
from ikura.cli.hand_view import HandView, can_take_keys
from ikura.cli.keys import pressed_keys, single_keys
from ikura.cli.line_chart import chart
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.session import Session
from ikura.errors import UsageError
from ikura.steer.new_values import values_at
from ikura.study.record.intervention import Action, Intervention, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.trial import Purpose, Trial


def test_without_a_terminal_it_trains_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["train", "iris", "--set", "units=8", "--set", "learning_rate=0.03", "--epochs", "4", "--no-checks"]
    assert main([*words, "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    study = json.loads(printed.out)
    assert study["best"]["hyperparameters"] == {"units": 8, "learning_rate": 0.03}
    assert study["test"]["metric"] == "accuracy"
    assert "4 epochs to train" in printed.err
    assert "one configuration; what it does not name has its default" in printed.err
    assert "space" not in printed.err


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is needed")
def test_keys_change_what_trains_and_stop_it(tmp_path: Path) -> None:
    import pexpect

    out = str(tmp_path / "run")
    words = ["-m", "ikura", "train", "iris", "--set", "learning_rate=0.001", "--epochs", "1000000", "--no-checks"]
    child = pexpect.spawn(sys.executable, [*words, "--out", out], dimensions=(40, 120), timeout=180, encoding="utf-8")
    child.expect("kept: ")
    child.send("+")
    child.expect(r"set learning_rate=0\.0015: applied after epoch \d+")
    child.send("s")
    child.expect("NAME=VALUE …: ")
    child.send("batch_size=8\r")
    child.expect(r"set batch_size=8: applied after epoch \d+")
    child.send("slearning_rate=fast\r")
    child.expect("learning_rate must be a number")
    child.send("p")
    child.expect(r"pause: applied after epoch \d+")
    child.send("p")
    child.expect(r"go-on: applied after epoch \d+")
    child.send("P")
    child.expect("asked: pause")
    child.send("P")
    child.expect("asked: go-on")
    child.send("nit has levelled off\r")
    child.expect("asked: note")
    child.send("l5\r")
    child.expect("trains 1000000 epochs anyway")
    # F1 and F2, an arrow with shift, delete, the end, alt with letters that are keys: none of these is one.
    child.send("\x1bOP\x1bOQ\x1b[1;2A\x1b[P\x1b[3~\x1bOF\x1bx\x1bp\x1b\x1bl")
    child.send("s\x1b[D\x1bOlbatch_size=4\r")
    child.expect(r"set batch_size=4: applied after epoch \d+")
    child.send("b" + "9" * 5000 + "\r")
    child.expect("EPOCH NAME=VALUE … is needed")
    child.send("b1 learning_rate=0.002\r")
    child.expect("fork learning_rate=0.002: applied after epoch 1")
    child.send("x")
    child.expect("Test accuracy")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    actions = [one.action for one in ikura.open_study(out).interventions]
    assert actions.count(Action.PAUSE) == 2
    assert actions.count(Action.STOP) == 2
    assert Action.LONGER not in actions


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is needed")
def test_the_view_stays_on_its_trial_and_says_which_it_is(tmp_path: Path) -> None:
    import pexpect

    out = str(tmp_path / "run")
    words = ["-m", "ikura", "train", "iris", "--set", "learning_rate=0.001", "--epochs", "1000000", "--no-checks"]
    child = pexpect.spawn(sys.executable, [*words, "--out", out], dimensions=(24, 80), timeout=180, encoding="utf-8")
    child.expect_exact("trial 0 (in training): epoch ")
    child.send("f2 learning_rate=0.01\r")
    child.expect_exact("trial 0: fork learning_rate=0.01: waits until trial 0 has ended or stands still")
    child.send("p")
    child.expect_exact("trial 0 (one of 2, paused): epoch ")
    child.expect_exact("trial 1 in training")
    child.expect_exact("trial 0: fork learning_rate=0.01: applied after epoch 2, as trial 1")
    child.send("p")
    child.expect_exact("asked: go-on trial 0")
    child.expect_exact("trial 0 (one of 2, waiting): epoch ")
    child.send("\t")
    child.expect_exact("trial 1 (one of 2, in training): epoch ")
    child.send("p")
    child.expect_exact("trial 1 (one of 2, paused): epoch ")
    child.expect_exact("trial 0 in training")
    child.send("\t")
    child.expect_exact("trial 0 (one of 2, in training): epoch ")
    child.send("b1 learning_rate=0.002\r")
    child.expect_exact("trial 2 (one of 3, in training): epoch ")
    child.expect_exact("trial 1 paused")
    child.expect_exact("trial 0 has ended; trial 2 is shown")
    child.send("X")
    child.expect("Test accuracy")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    study = ikura.open_study(out)
    assert [(one.action, one.trial) for one in study.interventions] == [
        ("fork", 0), ("pause", 0), ("go-on", 0), ("pause", 1), ("fork", 0), ("stop", 0), ("end", None),
    ]  # fmt: skip
    assert [one.state.ended for one in study.records()] == [True] * 3


class Asked:
    """Remembers what it is asked."""

    def __init__(self) -> None:
        self.every: list[Any] = []

    def ask(self, request: Request) -> Request:
        self.every.append((request.action, request.values))
        return request

    def stop(self, trial: int, why: str) -> Request:
        return self.ask(Request(action=Action.STOP, trial=trial, why=why))


def test_a_typed_value_can_be_mended_and_left() -> None:
    view, steer = HandView(Session()), Asked()
    study: Any = SimpleNamespace(steer=steer, records=lambda: [Trial(0, Purpose.SEARCH, 0, 0, {})])
    for key in "sl2=0.12\x7f\rx" + "sl1=3\x1b" + "s\r" + "y":
        view.press(study, key)
    assert steer.every == [("set", {"l2": 0.1}), ("stop", {})]


def test_the_view_looks_where_it_is_after_it_read_what_it_tells(tmp_path: Path) -> None:
    run = ikura.train("iris", hyperparameters={"units": 8}, epochs=1, checks=False, out=tmp_path / "run")
    study, read = run.train(), list[str]()

    class Read:
        def __getattr__(self, name: str) -> Any:
            read.append(name)
            return getattr(study, name)

    seen: Any = Read()
    HandView(Session()).drawn(seen)
    assert read.index("interventions") < read.index("records")


def test_keys_scale_the_learning_rate_that_is_in_effect(tmp_path: Path) -> None:
    values = {"units": 8, "learning_rate": 0.1}
    run = ikura.train("iris", hyperparameters=values, epochs=900, checks=False, out=tmp_path / "run")
    study, view = ikura.open_study(run.run), HandView(Session())
    [trial], asked = study.records(), Interventions(study.store)
    late, early = study.steer.set(0, at=300, learning_rate=0.001), study.steer.set(0, at=10, learning_rate=0.5, l2=0.01)
    for one in (late, early):
        asked.accept(one.number)
    assert values_of(study, trial) == values
    assert told(study.interventions[0]) == "trial 0: set learning_rate=0.001: accepted, after epoch 300"
    for key in "++-":
        view.press(study, key)
    rates = [one.values["learning_rate"] for one in study.interventions[2:]]
    assert rates == [0.15, 0.225, 0.15]
    for one in study.interventions[2:]:
        asked.apply(one.number, 0)
    # They take effect in the order of their epochs, whichever was asked first.
    ahead = [values_at(study, trial, epoch)["learning_rate"] for epoch in (9, 10, 299, 300)]
    assert ahead == [0.15, 0.5, 0.5, 0.001]
    asked.apply(early.number, 10)
    assert values_of(study, trial) == values | {"learning_rate": 0.5, "l2": 0.01}
    asked.apply(late.number, 300)
    assert values_of(study, trial) == values | {"learning_rate": 0.001, "l2": 0.01}
    view.press(study, "+")
    assert study.interventions[-1].values == {"learning_rate": 0.0015}
    assert told(study.interventions[-1]) == "trial 0: set learning_rate=0.0015: asked"


def test_a_typed_value_may_have_spaces() -> None:
    view, steer = HandView(Session()), Asked()
    study: Any = SimpleNamespace(steer=steer, records=lambda: [Trial(0, Purpose.SEARCH, 0, 0, {})])
    for key in "sschedule_shape=pieces pieces='5:0.1 9:0.01'\r" + "f3 pieces='1:2\r":
        view.press(study, key)
    assert steer.every == [("set", {"schedule_shape": "pieces", "pieces": "5:0.1 9:0.01"})]
    assert view.message == "a quotation mark is left open in 3 pieces='1:2"


@pytest.mark.parametrize("pair", ["learning_rate", "=3", "units="])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(UsageError, match="NAME=VALUE is needed"):
        hyperparameter_values([pair])


@given(st.lists(st.floats(), max_size=300), st.integers(12, 60), st.integers(1, 9), st.booleans())
def test_a_chart_has_its_size_whatever_the_values(values: list[float], width: int, height: int, log: bool) -> None:
    rows = chart([(values, "blue"), (values[::2], "yellow")], width, height, log)
    assert len(rows) == height
    assert all(len(row.plain) <= width for row in rows)


def test_a_chart_rises_with_its_values() -> None:
    rows = [row.plain for row in chart([([1.0, 10.0, 100.0], "blue")], 20, 4, log=True)]
    assert rows[0].startswith("100 ")
    assert rows[-1].startswith("  1 ")
    assert len(rows[0]) >= len(rows[-1])


@given(
    st.text(alphabet="+-sbfpPlnx01 =é"),
    st.lists(st.sampled_from(["\x1bOS", "\x1b[15~", "\x1b[1;5D", "\x1b[H", "\x1bP"])),
)
def test_keys_that_are_no_characters_are_left_out(typed: str, others: list[str]) -> None:
    mixed = "".join(one + other for one, other in zip(typed, others, strict=False)) + typed[len(others) :]
    assert single_keys(mixed) == typed


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a terminal that keys are read from."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "rb", buffering=0) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield ours
    os.close(ours)


def test_keys_are_read_after_a_shell_had_the_terminal(terminal: int) -> None:
    import termios

    before = termios.tcgetattr(sys.stdin.fileno())
    with pressed_keys() as pressed:
        os.write(terminal, b"+")
        assert pressed(5) == "+"
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)
        assert pressed(0) == ""
        os.write(terminal, b"s")
        assert pressed(5) == "s"
    assert termios.tcgetattr(sys.stdin.fileno()) == before


def test_in_the_background_no_key_is_read_and_the_terminal_left_as_it_is(
    terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import termios

    monkeypatch.setattr(sys, "stderr", sys.stdin)
    assert can_take_keys()
    with pressed_keys() as pressed:
        monkeypatch.setattr(os, "tcgetpgrp", lambda stream: os.getpgrp() + 1)
        os.write(terminal, b"+")
        monkeypatch.setattr(termios, "tcsetattr", None)
        assert not can_take_keys()
        assert pressed(0) == ""
    assert os.read(sys.stdin.fileno(), 9) == b"+"


def test_what_others_ask_for_is_told_whatever_its_values() -> None:
    values = {"optimizer": "adam", "nesterov": True, "units": 8, "l2": 1e-5, "name": "two\nlines\x1b[31m"}
    inject = Request(action=Action.INJECT, values=values)
    one = Intervention(**vars(inject), number=1, who="ada", when=0.0)
    assert told(one) == "study: inject optimizer=adam nesterov=True units=8 l2=1e-05 name=two lines\\x1b[31m: asked"
    note = Intervention(
        **vars(Request(action=Action.NOTE, trial=2, why="it has\nlevelled off")), number=2, who="ada", when=0.0
    )
    assert told(note) == "trial 2: note: it has levelled off"
