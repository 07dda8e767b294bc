"""Targets whose offset is large beside what varies: scores are those of what a model predicts, in double precision."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

import ikura

from ..sweep import one_in

METRICS = {"r2": r2_score, "rmse": lambda *pair: mean_squared_error(*pair) ** 0.5, "mae": mean_absolute_error}


@pytest.mark.parametrize(("offset", "metric"), one_in(5, list(product([1e15, 1.7e9, -3e12, 0.0], METRICS))))
def test_the_score_is_that_of_the_predictions(offset: float, metric: str, tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    a = random.normal(size=200)
    frame = pd.DataFrame({"a": a, "y": offset + 1000 * a})
    space = {"learning_rate": 0.03, "units": 8, "layers": 1, "batch_size": 16}
    study = ikura.tune(
        frame, "y", trials=1, epochs=30, finalists=0, metric=metric, space=space, out=tmp_path / "run", checks=False
    )
    assert study.best is not None
    assert study.test is not None
    split = study.setting.prepare(tmp_path / "run").split
    for rows, score, tolerance in ((split.dev, study.best.dev, 1e-5), (split.test, study.test.value, 1e-9)):
        predicted = study.model.predict(frame.iloc[rows])
        assert predicted.dtype == np.float64
        wanted = METRICS[metric](frame["y"].iloc[rows], predicted)
        # The dev score is of targets rounded to float32 beside their deviation, 6e-8; the test score is of exact ones.
        # What is predicted is itself a number of float64, with steps of an eighth at 1e15.
        step = np.spacing(abs(offset)) / (1000 if metric == "r2" else 1)
        assert score == pytest.approx(wanted, rel=tolerance, abs=step)
    if metric == "r2":
        assert study.best.dev > 0.99
        assert study.best.dev_corrected is not None
        assert study.best.dev_corrected > 0.98
