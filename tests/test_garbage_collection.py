"""The garbage collector at start-up."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from ikura.garbage_collection import ALLOCATIONS, fewer_collections, no_collections


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_it_runs_seldom_and_then_as_before() -> None:
    gc.set_threshold(700, 9, 8)
    with fewer_collections():
        assert gc.get_threshold() == (ALLOCATIONS, 9, 8)
        with fewer_collections():
            pass
        assert gc.get_threshold() == (ALLOCATIONS, 9, 8)
    assert gc.get_threshold() == (700, 9, 8)


def test_an_error_leaves_it_as_it_was() -> None:
    gc.set_threshold(700, 9, 8)
    with pytest.raises(ImportError), fewer_collections():
        raise ImportError
    assert gc.get_threshold() == (700, 9, 8)


@pytest.mark.parametrize("young", [0, 50_000])
def test_a_collector_that_is_off_or_runs_more_seldom_stays_so(young: int) -> None:
    gc.set_threshold(young, 10, 10)
    with fewer_collections():
        assert gc.get_threshold() == (young, 10, 10)
    assert gc.get_threshold() == (young, 10, 10)


def test_no_collections_and_as_before_after_it(thresholds: None) -> None:
    with no_collections():
        assert not gc.isenabled()
        with no_collections():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError), no_collections():
            raise ZeroDivisionError
        assert not gc.isenabled()
    finally:
        gc.enable()
