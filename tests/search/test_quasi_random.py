from __future__ import annotations

import numpy as np
import pytest

from ikura.search import proposer
from ikura.search.quasi_random import halton, sobol
from ikura.space import Space, choice, linear, when

both = pytest.mark.parametrize("name", ["halton", "sobol"])


def test_sobol_points_fall_evenly_into_powers_of_two() -> None:
    points = sobol(6, 64, 3)
    for column in points.T:
        assert sorted((column * 64).astype(int)) == list(range(64))


def test_halton_points_fall_evenly_into_powers_of_their_bases() -> None:
    points = halton(3, 2**4 * 3**3, 3)
    for column, parts in zip(points.T, (16, 27), strict=False):
        assert set(np.bincount((column * parts).astype(int))) == {len(points) // parts}


@pytest.mark.parametrize("sequence", [halton, sobol])
def test_edges(sequence: object) -> None:
    assert sequence(0, 5, 0).shape == (5, 0)  # type: ignore[operator]
    assert sequence(3, 0, 0).shape == (0, 3)  # type: ignore[operator]
    assert (sequence(3, 9, 0)[:5] == sequence(3, 5, 0)).all()  # type: ignore[operator]


def test_more_dimensions_than_the_tables_have() -> None:
    assert sobol(21_203, 2, 0).shape == (2, 21_203)


@both
def test_options_are_drawn_equally_often(name: str) -> None:
    search = proposer(name, Space(a=choice("x", "y", "z", "w"), b=linear(0, 1)), 5)
    [stage] = search.stages(64, 1)
    kinds = [one.configuration["a"] for one in search.ask(stage, 64, [])]
    assert [kinds.count(kind) for kind in "xyzw"] == pytest.approx([16] * 4, abs=1)


@both
def test_a_condition_does_not_disturb_the_others(name: str) -> None:
    space = Space(when(a="x", b=linear(0, 1)), a=choice("x", "y"), c=linear(0, 1))
    search = proposer(name, space, 1)
    [stage] = search.stages(64, 1)
    found = [one.configuration for one in search.ask(stage, 64, [])]
    assert all(("b" in one) == (one["a"] == "x") for one in found)
    assert len({int(one["c"] * 16) for one in found}) == 16


@both
def test_covers_better_than_independent_draws(name: str) -> None:
    space = Space(a=linear(0, 1), b=linear(0, 1))

    def emptiest(which: str, seed: int) -> int:
        search = proposer(which, space, seed)
        [stage] = search.stages(128, 1)
        cells = np.zeros((4, 4), int)
        for one in search.ask(stage, 128, []):
            cells[int(one.configuration["a"] * 4), int(one.configuration["b"] * 4)] += 1
        return int(cells.min())

    # Sixteen cells of eight points each: independent draws leave the emptiest with two or three.
    assert min(emptiest(name, seed) for seed in range(10)) > max(emptiest("random", seed) for seed in range(10))
