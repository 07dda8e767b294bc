from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.data import Split, held_out_fraction, prepare, split
from ikura.data.options import DataOptions
from ikura.data.split import split_given
from ikura.errors import DataError


def check_partition(parts: Split, rows: int) -> None:
    together = np.concatenate([parts.train, parts.dev, parts.test])
    assert np.array_equal(np.sort(together), np.arange(rows))
    assert all(len(part) and np.all(np.diff(part) > 0) for part in (parts.train, parts.dev, parts.test))


@pytest.mark.parametrize(
    ("rows", "held"),
    # At 10⁵, half-way between 10⁴ and 10⁶ in the logarithm: √(0.2 · 0.01) · 10⁵ = 4472.1.
    [(100, 20), (10_000, 2_000), (100_000, 4_472), (1_000_000, 10_000), (2_000_000, 20_000)],
)
def test_sizes(rows: int, held: int) -> None:
    parts = split(rows)
    check_partition(parts, rows)
    assert (len(parts.train), len(parts.dev), len(parts.test)) == (rows - 2 * held, held, held)


@given(st.integers(1, 10**7))
def test_held_out_rows_never_fall(rows: int) -> None:
    assert 0.01 <= held_out_fraction(rows) <= 0.2
    # Relative slack of a few roundings in double precision.
    assert (rows + 1) * held_out_fraction(rows + 1) >= rows * held_out_fraction(rows) * (1 - 1e-14)


@given(st.lists(st.integers(2, 40), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_every_class_has_its_share(counts: list[int], seed: int) -> None:
    counts[0] += 10
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = split(classes.size, classes=classes, seed=seed)
    check_partition(parts, classes.size)
    held = round(classes.size * 0.2)
    assert len(parts.dev) == len(parts.test) == held
    quota = np.array(counts) * held / classes.size
    for part in (parts.dev, parts.test):
        got = np.bincount(classes[part], minlength=len(counts))
        if min(counts) >= 10:
            # Largest remainders: the whole part of the quota, or one more.
            assert np.all(np.abs(got - quota) < 1)
    assert np.all(np.bincount(classes[parts.train], minlength=len(counts)) >= 1)


def test_seed_keys_the_split() -> None:
    first, again, other = split(200, seed=3), split(200, seed=3), split(200, seed=4)
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


@given(st.lists(st.integers(1, 30), min_size=3, max_size=60), st.integers(0, 2**32 - 1))
def test_no_group_is_in_two_parts(sizes: list[int], seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    parts = split(groups.size, group=pd.Series(groups), seed=seed)
    check_partition(parts, groups.size)
    held = [set(groups[part]) for part in (parts.train, parts.dev, parts.test)]
    assert sum(map(len, held)) == len(sizes)


def test_groups_give_sizes_near_those_wished_and_every_class_to_training() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 200, 4000)
    classes = (groups % 10 == 0).astype(np.int64)
    parts = split(4000, group=pd.Series(groups), classes=classes)
    # A part ends at the border of a group nearest to 800 rows, so it is off by half the largest group at most,
    # and the dev set inherits the test set's border.
    largest = np.bincount(groups).max()
    assert abs(len(parts.test) - 800) <= largest / 2
    assert abs(len(parts.dev) - 800) <= largest
    assert set(classes[parts.train]) == {0, 1}


def test_oldest_rows_train_and_newest_test() -> None:
    days = np.random.default_rng(0).permutation(100)
    for time in (pd.Series(days), pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"))):
        parts = split(100, time=time, seed=9)
        assert sorted(days[parts.train]) == list(range(60))
        assert sorted(days[parts.dev]) == list(range(60, 80))
        assert sorted(days[parts.test]) == list(range(80, 100))


@pytest.mark.parametrize("by", ["class", "group", "time"])
def test_without_a_test_set_its_rows_are_the_dev_set(by: str) -> None:
    given = {
        "class": {"classes": np.arange(100) % 3},
        "group": {"group": pd.Series(np.arange(100) // 5)},
        "time": {"time": pd.Series(np.arange(100)[::-1])},
    }[by]
    three, two = split(100, **given, seed=1), split(100, **given, seed=1, test=False)  # type: ignore[arg-type]
    assert two.test.size == 0
    np.testing.assert_array_equal(two.dev, three.test)
    np.testing.assert_array_equal(two.train, np.sort(np.concatenate([three.train, three.dev])))


def test_a_test_set_that_is_given_and_not_wanted_is_refused() -> None:
    parts = np.array([0] * 8 + [2] * 2, np.int8)
    assert split_given(parts[:8], test=False).test.size == 0
    with pytest.raises(DataError, match="come with a test set, and test_set=False"):
        split_given(parts, test=False)
    with pytest.raises(DataError, match="a test set is given, and test_set=False"):
        prepare("iris", DataOptions(test="iris", test_set=False))


def test_rows_of_one_moment_stay_together() -> None:
    years = np.repeat([2001, 2002, 2003, 2004, 2005], [30, 28, 5, 18, 19])
    parts = split(100, time=pd.Series(years))
    assert [set(years[part]) for part in (parts.train, parts.dev, parts.test)] == [{2001, 2002}, {2003, 2004}, {2005}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"group": pd.Series([1, 2] * 10, name="g")}, "column 'g' has 2 groups; at least 3"),
        ({"time": pd.Series([1, 2] * 10, name="when")}, "column 'when' has 2 times; at least 3"),
        ({"group": pd.Series([1, None] * 10, name="g")}, "row 2, column 'g': the group is missing .10 rows"),
        ({"time": pd.Series([None, "2024-01-01"] * 10, name="when")}, "row 1, column 'when': the time is missing"),
        ({"time": pd.Series(["soon", "later"] * 10, name="when")}, "row 1, column 'when': 'soon' is not a date"),
        ({"time": pd.Series(range(20)), "group": pd.Series(range(20))}, "by group or by time, not by both"),
    ],
)
def test_wrong_columns(arguments: dict[str, pd.Series], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(20, **arguments)  # type: ignore[arg-type]
