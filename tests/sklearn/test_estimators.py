"""Estimators behave as scikit-learn's own do, and find what `ikura.tune` finds."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_linnerud
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import ikura
from ikura.process_state import cores
from ikura.sklearn import IkuraClassifier, IkuraRegressor
from ikura.sklearn._base import jobs_of

SPACE = {"learning_rate": 0.03, "units": 16, "layers": 1, "batch_size": 16, "momentum": 0.9}
SMALL: dict[str, Any] = {"space": SPACE, "trials": 1, "epochs": 20, "finalists": 0, "n_jobs": 1}
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 stands once in a mini-batch and in one part, a row that occurs twice may stand in two"
    ),
}


@parametrize_with_checks(
    [IkuraClassifier(**SMALL, dtype="float64"), IkuraRegressor(**SMALL, dtype="float64")],
    expected_failed_checks=lambda estimator: EXPECTED,
)
@pytest.mark.sweep
@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def flowers() -> tuple[pd.DataFrame, pd.Series]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    return x, y.map(dict(enumerate(["setosa", "versicolor", "virginica"])))


@pytest.fixture(scope="module")
def fitted(flowers: tuple[pd.DataFrame, pd.Series]) -> IkuraClassifier:
    return IkuraClassifier(**SMALL).fit(*flowers)


def test_it_is_the_network_that_tune_finds(fitted: IkuraClassifier, flowers: Any, tmp_path: Path) -> None:
    x, y = flowers
    given = {name: value for name, value in SMALL.items() if name != "n_jobs"}
    study = ikura.tune((x.to_numpy(), y.to_numpy()), **given, test_set=False, out=tmp_path / "run")
    ours, theirs = fitted.predict_proba(x), study.model.predict_proba(x.to_numpy())[fitted.classes_]
    np.testing.assert_array_equal(ours, theirs.to_numpy())
    assert fitted.dev_score_ == study.best.dev
    assert study.test.note == "it cannot be given, because no rows were kept for it"
    assert study.summary["parts"] == {"train": 120, "dev": 30, "test": 0}


def test_words_come_back_and_a_pickle_answers_the_same(fitted: IkuraClassifier, flowers: Any) -> None:
    x, y = flowers
    assert fitted.score(x, y) > 0.9
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))
    assert fitted.feature_names_in_.tolist() == x.columns.tolist()


def test_several_values_and_labels(flowers: Any) -> None:
    x, y = load_linnerud(return_X_y=True)
    x, y = np.tile(x, (3, 1)), np.tile(y, (3, 1))
    regressor = IkuraRegressor(**SMALL).fit(x, y)
    assert regressor.predict(x).shape == y.shape
    assert regressor.score(x, y) == pytest.approx(r2_score(y, regressor.predict(x)))
    labels = (y > np.median(y, axis=0)).astype(int)
    classifier = IkuraClassifier(**SMALL).fit(x, labels)
    assert classifier.classes_.tolist() == [0, 1, 2]
    shares = classifier.predict_proba(x)
    np.testing.assert_array_equal(classifier.predict(x), shares > 0.5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(x), shares)
    frame = flowers[0].assign(kind=flowers[1])
    kinds = np.stack([flowers[1] == name for name in ("setosa", "virginica")], 1)
    assert IkuraClassifier(**SMALL).fit(frame, kinds.astype(int)).predict(frame).shape == (150, 2)
    with pytest.raises(ValueError, match="several columns of more than two classes"):
        IkuraClassifier(**SMALL).fit(x, labels + (y > y.mean(axis=0) + y.std(axis=0)))
    with pytest.raises(ValueError, match="several labels"):
        IkuraClassifier(**SMALL, class_weight="balanced").fit(x, labels)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    IkuraRegressor(**SMALL).fit(*load_diabetes(return_X_y=True))
    assert list(tmp_path.iterdir()) == [tmp_path / "scratch"]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_run_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    regressor = IkuraRegressor(**SMALL, out=tmp_path / "run").fit(*load_diabetes(return_X_y=True))
    assert len(ikura.open_study(regressor.run_).trials) == 1
    assert "run_" not in vars(clone(regressor))


def test_words_dates_and_gaps_in_a_frame() -> None:
    random = np.random.default_rng(0)
    group = random.choice(["north", "south"], 200)
    size = np.where(random.random(200) < 0.1, np.nan, random.normal(size=200))
    frame = pd.DataFrame({"group": group, "size": size}, index=np.arange(200) * 3)
    value = np.where(group == "north", 5.0, -5.0) + np.nan_to_num(size)
    regressor = IkuraRegressor(**SMALL).fit(frame, value)
    assert regressor.score(frame, value) > 0.8
    unseen = frame.assign(group="west")
    assert np.isfinite(regressor.predict(unseen)).all()
    with pytest.raises(ValueError, match="feature names"):
        regressor.predict(frame.rename(columns={"size": "length"}))


def test_pipelines_and_cross_validation() -> None:
    x, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), IkuraRegressor(**SMALL))
    assert cross_val_score(pipeline, x, y, cv=2).mean() > 0.2


@pytest.mark.sweep
def test_a_grid_in_two_processes(flowers: Any) -> None:
    spaces = [SPACE | {"units": units} for units in (4, 16)]
    search = GridSearchCV(IkuraClassifier(**SMALL | {"n_jobs": None}), {"space": spaces}, n_jobs=2, cv=2).fit(*flowers)
    assert search.best_score_ > 0.8


def test_weights_of_rows_and_classes_are_heeded(flowers: Any) -> None:
    x, y = flowers
    heavy = np.where(y == "virginica", 1e-3, 1.0)
    light = IkuraClassifier(**SMALL).fit(x, y, sample_weight=heavy)
    by_class = IkuraClassifier(**SMALL, class_weight={"virginica": 1e-3}).fit(x, y)
    assert (light.predict(x) == "virginica").sum() < 25
    assert (by_class.predict(x) == "virginica").sum() < 25
    with pytest.raises(ValueError, match="class_weight: y has no class 'rose'"):
        IkuraClassifier(**SMALL, class_weight={"rose": 2.0}).fit(x, y)


def test_the_seed_is_the_random_state(flowers: Any) -> None:
    one, same, other = (IkuraClassifier(**SMALL, random_state=seed).fit(*flowers) for seed in (1, 1, 2))
    x = flowers[0]
    np.testing.assert_array_equal(one.predict_proba(x), same.predict_proba(x))
    assert (one.predict_proba(x) != other.predict_proba(x)).any()


def test_jobs_are_counted_as_in_scikit_learn() -> None:
    assert jobs_of(None) is None
    assert jobs_of(2) == 2
    assert jobs_of(-1) == cores()
    assert jobs_of(-100) == 1
    with pytest.raises(ValueError, match="but is 0"):
        jobs_of(0)


def test_data_that_cannot_be_used_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="one class, 'a'"):
        IkuraClassifier(**SMALL).fit(np.ones((10, 2)), ["a"] * 10)
    with pytest.raises(ValueError, match="minimum of 4"):
        IkuraRegressor(**SMALL).fit(np.ones((3, 2)), [1, 2, 3])
