"""Prediction intervals: exact coverage, classes of alike predictions, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.metric.conformal import HeldOutErrors, fit_held_out_errors


def skewed(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of a poor model, and values with skewed noise that grows with them."""
    x = random.uniform(1, 10, rows)
    return x + np.sin(3 * x), x * np.exp(0.4 * random.standard_normal(rows))


@pytest.mark.parametrize(("level", "rows"), [(0.9, 19), (0.9, 60), (0.8, 150), (0.95, 500)])
def test_new_rows_lie_within_as_often_as_theory_says(level: float, rows: int) -> None:
    """With k = ⌊(n + 1) α / 2⌋ of each class the probability is 1 - 2 k / (n + 1), at least the level.

    Each of 2,000 repetitions tries one fresh row, so that they are independent: the standard error of the share is at
    most √(0.2 · 0.8 / 2000) = 0.9 %; four of them fail in one of 15,000 tries.
    """
    random = np.random.default_rng(rows)
    held, expected = 0, []
    for _ in range(2000):
        found = fit_held_out_errors(*skewed(random, rows))
        predicted, truth = skewed(random, 1)
        low, high = found.ends(predicted, level)
        held += bool(low[0] <= truth[0] <= high[0])
        n = [len(one) for one in found.errors]
        expected.append(np.mean([1 - 2 * math.floor((k + 1) * (1 - level) / 2 + 1e-9) / (k + 1) for k in n]))
    tolerance = 4 * math.sqrt(level * (1 - level) / 2000)
    assert held / 2000 == pytest.approx(np.mean(expected), abs=tolerance)
    assert np.mean(expected) >= level - 1e-9


def test_rows_of_alike_predictions_have_a_width_of_their_own() -> None:
    random = np.random.default_rng(0)
    found = fit_held_out_errors(*skewed(random, 3000))
    assert len(found.errors) == 10
    assert {len(one) for one in found.errors} == {300}
    predicted, truth = skewed(random, 20_000)
    low, high = found.ends(predicted, 0.9)
    held = (low <= truth) & (truth <= high)
    order = np.argsort(predicted)
    assert np.mean((high - low)[order[-5000:]]) > 3 * np.mean((high - low)[order[:5000]])
    # Of 5,000 rows whose intervals rest on 600 errors or more: four standard errors of either are 6 %.
    for part in np.array_split(order, 4):
        assert held[part].mean() == pytest.approx(0.9, abs=0.06)
    # Noise is skewed: what lies above the middle is longer than what lies below.
    assert np.mean(high - predicted) > np.mean(predicted - low)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_the_form_is_read_again(rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    found = fit_held_out_errors(random.normal(size=rows).round(1), random.normal(size=rows), 1.1)
    assert HeldOutErrors.of(found.form) == found
    assert found.rows == rows


def test_errors_that_took_part_in_the_choice_are_made_larger() -> None:
    predicted, truth = skewed(np.random.default_rng(1), 50)
    plain, larger = (fit_held_out_errors(predicted, truth, factor) for factor in (1.0, 1.5))
    np.testing.assert_allclose(larger.errors[0], 1.5 * np.array(plain.errors[0]), rtol=1e-12)


def test_of_many_rows_some_are_kept() -> None:
    random = np.random.default_rng(2)
    y = random.normal(size=30_000)
    found = fit_held_out_errors(np.zeros(30_000), y)
    assert found.rows == 20_000
    assert len(found.errors) == 1
    assert found == fit_held_out_errors(np.zeros(30_000), y)


def test_what_too_few_rows_cannot_say_is_refused() -> None:
    few = fit_held_out_errors(np.zeros(18), np.arange(18.0))
    with pytest.raises(UsageError, match=r"0\.9 needs 19 rows .* there were 18; write a level of at most 0\.89"):
        few.ends(np.zeros(1), 0.9)
    for level in (0.0, 1.0, 90.0, math.nan):
        with pytest.raises(UsageError, match="a share between 0 and 1"):
            few.ends(np.zeros(1), level)
    with pytest.raises(ValueError, match="do not ascend"):
        HeldOutErrors.of({"edges": [1.0], "errors": [[0.0]]})


def test_a_class_too_small_for_a_level_takes_all_rows() -> None:
    random = np.random.default_rng(3)
    predicted, truth = skewed(random, 1000)
    found = fit_held_out_errors(predicted, truth)
    low, high = found.ends(np.array([2.0, 9.0]), 0.995)
    assert high[0] - low[0] == pytest.approx(high[1] - low[1])


def test_nan_stays() -> None:
    low, high = fit_held_out_errors(np.zeros(30), np.arange(30.0)).ends(np.array([np.nan]), 0.9)
    assert math.isnan(low[0])
    assert math.isnan(high[0])
