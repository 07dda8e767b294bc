"""Metrics that cannot be measured: said before training, or with the reason at the end; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura.cli import main
from ikura.errors import DataError

RANDOM = np.random.default_rng(3)
A = RANDOM.normal(size=90)
NUMBERS = pd.DataFrame({"a": A, "y": 3 * A + 1})
CLASSES = pd.DataFrame({"a": A, "y": np.where(A > 0.4, "late", "paid")})
FEW: dict[str, Any] = {"trials": 2, "epochs": 2, "finalists": 0, "space": {"learning_rate": 0.01}, "checks": False}


@pytest.mark.parametrize(
    ("frame", "dev", "metric", "message"),
    [
        (
            NUMBERS,
            NUMBERS.head(12).assign(y=0.0),
            None,
            "r2 of 'y' cannot be given on the dev set, because all 12 rows",
        ),
        (NUMBERS, NUMBERS.head(1), "r2", "because there is a single row; compare by another metric .rmse, mae"),
        (NUMBERS, NUMBERS.head(9).assign(y=7 + A[:9] * 1e-12), "r2", "as far as float32 tells"),
        (CLASSES, CLASSES[CLASSES.y == "paid"], "roc_auc", "are of the same class, 'paid'"),
        (CLASSES, CLASSES[CLASSES.y == "paid"], "f1", "is of the positive class 'late'"),
        (CLASSES, CLASSES[CLASSES.y == "late"], "balanced_accuracy", "another metric .accuracy, log_loss"),
    ],
)
def test_a_metric_without_meaning_on_the_dev_set_is_refused(
    frame: pd.DataFrame, dev: pd.DataFrame, metric: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        ikura.tune(frame, "y", dev=dev, metric=metric, out=tmp_path / "run", **FEW)
    assert not (tmp_path / "run").exists()


def test_a_target_without_variation_in_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="target 'y' is the same in all 90 training rows"):
        ikura.tune(NUMBERS.assign(y=2.0), "y", dev=NUMBERS.head(9), test=NUMBERS.tail(9), out=tmp_path / "run", **FEW)


@pytest.mark.parametrize(
    ("frame", "test", "metric"),
    [(NUMBERS, NUMBERS.head(9).assign(y=1.5), "r2"), (CLASSES, CLASSES[CLASSES.y == "paid"], "roc_auc")],
)
def test_a_test_score_that_cannot_be_given_has_a_reason(
    frame: pd.DataFrame, test: pd.DataFrame, metric: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = ikura.tune(frame, "y", test=test, metric=metric, out=tmp_path / "run", **FEW)
    assert study.test is not None
    assert np.isnan(study.test.value)
    assert "cannot be given, because all" in str(study.test.note)
    assert "There is no test score: it cannot be given" in (tmp_path / "run/report.html").read_text()
    assert main(["resume", str(tmp_path / "run"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["test"]["value"] is None
    assert told["test"]["note"] == study.test.note


@pytest.mark.parametrize("metric", ["r2", "rmse", "mae"])
def test_a_run_begun_with_such_a_dev_set_comes_to_its_end(
    metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ikura.api.study_plan.check_measurable", lambda *_: [])
    dev = NUMBERS.head(12).assign(y=0.0)
    ikura.tune(NUMBERS, "y", dev=dev, metric=metric, out=tmp_path / "run", **FEW)
    for command in ("resume", "report", "diagnose"):
        assert main([command, str(tmp_path / "run"), "-q"]) == 0
    assert "cannot be given on the dev set" in (tmp_path / "run/report.html").read_text()
