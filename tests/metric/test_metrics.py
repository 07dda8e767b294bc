"""Every metric against scikit-learn, alone and batched over members."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import Tensor

from ikura.errors import UsageError
from ikura.metric import METRICS, Metric, each_member, own_metric

torch.set_num_threads(1)

# Both sides add at most 200 numbers of size about 1 in float64: 200 * 2**-53 < 1e-13.
ABS = 1e-12


def reference(metric: Metric, task: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """The same number by scikit-learn, from (prediction, target)."""
    if task == "multilabel" and not metric.name.startswith("label_"):
        of_one = reference(metric, "binary")
        return lambda p, y: float(np.mean([of_one(p[:, k], y[:, k]) for k in range(y.shape[1])]))

    def labels(prediction: np.ndarray) -> np.ndarray:
        return (prediction > 0.5).astype(int) if prediction.ndim == 1 else prediction.argmax(axis=1)

    def log_loss(p: np.ndarray, y: np.ndarray) -> float:
        classes = 2 if p.ndim == 1 else p.shape[1]
        return float(sk.log_loss(y.astype(int), p, labels=list(range(classes))))

    def label_f1(p: np.ndarray, y: np.ndarray) -> float:
        some = [k for k in range(y.shape[1]) if (y[:, k] > 0).any() or (p[:, k] > 0.5).any()]
        return float(np.mean([sk.f1_score(y[:, k], p[:, k] > 0.5) for k in some])) if some else math.nan

    def roc_auc(p: np.ndarray, y: np.ndarray) -> float:
        if p.ndim == 1:
            return float(sk.roc_auc_score(y, p))
        each = [sk.roc_auc_score(y == c, p[:, c]) for c in range(p.shape[1]) if 0 < (y == c).sum() < len(y)]
        return float(np.mean(each))

    def one_against_rest(score: Callable[..., float], p: np.ndarray, y: np.ndarray) -> float:
        each = [score(y == c, p[:, c]) for c in range(p.shape[1]) if (y == c).any()]
        return float(np.mean(each))

    def average_precision(p: np.ndarray, y: np.ndarray) -> float:
        if p.ndim == 1:
            return float(sk.average_precision_score(y, p))
        return one_against_rest(sk.average_precision_score, p, y)

    def brier(p: np.ndarray, y: np.ndarray) -> float:
        return float(sk.brier_score_loss(y.astype(int), p, labels=list(range(2 if p.ndim == 1 else p.shape[1]))))

    return {
        "average_precision": average_precision,
        "brier": brier,
        "mcc": lambda p, y: sk.matthews_corrcoef(y.astype(int), labels(p)),
        "quantile": lambda p, y: sk.mean_pinball_loss(y, p, alpha=0.5),
        "quantile:0.9": lambda p, y: sk.mean_pinball_loss(y, p, alpha=0.9),
        "accuracy": lambda p, y: sk.accuracy_score(y, labels(p)),
        "balanced_accuracy": lambda p, y: sk.balanced_accuracy_score(y, labels(p)),
        "log_loss": log_loss,
        "f1": lambda p, y: sk.f1_score(
            y.astype(int), labels(p), average="binary" if task == "binary" else "macro", zero_division=0
        ),
        "roc_auc": roc_auc,
        "r2": lambda p, y: sk.r2_score(y, p),
        "rmse": lambda p, y: sk.root_mean_squared_error(y, p),
        "mae": lambda p, y: sk.mean_absolute_error(y, p),
        "label_accuracy": lambda p, y: 1 - sk.hamming_loss(y, p > 0.5),
        "label_f1": lambda p, y: label_f1(p, y),
    }[metric.name]


def example(task: str, rng: np.random.Generator, n: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Predictions with many ties, and a target that has at least two classes."""
    if task == "regression":
        target = rng.normal(3.0, 2.0, n)
        return target + rng.normal(0, 1, n), target
    if task == "binary":
        target = rng.integers(0, 2, n).astype(float)
        target[:2] = 0, 1
        return rng.integers(0, 11, n) / 10, target
    if task == "multilabel":
        held = rng.integers(0, 2, (n, classes))
        held[:2] = [[0], [1]]
        return rng.integers(0, 11, (n, classes)) / 10, held
    raw = rng.integers(1, 6, (n, classes)).astype(float)
    labels = rng.integers(0, classes, n)
    labels[:2] = 0, 1
    return raw / raw.sum(axis=1, keepdims=True), labels


BUILT_IN = {name: METRICS[name] for name in (*METRICS.built_in, "quantile:0.9")}
CASES = [(name, task) for name, one in BUILT_IN.items() for task in sorted(one.tasks)]


@pytest.mark.parametrize(("name", "task"), CASES)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 200))
def test_equals_scikit_learn(name: str, task: str, seed: int, n: int) -> None:
    prediction, target = example(task, np.random.default_rng(seed), n)
    with warnings.catch_warnings():
        # scikit-learn warns where a class of the predictions is missing from the target
        warnings.simplefilter("ignore")
        expected = reference(METRICS[name], task)(prediction, target)
    value = METRICS[name](torch.from_numpy(prediction), torch.from_numpy(target))
    assert value.shape == ()
    assert value.dtype == torch.float64
    # relative for r2, whose residual over a small variance may be large
    assert value.item() == pytest.approx(expected, abs=ABS, rel=ABS, nan_ok=True)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_population_equals_members(name: str, task: str) -> None:
    rng = np.random.default_rng(1)
    _, target = example(task, rng, 30)
    members = torch.stack([torch.from_numpy(example(task, rng, 30)[0]) for _ in range(5)])
    truth = torch.from_numpy(target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = each_member(METRICS[name], members, truth)
    alone = torch.stack([METRICS[name](member, truth) for member in members])
    np.testing.assert_allclose(together, alone.numpy(), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_nan_gives_nan_to_that_member_only(name: str, task: str) -> None:
    prediction, target = (torch.from_numpy(array) for array in example(task, np.random.default_rng(2), 20))
    members = torch.stack([prediction, prediction])
    members[0, 3] = torch.nan
    values = each_member(METRICS[name], members, target)
    assert math.isnan(values[0].item())
    assert math.isfinite(values[1].item())


@pytest.mark.parametrize(("name", "task"), CASES)
def test_order_of_examples_does_not_matter(name: str, task: str) -> None:
    prediction, target = (torch.from_numpy(array) for array in example(task, np.random.default_rng(3), 50))
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    once = METRICS[name](prediction, target).item()
    again = METRICS[name](prediction[order], target[order]).item()
    assert again == pytest.approx(once, abs=ABS)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_perfect_predictions_are_best(task: str) -> None:
    target = torch.tensor([0.0, 1, 1, 0, 1]) if task != "multiclass" else torch.tensor([0, 1, 2, 0, 1])
    prediction = torch.eye(3)[target] if task == "multiclass" else target
    for one in BUILT_IN.values():
        if task in one.tasks:
            # log_loss keeps probabilities one float32 spacing, 1.2e-7, away from 1
            assert one(prediction, target).item() == pytest.approx(1.0 if one.greater_is_better else 0.0, abs=2e-7)


def values(name: str, prediction: Tensor, target: Tensor) -> float:
    return METRICS[name](prediction, target).item()


def test_absent_classes_are_left_out() -> None:
    prediction = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    target = torch.tensor([0, 1, 1])
    assert values("balanced_accuracy", prediction, target) == pytest.approx(0.75)
    assert values("f1", prediction, target) == pytest.approx(2 / 3)
    assert values("roc_auc", prediction, target) == 1.0


def test_undefined() -> None:
    assert math.isnan(values("roc_auc", torch.tensor([0.2, 0.7]), torch.tensor([1.0, 1.0])))
    assert values("f1", torch.tensor([0.2, 0.3]), torch.tensor([0.0, 0.0])) == 0.0
    assert values("r2", torch.tensor([2.0, 2.0]), torch.tensor([2.0, 2.0])) == 1.0
    assert values("r2", torch.tensor([2.0, 3.0]), torch.tensor([2.0, 2.0])) == 0.0
    assert math.isnan(values("r2", torch.tensor([2.0]), torch.tensor([2.0])))


def test_a_quantile_is_a_share() -> None:
    for text in ("quantile:1", "quantile:-0.1", "quantile:much", "quantile:nan"):
        with pytest.raises(UsageError, match=f"'{text}' takes a number between 0 and 1, as in quantile:0.9"):
            METRICS[text]


def test_log_loss_is_finite_when_certain_and_wrong() -> None:
    # -log of float32's spacing 2**-23
    expected = 23 * math.log(2)
    assert values("log_loss", torch.tensor([0.0]), torch.tensor([1.0])) == pytest.approx(expected, rel=1e-12)
    certain = torch.tensor([[1.0, 0.0]])
    assert values("log_loss", certain, torch.tensor([1])) == pytest.approx(expected, rel=1e-12)


def test_of_several_targets_the_mean_is_given() -> None:
    rng = np.random.default_rng(3)
    target = rng.normal(3.0, [1.0, 5.0, 0.1], (40, 3))
    prediction = target + rng.normal(0, 0.3, (40, 3))
    both = torch.from_numpy(prediction), torch.from_numpy(target)
    assert METRICS["r2"](*both).item() == pytest.approx(sk.r2_score(target, prediction), rel=1e-12)
    assert METRICS["mae"](*both).item() == pytest.approx(sk.mean_absolute_error(target, prediction), rel=1e-12)
    rmse = sk.root_mean_squared_error(target, prediction)
    assert METRICS["rmse"](*both).item() == pytest.approx(rmse, rel=1e-12)


def test_targets_that_do_not_vary_are_left_out_of_the_mean_r2() -> None:
    target = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    prediction = target + np.array([[0.5, 0.1], [0.0, 0.0], [-0.5, 0.0]])
    assert METRICS["r2"](prediction, target) == pytest.approx(sk.r2_score(target[:, 0], prediction[:, 0]), rel=1e-12)
    assert METRICS["r2"](prediction[:, [1, 1]], target[:, [1, 1]]) == 0
    assert METRICS["r2"](target[:, [1, 1]], target[:, [1, 1]]) == 1


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_labels_of_which_a_metric_says_nothing_are_left_out_of_the_mean(name: str) -> None:
    target = np.array([[0, 0], [1, 0], [1, 0], [0, 0]])
    prediction = np.array([[0.1, 0.3], [0.2, 0.9], [0.7, 0.2], [0.6, 0.5]])
    assert METRICS[name](prediction, target) == METRICS[name](prediction[:, 0], target[:, 0])
    assert np.isnan(METRICS[name](prediction[:, [1, 1]], target[:, [1, 1]]))
    prediction[0, 1] = np.nan
    assert np.isnan(METRICS[name](prediction, target))


def test_values_of_more_dimensions_are_measured_together() -> None:
    rng = np.random.default_rng(3)
    target = rng.normal(3.0, [[1.0, 5.0, 0.1]], (40, 2, 3))
    prediction = target + rng.normal(0, 0.3, (40, 2, 3))
    flat = target.reshape(40, 6), prediction.reshape(40, 6)
    weighted = sk.r2_score(*flat, multioutput="variance_weighted")
    assert METRICS["r2"](prediction, target) == pytest.approx(weighted, rel=1e-12)
    assert METRICS["rmse"](prediction, target) == pytest.approx(math.sqrt(sk.mean_squared_error(*flat)), rel=1e-12)


def test_classes_of_many_positions_are_counted_one_by_one() -> None:
    rng = np.random.default_rng(4)
    prediction, target = torch.from_numpy(rng.random((20, 3, 5))), torch.from_numpy(rng.integers(0, 3, (20, 5)))
    share = float((prediction.argmax(1) == target).double().mean())
    assert METRICS["accuracy"](prediction, target).item() == pytest.approx(share)


def test_a_metric_of_ones_own_gives_one_number() -> None:
    errors = own_metric(lambda prediction, target: (prediction - target).abs(), "errors", greater_is_better=False)
    with pytest.raises(UsageError, match=r"'errors' gives values of shape \(3,\).*their mean"):
        errors(torch.zeros(3), torch.ones(3))
    single = own_metric(lambda prediction, target: (prediction - target).abs().mean()[None], "single", False)
    assert float(single(torch.zeros(3), torch.ones(3))) == 1
