"""Verdicts follow from intervals alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ikura.experiments.claim import Claim, mean_interval

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


@given(VALUES)
def test_the_interval_is_students(values: list[float]) -> None:
    mean, low, high = mean_interval(values)
    if np.std(values) < 1e-6:
        return
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    # Both add up the same numbers in another order: a few units in the last of 16 places of numbers of up to 1000.
    assert (low, high) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert low <= mean <= high


def test_one_value_has_no_interval() -> None:
    assert mean_interval([3.0])[0] == 3
    assert Claim.of_mean("", "", [3.0], least=0).verdict == "not decided"
    assert Claim.of_share("", "", 0, 0, least=0).verdict == "not decided"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([1, 1.1, 0.9], "holds"), ([-1, -1.1, -0.9], "does not hold"), ([1, -1, 0.5], "not decided"), ([2, 2], "holds"),
     ([math.nan, 1], "not decided")],
)  # fmt: skip
def test_verdict(values: list[float], verdict: str) -> None:
    claim = Claim.of_mean("it is positive", "mean", values, least=0)
    assert claim.verdict == verdict
    assert claim.to_json()["verdict"] == verdict
    assert claim.to_json()["most"] is None


def test_a_range_holds_only_inside() -> None:
    inside, outside = ([0.1, 0.11, 0.09], [0.5, 0.51, 0.49])
    assert Claim.of_mean("", "", inside, -1, 1).verdict == "holds"
    assert Claim.of_mean("", "", outside, -0.2, 0.2).verdict == "does not hold"


def test_a_share_has_wilsons_interval() -> None:
    claim = Claim.of_share("", "", 8, 10, least=0.3)
    # Wilson's interval of 8 in 10, by hand: (8 + z²/2 ± z √(8·2/10 + z²/4)) / (10 + z²) with z = 1.959964.
    assert (claim.low, claim.high) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert claim.verdict == "holds"
