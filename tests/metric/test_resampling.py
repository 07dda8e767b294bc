"""Metrics on resamples are the metrics of the examples drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ikura.metric import METRICS, draws, evidence, own_scores, scores
from ikura.metric.resampling import COUNTED


def case(name: str, classes: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    random = np.random.default_rng(classes)
    if "regression" in METRICS[name].tasks:
        target = torch.from_numpy(random.standard_normal(50) + 3).float()
        return [target + torch.from_numpy(random.standard_normal(50)).float() for _ in range(3)], target
    if "multilabel" in METRICS[name].tasks:
        target = torch.from_numpy(random.integers(0, 2, (50, classes)))
        return [torch.from_numpy(random.random((50, classes))).float() for _ in range(3)], target
    if classes == 2:
        target = torch.from_numpy(random.integers(0, 2, 50)).float()
        return [torch.from_numpy(random.random(50)).float() for _ in range(3)], target
    target = torch.from_numpy(random.integers(0, classes, 50))
    return [torch.from_numpy(random.standard_normal((50, classes))).float().softmax(1) for _ in range(3)], target


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", [*METRICS, "quantile:0.9"])
def test_equal_to_the_metric_of_the_rows_drawn(name: str, classes: int) -> None:
    metric = METRICS[name]
    predictions, target = case(name, classes)
    shown = [evidence(metric, prediction, target) for prediction in predictions]
    (counts,) = draws(50, 12, 7, "test")
    found = scores(metric, shown, target, counts)
    for column, times in enumerate(counts):
        rows = torch.from_numpy(np.repeat(np.arange(50), times.astype(int)))
        wanted = [float(metric(prediction[rows], target[rows])) for prediction in predictions]
        # Losses are kept in float32: a relative error of 6e-8 each.
        np.testing.assert_allclose(found[:, column], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", COUNTED)
def test_of_many_resamples_at_once_the_same_to_the_bit(
    name: str, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = METRICS[name]
    predictions, target = case(name, classes)
    predictions[2] = predictions[2].round(decimals=1)  # ties
    (counts,) = draws(50, 60, 7, "test")
    counts = np.concatenate([counts, counts == 0, np.eye(50, dtype=np.float32)])
    found = scores(metric, [one.numpy() for one in predictions], target, counts)
    rows = [torch.from_numpy(np.repeat(np.arange(50), times.astype(int))) for times in counts]
    wanted = [[float(metric(one[drawn], target[drawn])) for drawn in rows] for one in predictions]
    np.testing.assert_array_equal(found, wanted)
    monkeypatch.setattr("ikura.metric.resampling.BLOCK_NUMBERS", 1000)
    np.testing.assert_array_equal(scores(metric, [one.numpy() for one in predictions], target, counts), wanted)


@pytest.mark.parametrize("name", ["r2", "rmse", "mae", "quantile:0.9"])
def test_of_several_targets_equal_to_the_metric_of_the_rows_drawn(name: str) -> None:
    random = np.random.default_rng(0)
    target = random.standard_normal((50, 3)) * [1.0, 100.0, 0.1] + 3
    predictions = [target + random.standard_normal((50, 3)) * [0.5, 30.0, 0.2] for _ in range(3)]
    metric = METRICS[name]
    shown = [evidence(metric, prediction, target) for prediction in predictions]
    assert [one.shape for one in shown] == [(50, 3)] * 3
    (counts,) = draws(50, 12, 7, "test")
    found = scores(metric, shown, target, counts)
    rows = [np.repeat(np.arange(50), times.astype(int)) for times in counts]
    wanted = [[float(metric(one[drawn], target[drawn])) for drawn in rows] for one in predictions]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    own = own_scores(metric, np.stack([np.stack(shown)] * 12), target, counts)
    np.testing.assert_allclose(own, wanted, rtol=1e-10)
    assert np.isnan(scores(metric, shown, target, np.zeros((1, 50), np.float32))).all()


LABELS = [name for name in METRICS if "multilabel" in METRICS[name].tasks]


@pytest.mark.parametrize("name", LABELS)
def test_of_several_labels_equal_to_the_metric_of_the_rows_drawn(name: str) -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 2, (50, 3))
    predictions = [random.random((50, 3)).astype(np.float32) for _ in range(3)]
    metric = METRICS[name]
    shown = [evidence(metric, prediction, target) for prediction in predictions]
    (counts,) = draws(50, 12, 7, "test")
    rows = [np.repeat(np.arange(50), times.astype(int)) for times in counts]
    wanted = [[float(metric(one[drawn], target[drawn])) for drawn in rows] for one in predictions]
    np.testing.assert_allclose(scores(metric, shown, target, counts), wanted, rtol=1e-6)
    own = own_scores(metric, np.stack([np.stack(shown)] * 12), target, counts)
    np.testing.assert_allclose(own, wanted, rtol=1e-6)


def test_classes_of_several_positions_are_no_labels() -> None:
    random = np.random.default_rng(0)
    target, p = random.integers(0, 3, (20, 5)), random.random((20, 3, 5))
    shown = evidence(METRICS["log_loss"], p / p.sum(1, keepdims=True), target)
    assert shown.shape == (20, 3, 5)


def test_a_target_that_does_not_vary_in_a_resample_is_left_out_and_a_missing_prediction_is_not() -> None:
    target = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 2.0]])
    prediction, metric = target + np.array([[0.1, 0.2]]), METRICS["r2"]
    counts = np.array([[1, 2, 0]], np.float32)
    shown = [evidence(metric, one, target) for one in (prediction, np.where(target == 3, np.nan, prediction))]
    first = METRICS["r2"](prediction[[0, 1, 1], 0], target[[0, 1, 1], 0])
    assert scores(metric, shown[:1], target, counts) == pytest.approx(first, rel=1e-12)
    assert np.isnan(scores(metric, shown[1:], target, np.ones((1, 3), np.float32))).all()


def test_no_example_is_no_score() -> None:
    for name, metric in ((name, METRICS[name]) for name in METRICS.built_in):
        predictions, target = case(name, 2)
        shown = [evidence(metric, prediction, target) for prediction in predictions]
        assert np.isnan(scores(metric, shown, target, np.zeros((1, 50), np.float32))).all(), name


def test_draws_are_keyed_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(30, 20, 1, "a")))
    assert whole.shape == (20, 30)
    assert (whole.sum(1) == 30).all()
    np.testing.assert_array_equal(whole, np.concatenate(list(draws(30, 20, 1, "a"))))
    assert (whole != np.concatenate(list(draws(30, 20, 1, "b")))).any()
    monkeypatch.setattr("ikura.metric.resampling.BLOCK_NUMBERS", 90)
    blocks = list(draws(30, 20, 1, "a"))
    assert [len(block) for block in blocks] == [3] * 6 + [2]
    np.testing.assert_array_equal(whole, np.concatenate(blocks))
