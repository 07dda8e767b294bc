"""Prediction intervals reach the model, its files, the command line, the page; and they hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura.cli import main
from ikura.errors import UsageError
from ikura.metric import METRICS
from ikura.report.view import View
from ikura.report.write import render
from ikura.study.prediction_intervals import flattery
from ikura.study.record.ensemble_record import Ensemble
from ikura.study.record.facts import BestRecord
from ikura.study.record.result import Corrected


def houses(rows: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    price = np.exp(12 + 0.6 * x[:, 0] + 0.3 * random.normal(size=rows))
    return pd.DataFrame(x, columns=list("abc")).assign(price=price)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ikura.Study:
    return ikura.tune(
        houses(1500), "price", trials=6, epochs=15, finalists=2, checks=False, baselines=False,
        out=tmp_path_factory.mktemp("houses") / "run",
    )  # fmt: skip


def test_they_hold_on_fresh_rows(study: ikura.Study) -> None:
    """Of 20,000 fresh rows; the coverage of one study varies as that of 300 held-out errors, by 1.7 %: four of them."""
    rows = houses(20_000, seed=1)
    for level in (0.5, 0.9):
        told = study.model.predict_interval(rows, level)
        held = ((told.lower <= rows.price) & (rows.price <= told.upper)).mean()
        assert held == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 300))


def test_they_were_measured_once_and_are_said(study: ikura.Study, capsys: pytest.CaptureFixture[str]) -> None:
    found = study.intervals
    assert found is not None
    assert (found.level, found.rows, found.held_out) == (0.9, 300, 300)
    dataset = study.setting.prepare(study.run)
    rows = houses(1500).iloc[dataset.split.test].reset_index(drop=True)
    told = study.model.predict_interval(rows)
    assert found.share == pytest.approx(((told.lower <= rows.price) & (rows.price <= told.upper)).mean())
    assert found.width == pytest.approx((told.upper - told.lower).median(), rel=1e-5)
    assert found.interval[0] < found.share < found.interval[1]
    assert "90 % intervals hold" in render(View(study))
    assert json.dumps(study.to_json()["intervals"])


def test_the_command_writes_them(study: ikura.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    houses(20, seed=2).to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "told.csv"
    given = ["predict", str(study.run), str(tmp_path / "new.csv"), "-o", str(out), "--quiet"]
    assert main([*given, "--interval", "0.8"]) == 0
    told = pd.read_csv(out)
    assert list(told) == ["prediction", "lower", "upper"]
    assert (told.lower < told.prediction).all()
    assert (told.prediction < told.upper).all()
    again = ikura.load(study.run).predict_interval(houses(20, seed=2), 0.8)
    np.testing.assert_allclose(told[["lower", "upper"]], again, rtol=1e-6)
    assert main([*given, "--interval", "90"]) == 2
    assert "a share between 0 and 1, such as 0.9, but is 90" in capsys.readouterr().err


def test_classes_have_none(tmp_path: Path) -> None:
    study = ikura.tune("iris", trials=1, epochs=2, finalists=0, checks=False, out=tmp_path / "run")
    assert study.intervals is None
    with pytest.raises(UsageError, match="intervals are of one value to predict, and this model's task is multiclass"):
        study.model.predict_frame(pd.DataFrame(), interval=0.9)


def test_errors_are_as_much_larger_as_the_corrected_score_is_worse() -> None:
    best = BestRecord(0, 0, {}, 0.9, (0.8, 0.95), corrected=Corrected(0.81, (0.7, 0.9), 64, 1000))
    # 1 - R² is a mean square: 0.19 of 0.1.
    assert flattery(METRICS["r2"], best, None) == pytest.approx(1.9**0.5)
    mae = BestRecord(0, 0, {}, 2.0, (1, 3), corrected=Corrected(2.2, (1, 3), 64, 1000))
    assert flattery(METRICS["mae"], mae, None) == pytest.approx(1.1)
    better = BestRecord(0, 0, {}, 0.9, (0.8, 0.95), corrected=Corrected(0.92, (0.7, 0.95), 64, 1000))
    assert flattery(METRICS["r2"], better, None) == 1.0
    assert flattery(METRICS["r2"], best, Ensemble(True, dev=0.9, corrected=0.9)) == 1.0
