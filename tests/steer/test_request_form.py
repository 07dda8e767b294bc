"""Requests of the wrong form, from Python and from a shell, are refused in a line and leave nothing on record."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ikura.api.study import Study
from ikura.cli import main
from ikura.errors import UsageError
from ikura.study.record.intervention import Action, Request

NUMBERS: tuple[Any, ...] = ("1", 1.0, 2.5, True, None, [1], b"1", 10**30, -(10**400), float("nan"), np.float64(1))


def refused(ask: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as found:
        ask()
    text = str(found.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


@pytest.mark.parametrize("number", NUMBERS, ids=lambda one: repr(one)[:12])
def test_what_is_no_number_of_a_trial_is_refused(left: Study, number: Any) -> None:
    steer = left.steer
    asked: list[Callable[[], Any]] = [
        lambda: steer.set(number, learning_rate=0.1),
        lambda: steer.stop(number),
        lambda: steer.fork(number, at=1, learning_rate=0.1),
        lambda: steer.rewind(number, 1),
        lambda: steer.longer(number, 90),
        lambda: steer.pin(number),
        lambda: steer.prioritise(number),
        lambda: left.curve(number),
        lambda: left.replay(number),
        lambda: left.compare(0, number),
        lambda: left.replayed(number),
    ]
    if number is not None:
        asked += [lambda: steer.note("x", trial=number), lambda: steer.paused(number), lambda: steer.go_on(number)]
    for ask in asked:
        assert "trial" in refused(ask)
    assert left.interventions == []


@pytest.mark.parametrize("number", [one for one in NUMBERS if one is not None], ids=lambda one: repr(one)[:12])
def test_what_is_no_epoch_is_refused(left: Study, number: Any) -> None:
    steer = left.steer
    refused(lambda: steer.set(0, at=number, learning_rate=0.1))
    refused(lambda: steer.stop(0, at=number))
    refused(lambda: steer.fork(0, at=number, learning_rate=0.1))
    refused(lambda: steer.rewind(0, number, learning_rate=0.1))
    refused(lambda: steer.longer(0, number))
    refused(lambda: steer.budget(epochs=number))
    assert left.interventions == []


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), 2**53, None, [0.1], {}, b"1", 1j, object()], ids=lambda one: repr(one)[:12]
)
def test_a_value_that_no_record_keeps_is_refused(left: Study, several: Study, value: Any) -> None:
    assert "learning_rate must be a number" in refused(lambda: left.steer.set(0, learning_rate=value))
    refused(lambda: left.steer.set(0, batch_size=value))
    assert "learning_rate must be a number" in refused(lambda: several.steer.inject(learning_rate=value))
    refused(lambda: several.steer.add(optimizer=value))
    refused(lambda: several.steer.ban(optimizer=value))
    if value is not None:
        refused(lambda: several.steer.range("learning_rate", value))
        refused(lambda: several.steer.budget(trials=value))
        refused(lambda: left.steer.stop_worst(value))
    assert (left.interventions, several.interventions) == ([], [])


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"], "half \ud83d", "x" * 10_001], ids=lambda one: repr(one)[:12])
def test_a_reason_that_is_no_text_is_refused(left: Study, text: Any) -> None:
    assert "must be a text" in refused(lambda: left.steer.note(text))
    assert "must be a text" in refused(lambda: left.steer.set(0, learning_rate=0.1, why=text))
    assert "must be a text" in refused(lambda: left.steer.rewind(0, 2, why=text))
    if text is not None:
        assert "must be a text" in refused(lambda: left.steer.ask(Request(action=Action.NOTE, why="x"), who=text))
    assert left.interventions == []


def test_what_is_no_request_is_refused(left: Study) -> None:
    steer: Any = left.steer
    for one in ("stop", None, {"action": "stop"}, Request(action="explode"), Request(action=Action.STOP, values=3)):  # type: ignore[arg-type]
        refused(lambda one=one: steer.ask(one))
    assert left.interventions == []


def test_numbers_of_numpy_are_those_of_python(left: Study) -> None:
    made = left.steer.set(np.int64(1), at=np.uint8(2), learning_rate=np.float32(0.5), batch_size=np.int32(8))
    assert (made.trial, made.at, made.values) == (1, 2, {"learning_rate": 0.5, "batch_size": 8})
    assert [type(one) for one in (made.trial, made.at, *made.values.values())] == [int, int, float, int]
    fork, stop = left.steer.rewind(np.int16(2), np.int64(3), learning_rate=np.float64(0.25))
    assert (fork.trial, fork.at, fork.values, stop.at) == (2, 3, {"learning_rate": 0.25}, 3)
    assert left.curve(np.int64(1)).equals(left.curve(1))


def test_longer_than_any_study_trains_is_refused(left: Study) -> None:
    assert "at most 1,000,000,000 epochs" in refused(lambda: left.steer.longer(0, 10**9 + 1))


@pytest.mark.parametrize("words", [("inf",), ("1e999",), ("9" * 400,), ("-inf%",)])
def test_a_share_without_end_is_refused_in_a_shell(left: Study, words: tuple[str, ...], capsys: Any) -> None:
    assert main(["steer", str(left.run), "stop-worst", "--", *words]) == 2
    told = capsys.readouterr().err
    assert "Error:" not in told
    assert told.count("\n") == 1


def test_a_word_of_a_shell_that_is_no_text_is_refused(left: Study, capsys: Any) -> None:
    word = os.fsdecode(b"\xff\xfe") if sys.getfilesystemencoding() == "utf-8" else "\udcff"
    for asked in (["note", word], ["set", "0", "learning_rate=0.1", "--why", word], ["note", "0", word]):
        assert main(["steer", str(left.run), *asked]) == 2
        assert "must be a text in Unicode" in capsys.readouterr().err
    assert left.interventions == []


def test_a_hyperparameter_named_like_an_argument_is_a_hyperparameter(left: Study, capsys: Any) -> None:
    for name in ("self", "trial", "to", "why", "values", "record"):
        assert main(["steer", str(left.run), "rewind", "0", "2", f"{name}=3"]) == 2
        assert f"no hyperparameter '{name}'" in capsys.readouterr().err


def test_what_was_asked_is_told_in_single_words(left: Study, capsys: Any) -> None:
    assert main(["steer", str(left.run), "rewind", "2", "3"]) == 0
    told = capsys.readouterr().out
    assert told == "asked: fork trial 2 at epoch 3 (intervention 1)\nasked: stop trial 2 at epoch 3 (intervention 2)\n"


def test_the_list_of_requests_has_a_line_for_each(left: Study, capsys: Any) -> None:
    left.steer.note("one\ntwo\n\x1b[31m three")
    left.steer.note("four\r\nfive\tsix", trial=1)
    assert main(["steer", str(left.run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith(end) for line, end in zip(lines[1:], ("three", "four five six"), strict=True)] == [True, True]
