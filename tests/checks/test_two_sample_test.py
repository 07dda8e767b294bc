"""The two-sample test and the test of learnability keep their levels when there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from ikura.checks import forest
from ikura.checks.forest import forest_scores, rank_test


def test_the_two_sample_test_keeps_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among 40 samples without a difference, p < 0.05 as often as it may (binomial, one-sided, at 1e-4).

    Forests of few trees make the test quick; the level does not depend on their number.
    """
    monkeypatch.setattr(forest, "TREES", 30)
    hits = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        x = random.normal(size=(120, 5))
        second = np.arange(120) >= 90
        scores, _ = forest_scores(x, second, False, seed, leaf=5)
        hits += rank_test(scores[:, 1], second)[1] < 0.05
    assert binomtest(hits, 40, 0.05, alternative="greater").pvalue > 1e-4


def test_the_two_sample_test_finds_a_shift_of_one_column() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5))
    second = np.arange(200) >= 150
    x[second, 2] += 1.5
    scores, importance = forest_scores(x, second, False, 0, leaf=5)
    area, p_value = rank_test(scores[:, 1], second)
    assert area > 0.7
    assert p_value < 1e-4
    assert importance.argmax() == 2


def test_the_area_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(1)
    scores, second = random.integers(0, 9, 80) / 9, random.random(80) < 0.3
    # Both are the same fraction of pairs, up to rounding in the last place.
    assert abs(rank_test(scores, second)[0] - roc_auc_score(second, scores)) < 1e-12
