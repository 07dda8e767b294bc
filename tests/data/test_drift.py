from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ikura.data import Split, describe_columns, find_drift, split
from ikura.data.drift import _holm, chi_squared, kolmogorov_smirnov


def table(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": random.normal(size=rows),
            "gap": np.where(random.random(rows) < 0.3, np.nan, random.normal(size=rows)),
            "colour": random.choice(["red", "green", "blue", None], rows),
            "street": random.choice([f"street {number}" for number in range(40)], rows),
            "smoker": random.random(rows) < 0.2,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 500, rows), unit="D"),
        }
    )


@pytest.mark.parametrize("shift", [0.0, 0.3, 5.0])
def test_kolmogorov_smirnov_equals_scipy(shift: float) -> None:
    random = np.random.default_rng(0)
    first = random.integers(0, 30, 400).astype(float)
    second = np.append(random.integers(0, 30, 150) + shift, -np.inf)
    statistic, p_value = kolmogorov_smirnov(first, second)
    assert statistic == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-12)
    limit = stats.kstwobign.sf(statistic * np.sqrt(400 * 151 / 551))
    assert p_value == pytest.approx(limit, rel=1e-9, abs=1e-300)


def test_chi_squared_equals_scipy() -> None:
    counts = np.array([[40, 12, 9, 70], [30, 25, 9, 50]])
    expected = stats.chi2_contingency(counts, correction=False)
    assert chi_squared(counts) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


def test_silent_on_shuffled_data() -> None:
    # Holm's correction keeps the chance of a false alarm below 1 % a table: of 20 tables, 3 or more with one
    # have a chance below 0.0011.
    alarms = 0
    for seed in range(20):
        frame = table(1500, seed)
        alarms += bool(find_drift(frame, describe_columns(frame), split(1500, seed=seed)))
    assert alarms <= 2


@pytest.mark.parametrize("column", ["size", "gap", "colour", "street", "smoker", "day"])
def test_finds_the_shifted_column(column: str) -> None:
    frame = table(1500, 3)
    parts = split(1500, seed=3)
    rows = frame.index[parts.test]
    if column == "size":
        frame.loc[rows, column] += 1.0
    elif column == "gap":
        frame.loc[rows, column] = np.where(np.arange(len(rows)) % 4 == 0, 0.1, np.nan)
    elif column == "colour":
        frame.loc[rows[::2], column] = "red"
    elif column == "street":
        frame.loc[rows[::2], column] = "street 7"
    elif column == "smoker":
        frame.loc[rows, column] = np.arange(len(rows)) % 2 == 0
    else:
        frame.loc[rows, column] += pd.Timedelta(days=200)
    found = find_drift(frame, describe_columns(frame), parts)
    assert [(one.column, one.part) for one in found] == [(column, "test")]
    assert 0 <= found[0].p_value < 0.01
    assert found[0].test == ("chi-squared" if column in ("colour", "street") else "Kolmogorov-Smirnov")


def test_large_parts_are_sampled_and_still_found() -> None:
    values = np.random.default_rng(0).normal(size=60_000)
    values[40_000:] += 0.5
    parts = Split(np.arange(20_000), np.arange(20_000, 40_000), np.arange(40_000, 60_000))
    frame = pd.DataFrame({"v": values})
    assert [one.part for one in find_drift(frame, describe_columns(frame), parts)] == ["test"]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm(p_values: list[float]) -> None:
    corrected = _holm(p_values)
    m = len(p_values)
    # The definition, one at a time: the largest over all not larger p-values of (how many are not smaller) · p.
    order = sorted(range(m), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        expected = min(max((m - earlier) * p_values[order[earlier]] for earlier in range(rank + 1)), 1.0)
        assert corrected[place] == expected
    if m:
        # Controlling the chance of any false alarm is never more lenient than controlling their rate; relative
        # slack of a few roundings in double precision.
        assert np.all(np.array(corrected) >= stats.false_discovery_control(p_values) * (1 - 1e-12))
