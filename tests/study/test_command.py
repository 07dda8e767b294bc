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
        ({"ensemble": "auto", "repeats": 1, "calibration": "auto"}, "--task multiclass"),
        ({"ensemble": "4", "folds": 5, "repeats": 2}, "--task multiclass --ensemble 4 --folds 5 --repeats 2"),
        (
            {"class_weight": {"a": 2.0, "b c": 0.5}, "sample_weight": "w", "loss": "focal:gamma=1"},
            "--class-weight 'a=2,b c=0.5' --task multiclass --loss focal:gamma=1 --sample-weight w",
        ),
        (
            {"class_weight": "balanced", "metrics": ["f1", "mcc"], "stop_on": "f1", "test_set": False},
            "--class-weight balanced --metrics f1,mcc --task multiclass --stop-on f1 --no-test-set",
        ),
    ],
)
def test_what_is_unusual_is_said(setting: dict[str, Any], words: str) -> None:
    assert command(TABLE | setting) == f"ikura tune wine {words}"
