"""Studies of several target columns of a table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, root_mean_squared_error

import ikura
from ikura.api.study import Study
from ikura.data.folds import folds as in_folds
from ikura.data.target_columns import strata
from ikura.errors import UsageError
from ikura.metric import METRICS
from ikura.report.target_section import each_target
from ikura.report.view import View

from .comparing import assert_replays, assert_same

Tune = Callable[..., Study]
VALUES = ["price", "rent, cold", "area"]
LABELS = ["late", "sold"]


@pytest.fixture(scope="module")
def houses() -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 4))
    frame = pd.DataFrame(x, columns=list("abcd")).assign(kind=random.choice(["flat", "house"], 240))
    frame["price"] = 1e5 * (3 + x[:, 0] + 0.2 * (frame["kind"] == "house"))
    frame["rent, cold"] = 800 + 100 * x[:, 1] * x[:, 0]
    frame["area"] = 1 / (1 + np.exp(x[:, 2]))
    frame["late"] = np.where(x[:, 0] + 0.5 * random.normal(size=240) > 0.3, "yes", "no")
    frame["sold"] = x[:, 1] + x[:, 2] > 0
    return frame


@pytest.fixture(scope="module")
def of_values(houses: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Study:
    table = houses.drop(columns=LABELS)
    out = tmp_path_factory.mktemp("values") / "run"
    return ikura.tune(table, VALUES, trials=8, epochs=8, finalists=2, jobs=1, metrics=["rmse", "mae"], out=out)


@pytest.fixture(scope="module")
def of_labels(houses: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Study:
    table = houses.drop(columns=VALUES)
    out = tmp_path_factory.mktemp("labels") / "run"
    return ikura.tune(table, "late, sold", trials=8, epochs=8, finalists=2, jobs=1, out=out)


def test_rows(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[ikura.open_study(study.run).setting.prepare(study.run).split.test]


test_rows.__test__ = False  # type: ignore[attr-defined]


def test_the_score_is_the_mean_over_targets_and_each_has_its_own(of_values: Study, houses: pd.DataFrame) -> None:
    rows = test_rows(of_values, houses)
    predicted = of_values.model.predict(rows)
    assert predicted.shape == (len(rows), 3)
    truth = rows[VALUES].to_numpy()
    assert of_values.test is not None
    assert of_values.test.value == pytest.approx(r2_score(truth, predicted), rel=1e-5)
    each = r2_score(truth, predicted, multioutput="raw_values")
    assert [one.name for one in of_values.test.targets] == VALUES
    np.testing.assert_allclose([one.value for one in of_values.test.targets], each, rtol=1e-5)
    assert all(one.interval[0] < one.value < one.interval[1] for one in of_values.test.targets)
    measures = of_values.measures.set_index("metric")["test"]
    assert measures["rmse"] == pytest.approx(root_mean_squared_error(truth, predicted), rel=1e-5)
    assert measures["mae"] == pytest.approx(mean_absolute_error(truth, predicted), rel=1e-5)


def test_labels_are_predicted_by_the_values_of_their_columns(of_labels: Study, houses: pd.DataFrame) -> None:
    rows = test_rows(of_labels, houses)
    predicted = of_labels.model.predict(rows)
    assert predicted.shape == (len(rows), 2)
    assert set(predicted[:, 0]) <= {"no", "yes"}
    assert set(predicted[:, 1]) <= {False, True}
    assert of_labels.test is not None
    each = [accuracy_score(rows[name].to_numpy(), predicted[:, k].astype(rows[name].to_numpy().dtype))
            for k, name in enumerate(LABELS)]  # fmt: skip
    assert [one.value for one in of_labels.test.targets] == pytest.approx(each)
    assert of_labels.test.value == pytest.approx(np.mean(each))
    shares = of_labels.model.predict_proba(rows)
    assert list(shares.columns) == LABELS
    np.testing.assert_array_equal(shares["late"] > 0.5, predicted[:, 0] == "yes")


@pytest.mark.parametrize("kind", ["of_values", "of_labels"])
def test_a_saved_model_predicts_the_same_under_the_names_of_the_targets(
    kind: str, houses: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    study: Study = request.getfixturevalue(kind)
    again = ikura.load(study.run)
    np.testing.assert_array_equal(again.predict(houses), study.model.predict(houses))
    frame = again.predict_frame(houses.drop(columns=[*VALUES, *LABELS]))
    names = VALUES if kind == "of_values" else [*LABELS, *(f"probability_{name}" for name in LABELS)]
    assert list(frame.columns) == names
    assert again.targets == names[: len(again.targets or [])]
    np.testing.assert_array_equal(frame[names[1]], study.model.predict(houses)[:, 1])
    assert list(again.predict_frame(houses.iloc[:0]).columns) == names


@pytest.mark.parametrize("kind", ["of_values", "of_labels"])
def test_a_trial_alone_is_the_same_to_the_bit(kind: str, request: pytest.FixtureRequest) -> None:
    study: Study = request.getfixturevalue(kind)
    assert_replays(study)
    assert_replays(ikura.open_study(study.run))


def test_names_with_commas_between_them_are_the_same_study(houses: pd.DataFrame, tune: Tune) -> None:
    table = houses.drop(columns=VALUES)
    assert_same(tune(table, "late,sold"), tune(table, ["late", "sold"]))


def test_a_resumed_study_is_the_same(of_values: Study, houses: pd.DataFrame, tune: Tune) -> None:
    study = tune(houses.drop(columns=LABELS), VALUES)
    found = ikura.resume(study.run)
    assert_same(found, study)
    assert ikura.open_study(study.run).config["target"] == VALUES


def test_json_and_report_have_each_target(of_values: Study) -> None:
    form = json.loads(json.dumps(of_values.to_json()))["test"]
    assert [one["name"] for one in form["targets"]] == VALUES
    assert of_values.test is not None
    assert form["targets"][1]["value"] == of_values.test.targets[1].value
    section = str(each_target(View(of_values)))
    assert section.index(VALUES[0]) < section.index(VALUES[1]) < section.index(VALUES[2])
    assert f"{of_values.test.targets[2].value:.4g}"[:5] in section


def test_one_target_has_no_list(iris: Study) -> None:
    assert iris.test is not None
    assert iris.test.targets == []
    assert "targets" not in iris.to_json()["test"]


def test_a_target_that_is_constant_in_the_training_rows_is_refused(houses: pd.DataFrame, tune: Tune) -> None:
    table = houses[["a", "b", "price"]].assign(still=3.0)
    other = table.assign(still=table["a"])
    with pytest.raises(UsageError, match="target 'still' is the same in all 240 training rows"):
        tune(table, "price,still", dev=other, test=other)
    with pytest.raises(UsageError, match="r2 of 'still' cannot be given on the dev set, because all 240 rows"):
        tune(other, "price,still", dev=table, test=other)
    found = tune(other, "price,still", dev=other, test=table)
    assert found.test is not None
    assert math.isnan(found.test.targets[1].value)
    assert found.test.value == found.test.targets[0].value


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "average_precision", "brier", "balanced_accuracy", "mcc"])
def test_labels_have_the_metrics_of_two_classes(metric: str, of_labels: Study, houses: pd.DataFrame) -> None:
    rows = test_rows(of_labels, houses)
    shares = of_labels.model.predict_proba(rows).to_numpy()
    truth = np.stack([rows["late"] == "yes", rows["sold"]], 1).astype(int)
    each = [float(METRICS[metric](shares[:, k], truth[:, k].astype(float))) for k in range(2)]
    assert float(METRICS[metric](shares, truth)) == pytest.approx(np.mean(each), rel=1e-12)


def test_a_label_that_a_metric_says_nothing_of_is_named_before_training(houses: pd.DataFrame, tune: Tune) -> None:
    table = houses.drop(columns=VALUES)
    dev = table[table["late"] == "no"]
    with pytest.raises(UsageError, match=r"roc_auc of 'late' cannot be given on the dev set.*'no'"):
        tune(table, "late,sold", dev=dev, metric="roc_auc")
    assert tune(table, "late,sold", dev=dev).best is not None


def test_other_learners_are_fitted_to_each_target(houses: pd.DataFrame, tune: Tune) -> None:
    table = houses.drop(columns=LABELS)
    study = tune(table, VALUES, baselines=True)
    linear = next(one for one in study.baselines if one.name == "a linear model")
    split = study.setting.prepare(study.run).split
    fitted, asked = (table.iloc[rows] for rows in (np.sort([*split.train, *split.dev]), split.test))
    columns = ["a", "b", "c", "d"]
    each = []
    for name in VALUES:
        x, y = (one.assign(kind=one["kind"] == "house")[[*columns, "kind"]].to_numpy(float) for one in (fitted, asked))
        model = RidgeCV(np.logspace(-3, 3, 7)).fit(x, fitted[name])
        each.append(r2_score(asked[name], model.predict(y)))
    # Other codes of the category and another scale of columns: the penalty differs a little.
    assert linear.value == pytest.approx(np.mean(each), abs=0.01)
    of_labels = tune(houses.drop(columns=VALUES), LABELS, baselines=True).baselines
    assert all(0.6 < one.value <= 1 for one in of_labels if not one.constant)
    assert [one.name for one in of_labels if one.constant] == ["always the more common labels"]


@pytest.mark.parametrize("kind", ["of_values", "of_labels"])
def test_importance_of_columns_is_by_the_mean_over_targets(kind: str, request: pytest.FixtureRequest) -> None:
    study: Study = request.getfixturevalue(kind)
    found = study.explain(["a"], repeats=3)
    importance = found.importance.set_index("column")["loss"]
    assert importance["a"] > importance["d"]
    if kind == "of_values":
        assert [one.names for one in found.dependences] == [[name] for name in VALUES]
        slopes = [np.polyfit(one.values, one.means[0], 1)[0] for one in found.dependences]
        assert slopes[0] > 0
    else:
        assert [one.names for one in found.dependences] == [LABELS]


def test_folds_have_a_score_out_of_fold_and_their_share_of_every_combination(houses: pd.DataFrame, tune: Tune) -> None:
    values = tune(houses.drop(columns=LABELS), VALUES, folds=3, ensemble="auto")
    assert values.ensemble is not None
    assert values.ensemble.folds == 3
    assert len(values.ensemble.out_of_fold) == 2
    labels = tune(houses.drop(columns=VALUES), LABELS, folds=3, ensemble="auto")
    assert labels.ensemble is not None
    assert labels.ensemble.folds == 3
    y = labels.setting.prepare(labels.run).train.y
    combinations = strata(y)
    of_rows = in_folds(len(y), 3, classes=combinations, seed=0)
    counts = np.array([np.bincount(combinations[of_rows == fold]) for fold in range(3)])
    assert np.ptp(counts, axis=0).max() <= 1


def test_a_frame_beside_a_table_names_its_targets(houses: pd.DataFrame, tune: Tune) -> None:
    x, y = houses[["a", "b", "kind"]], houses[VALUES]
    study = tune((x, y))
    assert_same(study, tune(pd.concat([x, y], axis=1), VALUES))
    assert list(study.model.predict_frame(x).columns) == VALUES
    arrays = tune((x[["a", "b"]].to_numpy(), y))
    assert [one.name for one in arrays.test.targets] == VALUES
    assert ikura.resume(arrays.run).model.targets == VALUES


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "counts below zero": ({"target": "price,area", "loss": "poisson"}, "the target 'area' goes down to -0.9"),
    "class weights": ({"target": "late,sold", "class_weight": "balanced"}, "class_weight"),
    "a transform of the target": ({"target": "price,area", "space": {"target_transform": "log"}}, "target_transform"),
    "noise of labels": ({"target": "late,sold", "space": {"label_noise": 0.1}}, "label_noise"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_of_one_target_is_refused(case: str, houses: pd.DataFrame, tune: Tune) -> None:
    options, message = REFUSED[case]
    target = options["target"]
    table = houses.drop(columns=VALUES if "late" in target else LABELS).drop(columns="rent, cold", errors="ignore")
    table = table.assign(area=table["area"] - 1) if "loss" in options else table
    with pytest.raises(UsageError, match=message) as caught:
        tune(table, **options)
    assert "\n" not in str(caught.value)


def test_weights_of_examples_and_other_losses_are_of_several_targets_too(houses: pd.DataFrame, tune: Tune) -> None:
    table = houses.drop(columns=LABELS)
    weights = np.where(table["a"] > 0, 2.0, 0.5)
    for loss in (None, "huber", "gaussian_nll"):
        study = tune(table, VALUES, loss=loss, sample_weight=weights, trials=2, finalists=0)
        assert study.model.predict(table).shape == (240, 3)
