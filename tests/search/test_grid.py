from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.search import GridSearch
from ikura.space import Space, choice, constraint, default_space, integer, linear, log, log_complement, when

from .spaces import spaces


def tried(space: Space, trials: int, seed: int = 0) -> list[dict[str, Any]]:
    search = GridSearch(space, seed)
    [stage] = search.stages(trials, 1)
    return [one.configuration for one in search.ask(stage, trials, [])]


def test_two_numbers_get_the_square_root_of_the_trials() -> None:
    space = Space(learning_rate=log(1e-4, 1), dropout=linear(0, 0.4))
    found = tried(space, 16)
    rates = [10 ** (-4 + 4 * (i + 0.5) / 4) for i in range(4)]
    shares = [0.4 * (i + 0.5) / 4 for i in range(4)]
    expected = sorted(product(rates, shares))
    assert np.array(sorted((one["learning_rate"], one["dropout"]) for one in found)) == pytest.approx(
        np.array(expected)
    )


@pytest.mark.parametrize(
    ("trials", "size"), [(1, 4), (4, 4), (5, 6), (6, 6), (7, 9), (9, 9), (10, 12), (16, 16), (17, 20), (100, 100)]
)
def test_smallest_grid_that_holds_the_trials(trials: int, size: int) -> None:
    search = GridSearch(Space(learning_rate=log(1e-4, 1), l2=log(1e-6, 1e-2)), 0)
    assert search.grid(trials).size == size


def test_the_learning_rate_has_the_first_further_level() -> None:
    found = tried(Space(l2=log(1e-6, 1e-2), learning_rate=log(1e-4, 1)), 6)
    assert len({one["learning_rate"] for one in found}) == 3
    assert len({one["l2"] for one in found}) == 2


def test_levels_are_even_on_each_scale() -> None:
    [low, middle, high] = sorted(one["momentum"] for one in tried(Space(momentum=log_complement(0.9, 0.999)), 3))
    assert [1 - low, 1 - middle, 1 - high] == pytest.approx([10 ** (-1 - 2 * u) for u in (1 / 6, 1 / 2, 5 / 6)])
    assert sorted(one["units"] for one in tried(Space(units=integer(1, 5)), 5)) == [1, 2, 3, 4, 5]


def test_conditional_grids_have_no_duplicates() -> None:
    space = Space(
        when(optimizer="momentum", momentum=log_complement(0.9, 0.999)),
        when(optimizer=("adam", "momentum"), kind=choice("a", "b", "c")),
        optimizer=choice("sgd", "adam", "momentum"),
    )
    # One for sgd, three for adam, three times the levels of momentum.
    search = GridSearch(space, 0)
    assert search.grid(1 + 3 + 3 * 4).size == 1 + 3 + 3 * 4
    found = tried(space, 16)
    assert len({tuple(one.items()) for one in found}) == 16
    assert sum(one["optimizer"] == "sgd" for one in found) == 1


@settings(max_examples=60)
@given(spaces(), st.integers(1, 60), st.integers(0, 9))
def test_grid_holds_each_configuration_once(space: Space, trials: int, seed: int) -> None:
    grid = GridSearch(space, seed).grid(trials)
    some = [tuple(grid[i].items()) for i in range(min(grid.size, 300))]
    assert len(set(map(repr, some))) == len(some)
    found = [tuple(one.items()) for one in tried(space, trials, seed)]
    assert len(found) == trials
    assert len(set(map(repr, found))) == min(trials, grid.size)


def test_a_small_space_is_repeated() -> None:
    found = [one["a"] for one in tried(Space(a=choice(1, 2)), 5)]
    assert found[:2] == found[2:4]
    assert set(found[:2]) == {1, 2}


def test_constraints_make_the_grid_finer() -> None:
    space = Space(constraint("units * layers <= 64"), units=integer(8, 64), layers=integer(1, 8))
    [stage] = (search := GridSearch(space, seed=0)).stages(16, 10)
    tried = [one.configuration for one in search.ask(stage, 16, [])]
    assert len({(one["units"], one["layers"]) for one in tried}) == 16
    assert all(one["units"] * one["layers"] <= 64 for one in tried)
    assert [one.configuration for one in search.ask(stage, 5, [])] == tried[:5]


def test_the_few_configurations_that_meet_the_constraints_are_repeated() -> None:
    space = Space(constraint("units * layers <= 2"), units=integer(1, 3), layers=integer(1, 3))
    [stage] = (search := GridSearch(space, seed=0)).stages(7, 10)
    tried = [(one.configuration["units"], one.configuration["layers"]) for one in search.ask(stage, 7, [])]
    assert set(tried) == {(1, 1), (1, 2), (2, 1)}
    assert tried[:6] == tried[:3] * 2


def test_a_constraint_that_the_grid_hardly_meets_leaves_room_for_draws() -> None:
    space = Space(constraint("abs(a - b) < 1e-7"), a=linear(0, 1), b=linear(0, 1), c=linear(0, 1))
    [stage] = (search := GridSearch(space, seed=0)).stages(4, 10)
    tried = [tuple(one.configuration.values()) for one in search.ask(stage, 4, [])]
    assert len(set(tried)) == 4


def test_a_large_space_is_cut_in_a_keyed_order() -> None:
    space = default_space(600, 344, 7).space
    assert GridSearch(space, 0).grid(48).size > 10_000
    first, again, other = tried(space, 48, 0), tried(space, 48, 0), tried(space, 48, 1)
    assert first == again != other
    assert len({one["optimizer"] for one in first}) == 4


def test_very_many_hyperparameters() -> None:
    found = tried(Space(**{f"x{i}": linear(0, 1) for i in range(200)}), 64)
    assert len({tuple(one.values()) for one in found}) == 64
    # A fair coin falls on one side at least 12 times of 64 but for a probability of 1e-7.
    assert min(sum(one[f"x{i}"] == 0.25 for one in found) for i in range(200)) >= 12
