"""What untuned learners reach is what scikit-learn gives by itself, and who is better is said by an interval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import ikura
from ikura.metric import metric
from ikura.study.baselines import _learners, fits_baselines, measure_baselines
from ikura.study.training_setup import examples_of, setup_again

SPACE = {"learning_rate": 0.01, "units": 8, "layers": 1, "batch_size": 16}


def opened(data: Any, target: str | None, out: Path) -> tuple[Any, Any, Any]:
    """A study's data set, setup and test examples."""
    study = ikura.tune(data, target, space=SPACE, trials=1, epochs=2, finalists=0, checks=False, out=out)
    dataset, setup = setup_again(study.setting, study.run, None)
    return dataset, setup, examples_of(dataset.test, "float32", None)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(0)
    size, age = random.normal(size=(2, 400))
    place = random.choice(list("abcdefghijklmnopqrstu"), 400)
    price = np.abs(size) * 3 + np.where(place > "k", 2, 0) + 0.1 * random.normal(size=400)
    frame = pd.DataFrame({"size": size, "age": np.where(age > 1, np.nan, age), "place": place, "price": price})
    return opened(frame, "price", tmp_path_factory.mktemp("prices") / "run")


def test_they_are_the_learners_of_scikit_learn(prices: tuple[Any, Any, Any]) -> None:
    dataset, setup, test = prices
    target = setup.scorer.target(dataset.test.y)
    boosting, linear = measure_baselines(setup, metric("r2", "regression"), test, target, target.astype(float), 0)
    x = np.concatenate([np.hstack([part.x, part.codes]) for part in (dataset.train, dataset.dev)])
    y = np.concatenate([dataset.train.y, dataset.dev.y])
    codes = list(range(dataset.train.x.shape[1], x.shape[1]))
    reference = HistGradientBoostingRegressor(random_state=0, categorical_features=codes).fit(x, y.astype(np.float32))
    expected = reference.score(np.hstack([dataset.test.x, dataset.test.codes]), dataset.test.y)
    assert boosting.value == pytest.approx(expected, abs=1e-5)
    assert boosting.rows == len(y)
    assert linear.value < boosting.value


def test_who_is_better_is_said_by_the_interval(prices: tuple[Any, Any, Any]) -> None:
    dataset, setup, test = prices
    target = setup.scorer.target(dataset.test.y)
    measure = metric("r2", "regression")
    perfect, _ = measure_baselines(setup, measure, test, target, target, 0)
    assert perfect.gain_interval[0] > 0
    assert "worse than the model by" in perfect.verdict
    assert not perfect.better
    useless, _ = measure_baselines(setup, measure, test, target, np.zeros_like(target), 0)
    assert useless.gain_interval[1] < 0
    assert "better than the model by" in useless.verdict
    assert useless.better


def test_classes_and_weights(tmp_path: Path) -> None:
    frame = pd.read_csv(Path(__file__).parents[2] / "examples" / "penguins.csv").assign(w=1.0)
    study = ikura.tune(
        frame, "species", sample_weight="w", space=SPACE, trials=1, epochs=2, finalists=0, out=tmp_path / "run"
    )
    dataset, setup = setup_again(study.setting, study.run, None)
    target = setup.scorer.target(dataset.test.y)
    ours = np.full((len(target), 3), 1 / 3)
    test = examples_of(dataset.test, "float32", None)
    for one in measure_baselines(setup, metric("accuracy", "multiclass"), test, target, ours, 0):
        assert one.value > 0.9
        assert one.interval[0] <= one.value <= one.interval[1]
        assert one.gain < 0


def test_a_class_of_one_row_among_many_rows(prices: tuple[Any, Any, Any]) -> None:
    setup = replace(prices[1], scorer=replace(prices[1].scorer, task="multiclass"))
    y = np.array([0, 1] * 5100 + [2])
    [boosting, _] = _learners(setup, y).values()
    assert (
        boosting.set_params(max_iter=1, categorical_features=None).fit(np.arange(10_201.0)[:, None], y).classes_.size
        == 3
    )


def test_not_for_several_values(prices: tuple[Any, Any, Any]) -> None:
    assert fits_baselines(prices[1])
