"""Thresholds and costs against scikit-learn and the decision that theory asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from ikura.errors import UsageError
from ikura.metric import METRICS
from ikura.metric.decisions import _scores, answers_at, cheapest, cost_matrix, fit_threshold

F1 = METRICS["f1"].for_task("binary")


def drawn(n: int, rare: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities of a rare class, and classes drawn from them."""
    random = np.random.default_rng(seed)
    shares = 1 / (1 + np.exp(-random.normal(np.log(rare / (1 - rare)), 1.5, n)))
    return shares, (random.random(n) < shares).astype(np.int64)


def test_it_is_better_for_f1_on_rows_that_did_not_choose_it() -> None:
    shares, target = drawn(3000, 0.03)
    found = fit_threshold(shares, target, F1)
    assert found is not None
    assert found.matters
    fresh, truth = drawn(20_000, 0.03, seed=1)
    ours = f1_score(truth, answers_at(fresh, found.value))
    assert ours > f1_score(truth, answers_at(fresh, 0.5))
    best = max(f1_score(truth, answers_at(fresh, one)) for one in np.linspace(0.02, 0.6, 59))
    # The best threshold of fresh rows is no more than a few points better.
    assert ours > best - 0.03
    assert found.gain == pytest.approx(ours - f1_score(truth, answers_at(fresh, 0.5)), abs=0.06)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1", "mcc"])
def test_scores_of_all_thresholds_are_the_metric(name: str) -> None:
    shares, target = drawn(200, 0.3)
    order = np.argsort(shares)
    below = np.array([0, 50, 120, 199])
    ours = _scores(name, target[order].astype(float), np.ones(200), below)
    metric, truth = METRICS[name].for_task("binary"), torch.from_numpy(target[order]).double()
    for count, score in zip(below, ours, strict=True):
        told = torch.from_numpy((np.arange(200) >= count).astype(float))
        assert score == pytest.approx(float(metric(told, truth)), abs=1e-12)


def test_of_accuracy_one_half_stays_but_for_chance() -> None:
    accuracy = METRICS["accuracy"].for_task("binary")
    changed = 0
    for seed in range(20):
        found = fit_threshold(*drawn(200, 0.5, seed), accuracy)
        assert found is not None
        changed += found.matters
    # 5 % of 20: above 5 in less than 1 of 1,000 tries.
    assert changed <= 5


def test_ranks_have_no_threshold() -> None:
    assert fit_threshold(*drawn(100, 0.3), METRICS["roc_auc"].for_task("binary")) is None
    assert fit_threshold(np.array([0.1, 0.2]), np.array([1, 1]), F1) is None


def test_costs_move_the_decision_as_theory_says() -> None:
    shares = np.linspace(0.001, 0.999, 999)
    costs = cost_matrix({("ill", "well"): 19.0}, ["well", "ill"])
    told = cheapest(np.stack([1 - shares, shares], 1), costs)
    # Who misses an ill one pays 19 times a false alarm: the alarm is right from 1 / 20 on.
    assert shares[told == 1].min() == pytest.approx(0.05, abs=0.0011)
    equal = cheapest(np.stack([1 - shares, shares], 1), cost_matrix({}, ["well", "ill"]))
    np.testing.assert_array_equal(equal, (shares > 0.5).astype(int))


def test_costs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="no class 'il', did you mean 'ill'"):
        cost_matrix({("il", "well"): 2.0}, ["well", "ill"])
    with pytest.raises(UsageError, match="at least 0, but got -1"):
        cost_matrix({("ill", "well"): -1}, ["well", "ill"])
