"""Predictions go no further than the values given, unless the dev rows speak against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura.report.view import View
from ikura.report.write import render
from ikura.study.prediction_bounds import fit_bounds, measured_bounds


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Values of at most 1, which a linear model goes on beyond."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (rows, 2))
    return pd.DataFrame(x, columns=["a", "b"]).assign(y=x[:, 0] + 0.1 * random.normal(size=rows))


FAR = pd.DataFrame({"a": [50.0, -50.0, 0.5], "b": [0.0, 0.0, 0.0]})
GIVEN = {
    "space": {"layers": 0, "learning_rate": 0.05}, "trials": 1, "epochs": 30, "finalists": 0, "checks": False,
    "baselines": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ikura.Study:
    """A linear model, with a test set of which two rows lie far away."""
    test = pd.concat([table(98, 1), FAR.head(2).assign(y=[1.0, -1.0])], ignore_index=True)
    return ikura.tune(table(400), "y", test=test, out=tmp_path_factory.mktemp("far") / "run", **GIVEN)


def test_far_rows_are_predicted_as_the_nearest_value_given(study: ikura.Study) -> None:
    given = table(400).y
    told = study.model.predict(FAR)
    np.testing.assert_allclose(told[:2], [given.max(), given.min()], rtol=1e-6)
    assert told[2] == pytest.approx(0.5, abs=0.1)
    interval = study.model.predict_interval(FAR)
    assert (interval.lower < told).all()
    again = ikura.load(study.run).predict(FAR)
    np.testing.assert_allclose(again, told, rtol=1e-6)


def test_what_was_bounded_is_counted_and_said(study: ikura.Study) -> None:
    found = study.bounds
    assert found is not None
    assert 2 <= found.beyond < 20
    assert found.rows == 100
    assert f"{found.beyond} of 100 test rows are predicted as" in render(View(study))
    # Two rows that are off by 49 each would leave no R² at all.
    assert study.test.value > 0.9


def test_an_exported_file_has_the_bounds(study: ikura.Study, tmp_path: Path) -> None:
    path = study.model.export(tmp_path / "model.pt2", FAR)
    assert path.exists()


def test_none_leaves_predictions_as_the_network_gives_them(tmp_path: Path) -> None:
    study = ikura.tune(table(400), "y", calibration="none", out=tmp_path / "run", **GIVEN)
    assert study.bounds is None
    assert study.model.predict(FAR)[0] > 10


def test_values_that_grow_with_time_are_not_bounded(tmp_path: Path) -> None:
    random, when = np.random.default_rng(0), np.arange(300.0)
    wealth = when / 100 + 0.05 * random.normal(size=300)
    frame = pd.DataFrame({"t": when, "wealth": wealth, "y": 2 * wealth + 0.1 * random.normal(size=300)})
    study = ikura.tune(frame, "y", time="t", out=tmp_path / "run", **GIVEN | {"epochs": 60})
    assert study.bounds is None
    assert study.model.predict(pd.DataFrame({"wealth": [6.0]}))[0] > frame.y.max()


def test_one_dev_row_beyond_by_chance_does_not_lift_the_bounds() -> None:
    values = np.linspace(0, 1, 50)
    dev = np.append(values, 1.2)
    assert fit_bounds(dev, dev, values) == (0.0, 1.2)
    assert fit_bounds(dev + np.nan, dev, values) is None
    assert fit_bounds(dev[:, None], dev[:, None], values) is None
    assert measured_bounds(None, dev) is None
    one = measured_bounds((0.0, 1.0), dev)
    assert one is not None
    assert one.beyond == 1
    assert measured_bounds((0.0, 2.0), dev).sentence is None  # type: ignore[union-attr]
