"""The command of a study says what is unusual, and nothing else."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import ikura
from ikura.study.record.command import USUAL, command
from ikura.study.record.tune_options import DEFAULT_TRIALS

TABLE: dict[str, Any] = {"data": {"kind": "bundled", "name": "wine"}, "network": "mlp", "task": "multiclass"}


def test_what_is_usual_is_what_tune_does() -> None:
    parameters = inspect.signature(ikura.tune).parameters
    assert USUAL["trials"] == DEFAULT_TRIALS
    assert {name: parameters[name].default for name in ("search", "schedule", "seed")}.items() <= USUAL.items()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"trials": 128, "epochs": 100, "finalists": 4, "seed": 0, "metric": "accuracy"}, "--task multiclass"),
        ({"trials": 64, "epochs": 15, "metric": "f1"}, "--task multiclass --trials 64 --epochs 15 --metric f1"),
        ({"network": "cnn", "epochs": 15, "finalists": 1, "seed": 1}, "--network cnn --task multiclass --seed 1"),
        ({"network": "cnn", "epochs": 100}, "--network cnn --task multiclass --epochs 100"),
        ({"time_limit": 90.0, "search": "tpe"}, "--task multiclass --time-limit 90s --search tpe"),
    ],
)
def test_what_is_unusual_is_said(setting: dict[str, Any], words: str) -> None:
    assert command(TABLE | setting) == f"ikura tune wine {words}"
