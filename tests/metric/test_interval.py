"""Confidence intervals: closed forms, scipy's bootstrap, coverage."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest
import torch
from scipy import stats

from ikura.errors import UsageError
from ikura.metric import METRICS, interval

torch.set_num_threads(1)

ACCURACY, MAE, AUC = METRICS["accuracy"], METRICS["mae"], METRICS["roc_auc"]


def answers(right: int, n: int) -> torch.Tensor:
    return torch.tensor([0.9] * right + [0.1] * (n - right))


@pytest.mark.parametrize("right", [0, 1, 20, 31, 39, 40])
def test_wilson_equals_scipy(right: int) -> None:
    expected = stats.binomtest(right, 40).proportion_ci(0.95, method="wilson")
    found = interval(ACCURACY, [answers(right, 40)], torch.ones(40))
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_covers() -> None:
    n, truth = 50, 0.9
    covered = 0.0
    for right in range(n + 1):
        low, high = interval(ACCURACY, [answers(right, n)], torch.ones(n))
        covered += stats.binom.pmf(right, n, truth) * (low <= truth <= high)
    # the exact coverage of Wilson's interval swings about its level by a few per cent (Brown, Cai, DasGupta 2001)
    assert 0.92 < covered < 0.99


def test_replicates_that_agree_are_one_prediction() -> None:
    target = torch.ones(30)
    one = interval(ACCURACY, [answers(30, 30)], target)
    assert interval(ACCURACY, [answers(30, 30)] * 3, target) == one
    assert one[0] < 0.9 < one[1] == pytest.approx(1.0)


def test_equals_scipy_bootstrap() -> None:
    rng = np.random.default_rng(0)
    error = rng.exponential(1.0, 80)
    found = interval(MAE, [torch.from_numpy(error)], torch.zeros(80), level=0.9, resamples=4000)
    expected = stats.bootstrap(
        (error,), np.mean, confidence_level=0.9, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    # A 5 % quantile of 4000 draws has standard deviation sqrt(0.05 * 0.95 / 4000) / phi(1.645) = 0.033 sigma; the
    # difference of two has 0.047 sigma; five of those, so that one seed in a million would fail.
    sigma = error.std() / math.sqrt(80)
    assert found == pytest.approx(tuple(expected), abs=5 * 0.047 * sigma)


def test_two_levels_have_the_closed_form_width() -> None:
    # |prediction - target| = shift[r] + noise[i], all positive: both levels' bootstrap variances add up.
    rng = np.random.default_rng(3)
    shift, noise = rng.normal(20, 1, 12), rng.normal(0, 2, 60)
    predictions = [torch.from_numpy(one + noise) for one in shift]
    low, high = interval(MAE, predictions, torch.zeros(60), resamples=4000)
    sigma = math.sqrt(shift.var() / 12 + noise.var() / 60)
    # A 2.5 % quantile of 4000 draws has standard deviation 0.042 sigma; five of those, and 0.05 sigma for the
    # difference between the means' distribution (12 and 60 draws) and a normal one.
    centre = shift.mean() + noise.mean()
    assert (low, high) == pytest.approx((centre - 1.96 * sigma, centre + 1.96 * sigma), abs=0.26 * sigma)


def test_bootstrap_covers() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        errors = rng.normal(0, 1, 60)
        low, high = interval(MAE, [torch.from_numpy(errors)], torch.zeros(60), level=0.9, resamples=200)
        hits += low <= math.sqrt(2 / math.pi) <= high
    # For 60 examples the percentile interval covers 88 to 90 %; the standard deviation of 300 trials is 1.8 %, so
    # that 80 to 96 % holds four of them on either side.
    assert 0.80 < hits / 300 < 0.96


def test_same_seed_same_interval_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = [torch.rand(20, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    target = torch.tensor([0.0, 1.0] * 10)
    whole = interval(AUC, predictions, target, resamples=50)
    monkeypatch.setattr(import_module("ikura.metric.interval"), "CHUNK_NUMBERS", 60)
    assert interval(AUC, predictions, target, resamples=50) == whole
    assert interval(AUC, predictions, target, resamples=50, seed=1) != whole


def test_resamples_without_a_class_are_left_out() -> None:
    target = torch.tensor([1.0] + [0.0] * 9)  # about a third of the resamples lack the only positive
    low, high = interval(AUC, [torch.linspace(0.6, 0.1, 10)], target)
    assert (low, high) == (1.0, 1.0)
    assert all(math.isnan(end) for end in interval(AUC, [torch.rand(5)], torch.zeros(5)))


def test_nan_predictions() -> None:
    bad = torch.tensor([0.5, math.nan])
    for name in ("accuracy", "log_loss"):
        assert all(math.isnan(end) for end in interval(METRICS[name], [bad], torch.ones(2)))


def test_multiclass_replicates_enclose_their_mean() -> None:
    generator = torch.Generator().manual_seed(5)
    predictions = [torch.rand(50, 3, generator=generator).softmax(dim=1) for _ in range(4)]
    target = torch.randint(0, 3, (50,), generator=generator)
    for one in map(METRICS.__getitem__, METRICS.built_in):
        if "multiclass" in one.tasks:
            low, high = interval(one, predictions, target, resamples=200)
            mean = sum(one(prediction, target).item() for prediction in predictions) / 4
            assert low < mean < high


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"level": 1.0}, "0 < level < 1"),
        ({"resamples": 0}, "resamples must be at least 1"),
        ({"predictions": []}, "got none"),
        ({"target": torch.ones(0)}, "target is empty"),
        ({"predictions": [torch.ones(3), torch.ones(4)]}, "prediction 1 has 4 examples, but the target 3"),
    ],
)
def test_mistakes(arguments: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"predictions": [torch.ones(3)], "target": torch.ones(3)} | arguments
    with pytest.raises(UsageError, match=words):
        interval(ACCURACY, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["r2", "rmse", "mae"])
def test_of_several_targets_as_of_the_rows_drawn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    target = random.normal(size=(60, 3)) * [1.0, 50.0, 0.1]
    predictions = [target + random.normal(size=(60, 3)) * [0.3, 30.0, 0.05] for _ in range(2)]
    found = interval(METRICS[name], predictions, target, resamples=300)
    monkeypatch.setattr(import_module("ikura.metric.interval"), "of_sums", lambda *_: False)
    assert found == pytest.approx(interval(METRICS[name], predictions, target, resamples=300), rel=1e-9)
