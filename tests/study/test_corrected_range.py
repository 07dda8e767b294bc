"""No score that was corrected, and no end of its interval, lies beyond what its metric can be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ikura.metric import METRICS, evidence, interval, metric
from ikura.study.selection_bias import corrected

CASES = [(one.name, task) for one in METRICS.values() for task in sorted(one.tasks) if task in ("binary", "regression")]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_of_noise(name: str, task: str) -> None:
    random = np.random.default_rng(0)
    target = (np.arange(60) < 3).astype(float) if task == "binary" else random.normal(size=60)
    made = random.random((30, 60)) if task == "binary" else random.normal(size=(30, 60)) * 0.01
    by = metric(name, task)
    scores = [float(by(one, target)) for one in made]
    assert all(by.least <= one <= by.most for one in scores)
    best = max(scores) if by.greater_is_better else min(scores)
    ends = interval(by, [made[scores.index(best)]], target)
    found = corrected(by, [evidence(by, one, target) for one in made], target, best, ends, resamples=50)
    assert by.least <= found.interval[0] <= found.value <= found.interval[1] <= by.most


def test_the_best_of_many_that_find_nothing_is_not_below_zero() -> None:
    random = np.random.default_rng(1)
    target, by = (np.arange(400) < 5).astype(float), METRICS["average_precision"]
    made = random.random((64, 400))
    scores = [float(by(one, target)) for one in made]
    best = made[int(np.argmax(scores))]
    low, high = interval(by, [best], target)
    found = corrected(by, [evidence(by, one, target) for one in made], target, max(scores), (low, high), resamples=100)
    lost = max(scores) - found.value
    assert low - lost < 0, "the example is one where the interval would go below"
    assert found.interval == (0.0, pytest.approx(high - lost))
    assert math.isfinite(found.value)
