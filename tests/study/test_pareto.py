"""The Pareto front and the choice from it, against brute force."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.study.preference import cheapest, standard_error
from ikura.study.record.objectives import OBJECTIVES, Objectives
from ikura.study.record.pareto import front, on_front
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

NAN = float("nan")
VALUES = st.one_of(st.integers(0, 5).map(float), st.floats(-1e6, 1e6), st.just(NAN), st.just(math.inf))
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=40)
)


def dominated(row: list[float], table: list[list[float]]) -> bool:
    """Whether some other row is nowhere worse and somewhere better, by the definition."""
    return any(
        all(a <= b for a, b in zip(other, row, strict=True)) and any(a < b for a, b in zip(other, row, strict=True))
        for other in table
        if not any(map(math.isnan, other))
    )


@given(TABLES)
def test_front_by_definition(table: list[list[float]]) -> None:
    expected = [not any(map(math.isnan, row)) and not dominated(row, table) for row in table]
    assert on_front(np.array(table, float).reshape(len(table), len(table[0]) if table else 2)).tolist() == expected


@given(TABLES, st.randoms(use_true_random=False))
def test_front_does_not_depend_on_the_order(table: list[list[float]], random: Any) -> None:
    places = list(range(len(table)))
    random.shuffle(places)
    values = np.array(table, float).reshape(len(table), len(table[0]) if table else 2)
    assert on_front(values[places]).tolist() == on_front(values)[places].tolist()


def rows_of(table: list[tuple[float | None, float, str, str]]) -> list[Trial]:
    return [
        Trial(i, Purpose(purpose), 0, 0, {}, None, State(state), score, seconds=seconds)
        for i, (score, seconds, state, purpose) in enumerate(table)
    ]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_front_of_trials(sign: float) -> None:
    rows = rows_of(
        [
            (sign * 0.9, 5.0, "complete", "search"),
            (sign * 0.8, 9.0, "complete", "search"),
            (sign * 0.8, 1.0, "stopped", "search"),
            (sign * 0.95, 1.0, "pruned", "search"),
            (sign * 0.99, 1.0, "complete", "finalist"),
            (None, 0.0, "diverged", "search"),
            (sign * 0.97, 7.0, "complete", "search"),
        ]
    )
    assert [row.number for row in front(rows, sign, ["training_seconds"], {})] == [6, 0, 2]
    assert [row.number for row in front(rows, sign, [], {})] == [6]
    sizes = {"parameters": [10.0, 3.0, None, None, None, None, 80.0]}
    assert [row.number for row in front(rows, sign, ["parameters"], sizes)] == [6, 0, 1]
    assert front([], sign, ["parameters"], sizes) == []


CASES = st.dictionaries(
    st.integers(0, 50), st.tuples(st.floats(0, 1), st.one_of(st.floats(0, 1e6), st.just(NAN))), min_size=1
)


@given(CASES, st.floats(0, 1))
def test_cheapest_by_definition(cases: dict[int, tuple[float, float]], margin: float) -> None:
    merits = {number: rank_key for number, (rank_key, _) in cases.items()}
    costs = {number: cost for number, (_, cost) in cases.items()}
    chosen = cheapest(merits, costs, margin)
    near = [number for number in cases if merits[number] >= max(merits.values()) - margin]
    assert chosen in near
    known = [costs[number] for number in near if not math.isnan(costs[number])]
    assert (costs[chosen] == min(known)) if known else math.isnan(costs[chosen])
    same = [n for n in near if costs[n] == costs[chosen] or (math.isnan(costs[n]) and math.isnan(costs[chosen]))]
    assert merits[chosen] == max(merits[n] for n in same)


@given(CASES)
def test_wider_margins_are_never_dearer(cases: dict[int, tuple[float, float]]) -> None:
    merits = {number: rank_key for number, (rank_key, _) in cases.items()}
    costs = {number: 0.0 if math.isnan(cost) else cost for number, (_, cost) in cases.items()}
    chosen = [cheapest(merits, costs, margin) for margin in (0.0, 0.1, 0.5, 1.0)]
    assert merits[chosen[0]] == max(merits.values())
    assert all(costs[b] <= costs[a] for a, b in pairwise(chosen))


def test_standard_error_of_a_normal_interval() -> None:
    assert standard_error((3 - 1.959963984540054 * 0.2, 3 + 1.959963984540054 * 0.2)) == pytest.approx(0.2, rel=1e-12)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"objectives": ["parameter"]}, "unknown objective 'parameter', did you mean 'parameters'?"),
        ({"objectives": ["accuracy"]}, "unknown objective 'accuracy'"),
        ({"objectives": "parameters"}, "objectives is a list of names such as ['parameters']"),
        ({"objectives": ["parameters", "parameters"]}, "objective 'parameters' is given twice"),
        ({"prefer": "smallest"}, "unknown prefer 'smallest'"),
        ({"within": 0.1}, "within is the margin of a preferred objective"),
        (
            {"prefer": "parameters", "within": -0.1},
            "within must be a dev score's difference of at least 0, but is -0.1",
        ),
        ({"prefer": "parameters", "within": NAN}, "within must be a dev score's difference of at least 0, but is nan"),
        ({"max_parameters": 0}, "max_parameters must be a whole number of at least 1, but is 0"),
        ({"max_parameters": True}, "max_parameters must be a whole number of at least 1, but is True"),
        ({"max_parameters": 1.5}, "max_parameters must be a whole number of at least 1, but is 1.5"),
    ],
)
def test_refused(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Objectives.of(**given_)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_preferred_is_an_objective() -> None:
    assert Objectives.of(prefer="parameters").objectives == ("parameters",)
    assert Objectives.of(list(OBJECTIVES), prefer="parameters").objectives == tuple(OBJECTIVES)
