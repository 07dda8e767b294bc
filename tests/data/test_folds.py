"""Folds hold every row once, every class in its share, and every group whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.data.folds import folds
from ikura.errors import DataError


@given(st.integers(2, 7), st.lists(st.integers(0, 3), min_size=7, max_size=60), st.integers(0, 5))
def test_each_class_has_its_share_in_every_fold(count: int, classes: list[int], seed: int) -> None:
    found = folds(len(classes), count, classes=np.array(classes), seed=seed)
    sizes = np.bincount(found, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    for one in set(classes):
        each = np.bincount(found[np.array(classes) == one], minlength=count)
        assert each.max() - each.min() <= 1
    assert np.array_equal(found, folds(len(classes), count, classes=np.array(classes), seed=seed))


@given(st.integers(2, 5), st.lists(st.integers(0, 12), min_size=30, max_size=90), st.integers(0, 5))
def test_each_group_is_whole_and_no_fold_is_empty(count: int, groups: list[int], seed: int) -> None:
    names = np.array(groups)
    if len(set(groups)) < count:
        return
    found = folds(len(names), count, groups=names, seed=seed)
    assert all(len(set(found[names == name])) == 1 for name in names)
    sizes = np.bincount(found, minlength=count)
    assert sizes.min() > 0
    # The largest group first, each to the smallest fold: none is larger than the smallest by more than one group.
    assert sizes.max() - sizes.min() <= np.bincount(names).max()


def test_seeds_give_other_folds_and_too_few_groups_are_refused() -> None:
    assert not np.array_equal(folds(40, 4, seed=0), folds(40, 4, seed=1))
    with pytest.raises(DataError, match="2 groups do not make 3 folds; write fewer"):
        folds(40, 3, groups=np.arange(40) % 2)
