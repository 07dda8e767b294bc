"""The checks that `ikura.tune` makes before it trains: found, said, kept, switched off."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import ikura
from ikura.checks.leakage import LeakageCheck, _alone, _by_nearest_value
from ikura.checks.quick import QUICK, quick_checks
from ikura.data import prepare
from ikura.data.options import DataOptions
from ikura.study.record.progress import Progress

TINY: dict[str, Any] = {
    "trials": 1, "epochs": 1, "finalists": 0, "jobs": 1, "search": "random",
    "space": {"learning_rate": 0.01, "batch_size": 32},
}  # fmt: skip


def noisy(rows: int = 300, **columns: Any) -> pd.DataFrame:
    """Two features of which the target knows a little."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, rows))
    y = (a + b + random.normal(size=rows) > 0).astype(int)
    made = {name: one(y, random) for name, one in columns.items()}
    return pd.DataFrame({"a": a, "b": b, **made, "y": np.where(y > 0, "yes", "no")})


@pytest.mark.parametrize(
    ("frame", "check", "words"),
    [
        (noisy(paid=lambda y, random: y + 0.01 * random.random(len(y))), "leakage", "paid alone"),
        (noisy(code=lambda y, random: np.where(y > 0, "north", "south")), "leakage", "code"),
        (pd.concat([noisy(120)] * 3, ignore_index=True), "duplicates", "also in the training set"),
    ],
)
def test_a_fault_of_a_table_is_found(frame: pd.DataFrame, check: str, words: str) -> None:
    found = quick_checks(prepare(frame, DataOptions("y", copies="apart")))
    assert found[check].verdict == "fail"
    assert words in found[check].finding
    assert [one.name for one in found.failed] == [check]


def test_drift_names_part_and_column() -> None:
    frame = noisy(400).assign(when=pd.date_range("2020", periods=400), warm=np.arange(400) + 0.5)
    found = quick_checks(prepare(frame, DataOptions("y", time="when")))
    assert found["drift"].verdict == "warn"
    assert "'warm'" in found["drift"].finding


def test_sound_tables_pass() -> None:
    for name in ("iris", "wine", "digits", "diabetes"):
        assert {one.verdict for one in quick_checks(prepare(name))} <= {"pass", "skipped"}, name


def test_the_screen_lets_every_leak_through() -> None:
    """Where a tree alone has an error of at most 1 %, the nearest value has at most 5 %."""
    random = np.random.default_rng(1)
    for rows in (40, 200, 1500):
        for classes in (2, 3, 5):
            y = random.integers(0, classes, rows).astype(float)
            y[:classes] = range(classes)
            for feature in (y * 7 + random.random(rows), -y, y**2 + 1e-3 * random.normal(size=rows)):
                assert _alone(feature, y, False, 0) <= 0.05
                assert _by_nearest_value(feature, y, False, 0) <= 0.05
        target = random.normal(size=rows)
        for feature in (3 * target + 1, target + 0.05 * random.normal(size=rows)):
            assert _by_nearest_value(feature, target, True, 0) <= 0.05
        assert _by_nearest_value(random.normal(size=rows), target, True, 0) > 0.05


def test_screened_and_full_agree_on_what_leaks() -> None:
    frame = noisy(paid=lambda y, random: y + 0.01 * random.random(len(y)))
    for screened in (True, False):
        one = LeakageCheck(screened=screened)
        assert one.name == "leakage"
    assert ikura.check(frame, "y", only=["leakage"])["leakage"].figures["features"] == ["paid"]


def soft(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(hp.inputs, hp.outputs), nn.Softmax(1))


class Keeper:
    """A factory of one module."""

    def __init__(self) -> None:
        self.kept: nn.Module | None = None

    def __call__(self, hp: Any) -> nn.Module:
        self.kept = self.kept or nn.Linear(hp.inputs, hp.outputs)
        return self.kept


class Shared:
    """A factory whose networks have a layer in common."""

    def __init__(self, part: nn.Module) -> None:
        self.part = part

    def __call__(self, hp: Any) -> nn.Module:
        return nn.Sequential(self.part, nn.Linear(hp.inputs, hp.outputs))


@pytest.mark.parametrize("factory", [Keeper(), Shared(nn.Linear(4, 4)), Shared(nn.BatchNorm1d(4))])
def test_a_factory_that_does_not_build_anew_is_refused_before_anything_is_written(factory: Any, tmp_path: Path) -> None:
    with pytest.raises(ikura.UsageError, match="share") as caught:
        ikura.tune("iris", network=factory, out=tmp_path / "run", **TINY)
    assert "Make every layer inside of the factory" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_frozen_layers_and_constants_may_be_shared(tmp_path: Path) -> None:
    frozen = nn.Linear(4, 4).requires_grad_(False)
    found = quick_checks(prepare("iris"), Shared(frozen), {})
    assert found["factory"].verdict == "pass"


def test_what_is_found_is_said_logged_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []

    class Listening(Progress):
        def say(self, line: str) -> None:
            lines.append(line)

    frame = noisy(paid=lambda y, random: y + 0.01 * random.random(len(y))).assign(same=1)
    with caplog.at_level(logging.INFO, logger="ikura"):
        study = ikura.tune(frame, "y", out=tmp_path / "run", progress=Listening(), **TINY)
    [said] = [line for line in lines if line.startswith("check leakage")]
    assert "--kind COLUMN=ignore" in said
    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert said in warned
    assert any("Column 'same' is left out" in line for line in warned)
    assert any("2 features" in one.getMessage() or "training" in one.getMessage() for one in caplog.records)
    assert study.checks is not None
    assert study.checks["leakage"].verdict == "fail"
    told = json.loads(json.dumps(study.to_json(), default=str))["checks"]
    assert told["ok"] is False
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Checks before training" in page
    assert "paid alone predicts the target" in page
    again = ikura.open_study(tmp_path / "run")
    assert again.checks is not None
    assert again.checks.to_json() == study.checks.to_json()


def test_outputs_of_ones_own_network_are_looked_at(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="ikura"):
        study = ikura.tune("iris", network=soft, out=tmp_path / "run", **TINY)
    assert study.checks is not None
    assert study.checks["outputs"].verdict == "fail"
    assert any("Leave the softmax out" in one.getMessage() for one in caplog.records)


def test_checks_can_be_switched_off_and_change_nothing(tmp_path: Path) -> None:
    with_them, without = (
        ikura.tune("iris", out=tmp_path / str(checks), checks=checks, **TINY) for checks in (True, False)
    )
    assert without.checks is None
    assert with_them.checks is not None
    assert [one.name for one in with_them.checks] == [one.check.name for one in QUICK if not one.own]
    pd.testing.assert_frame_equal(
        with_them.trials.drop(columns="seconds"), without.trials.drop(columns="seconds"), check_exact=True
    )
