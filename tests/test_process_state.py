"""Changes of the process that several threads hold at once, in any order, are undone at the end and not before."""

from __future__ import annotations

import logging
import threading
import warnings
from contextlib import ExitStack
from itertools import permutations
from typing import Any

import pytest
import scipy.linalg.cython_blas  # noqa: F401  one of the libraries whose threads are counted
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from ikura.data.images.image_file import strict
from ikura.population.denormal_numbers import taken_as_zero
from ikura.process_state import ignored_warnings, one_thread_each, quieter, warning_filters
from ikura.search._optuna import quiet as quiet_search


def in_any_order(*blocks: Any) -> Any:
    """Enter all blocks, leave them in every order; yields after each step how many are held."""
    for order in permutations(range(len(blocks))):
        stacks = []
        for block in blocks:
            stack = ExitStack()
            stack.enter_context(block())
            stacks.append(stack)
        for left, place in enumerate(order):
            yield len(blocks) - left
            stacks[place].close()
        yield 0


def test_filters_of_warnings() -> None:
    before = list(warnings.filters)
    own = warning_filters(("error", DeprecationWarning))
    for held in in_any_order(lambda: strict, lambda: ignored_warnings, lambda: own, lambda: strict, quiet_search):
        if not held:
            assert warnings.filters == before


def test_warnings_are_ignored_as_long_as_one_block_holds() -> None:
    heard = []
    for held in in_any_order(lambda: ignored_warnings, lambda: ignored_warnings):
        with warnings.catch_warnings(record=True) as caught:
            if not held:
                warnings.simplefilter("always")
            warnings.warn("a word", UserWarning, stacklevel=1)
        heard.append((held, len(caught)))
    assert set(heard) == {(2, 0), (1, 0), (0, 1)}


def test_filters_of_the_caller_s_stay() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = list(warnings.filters)
        with ignored_warnings:
            pass
        assert warnings.filters == before


def test_nothing_stays_where_the_caller_s_own_block_began_inside_and_ends_later() -> None:
    before, callers = list(warnings.filters), ExitStack()
    with warning_filters(("error", DeprecationWarning)), ignored_warnings:
        callers.enter_context(warnings.catch_warnings())
    assert warnings.filters == before
    callers.close()
    assert warnings.filters == before


def test_levels_of_a_logger() -> None:
    logger = logging.getLogger("ikura.example")
    logger.setLevel(logging.INFO)
    quiet, quieter_still = logging.WARNING, logging.ERROR
    for held in in_any_order(
        lambda: quieter("ikura.example", quiet),
        lambda: quieter("ikura.example", quieter_still),
        lambda: quieter("ikura.example", quiet),
    ):
        if held == 3:
            assert logger.level == logging.ERROR
        if held:
            assert logger.level >= logging.WARNING
        else:
            assert logger.level == logging.INFO


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_numbers_of_threads_come_back_when_the_last_one_ends() -> None:
    seen: list[Any] = []
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        torch.set_num_threads(3)
        with one_thread_each():
            inside.set()
            leave.wait(20)
            seen.append((torch.get_num_threads(), blas_threads()))
        seen.append((torch.get_num_threads(), blas_threads()))

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2, user_api="blas"):
            with one_thread_each():
                thread = threading.Thread(target=other)
                thread.start()
                inside.wait(20)
            assert torch.get_num_threads() == 2
            leave.set()
            thread.join()
        assert seen == [(1, {1}), (3, {2})]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("flushed", [False, True])
def test_small_numbers_are_treated_as_the_caller_had_them(flushed: bool) -> None:
    tiny = float(torch.finfo(torch.float64).tiny)
    torch.set_flush_denormal(flushed)
    try:
        with taken_as_zero():
            assert tiny * 0.5 == 0
        assert (tiny * 0.5 == 0) == flushed
    finally:
        torch.set_flush_denormal(False)
