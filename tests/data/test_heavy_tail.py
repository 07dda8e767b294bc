"""Targets of which a few rows make most of the variance are named."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ikura.data import prepare
from ikura.data.heavy_tail import tail_note
from ikura.data.options import DataOptions


def share_of_normal(few: float) -> float:
    """What the farthest rows make of normal values: 2 (z φ(z) + few / 2) with z their quantile."""
    z = norm.isf(few / 2)
    return float(2 * z * norm.pdf(z) + few)


def test_normal_and_mildly_skewed_targets_are_not_named() -> None:
    assert share_of_normal(0.01) == pytest.approx(0.084, abs=0.001)
    for seed in range(200):
        random = np.random.default_rng(seed)
        assert tail_note(random.normal(size=200), "y") is None
        assert tail_note(random.uniform(size=200), "y") is None
        assert tail_note(random.gamma(2, size=1000), "y") is None


def test_log_normal_targets_are_named() -> None:
    named = [tail_note(np.exp(np.random.default_rng(seed).normal(size=1000)), "price") for seed in range(50)]
    # The farthest 1 % make half of the variance; less than a third in few draws.
    assert sum(one is not None and "--metric mae" in one for one in named) >= 45


def test_what_is_absent_or_all_the_same_says_nothing() -> None:
    assert tail_note(np.r_[np.full(99, 1.0), 50.0][:99], "y") is None
    assert tail_note(np.ones(500), "y") is None
    assert tail_note(np.r_[np.zeros(499), math.nan, 7.0], "y") is not None


def test_tune_is_told() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=500)})
    notes = prepare(frame.assign(y=np.exp(2 * frame.a)), DataOptions("y")).summary.notes
    assert any("of the variance of the target 'y'" in one for one in notes)
    assert not any("variance" in one for one in prepare(frame.assign(y=frame.a * 2), DataOptions("y")).summary.notes)
