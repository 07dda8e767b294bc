"""Copies of rows stay in one part, and it is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.data import prepare
from ikura.data.duplicate_rows import copied_groups
from ikura.data.options import DataOptions
from ikura.errors import DataError


def noise(rows: int, times: int, seed: int = 0) -> pd.DataFrame:
    """Rows of noise, each so many times, in random order."""
    random = np.random.default_rng(seed)
    once = pd.DataFrame(random.normal(size=(rows, 3)), columns=list("abc")).assign(y=random.integers(0, 2, rows))
    return pd.concat([once] * times).sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_noise_repeated_three_times_is_in_one_part_each(task: str) -> None:
    frame = noise(100, 3)
    dataset = prepare(frame, DataOptions("y", task=task))
    keys = frame.astype(str).agg(" ".join, axis=1).to_numpy()
    parts = [set(keys[rows]) for rows in (dataset.split.train, dataset.split.dev, dataset.split.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert [len(part) * 3 for part in parts] == [len(dataset.train), len(dataset.dev), len(dataset.test)]
    assert any("300 of 300 rows are alike in all columns to another row (100 different rows)" in one
               for one in dataset.summary.notes)  # fmt: skip
    assert dataset.groups is not None
    assert len(np.unique(dataset.groups)) == 100


def test_apart_deals_them_out() -> None:
    dataset = prepare(noise(100, 3), DataOptions("y", copies="apart"))
    assert dataset.groups is None
    assert not any("alike" in one for one in dataset.summary.notes)
    with pytest.raises(DataError, match="copies are 'together' or 'apart', but are 'no'"):
        DataOptions("y", copies="no")


def test_a_few_copies_change_nothing() -> None:
    frame = noise(100, 1)
    frame = pd.concat([frame, frame.head(4)], ignore_index=True)
    together, apart = (prepare(frame, DataOptions("y", copies=one)) for one in ("together", "apart"))
    np.testing.assert_array_equal(together.split.train, apart.split.train)
    assert together.groups is None


def test_columns_that_are_left_out_do_not_tell_copies_apart() -> None:
    frame = noise(100, 2).assign(note=[f"note {row} of a clerk" for row in range(200)])
    dataset = prepare(frame, DataOptions("y", kinds={"note": "ignore"}))
    assert any("200 of 200 rows are alike" in one for one in dataset.summary.notes)


def test_a_group_column_decides_alone() -> None:
    frame = noise(100, 3).assign(who=np.arange(300) % 30)
    dataset = prepare(frame, DataOptions("y", group="who"))
    assert not any("alike" in one for one in dataset.summary.notes)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(5, 60))
def test_groups_are_the_rows_that_are_equal(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": random.integers(0, 3, rows), "b": random.choice(["x", "y"], rows)})
    target = pd.Series(random.integers(0, 2, rows))
    found = copied_groups(frame, target, np.arange(rows))
    different = frame.assign(y=target).drop_duplicates()
    if found is None:
        assert rows - len(different) < 0.05 * rows or len(different) < 3
        return
    by_hand = frame.assign(y=target).groupby(["a", "b", "y"], sort=False).ngroup()
    assert pd.crosstab(found[0], by_hand).gt(0).to_numpy().sum() == len(different) == found[0].nunique()
