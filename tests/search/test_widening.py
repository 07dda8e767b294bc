from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from ikura.search import CoarseToFine, Observation, Widening
from ikura.search.neighbourhood import good_trials
from ikura.search.widening import _crowded, widened
from ikura.space import Parameter, Space, choice, integer, linear, log, log_complement
from ikura.space.limits import limits


def evenly(space: Space, name: str, trials: int, towards: float, failing: float = 2.0) -> list[Observation]:
    """Trials spread over a range, the better the nearer to a point of the unit scale; those above `failing` fail."""
    found = []
    for n in range(trials):
        u = (n + 0.5) / trials
        score = nan if u > failing else -abs(u - towards)
        found.append(Observation(n, 0, {name: space[name].from_unit(u)}, score, -score))
    return found


def widen(space: Space, history: list[Observation]) -> tuple[Space, list[Widening]]:
    return widened(space, history, good_trials(history))


def test_an_edge_hit_widens_and_says_so() -> None:
    space = Space(learning_rate=log(1e-4, 1))
    wider, [told] = widen(space, evenly(space, "learning_rate", 50, 1.0))
    # An eighth of four decades.
    assert wider["learning_rate"] == log(1e-4, 3.16228)
    assert str(told) == "learning_rate: widened from 1 to 3.16, 5 of the 8 best lay at the edge"
    assert told.as_dict()["sentence"] == str(told)
    wider, [told] = widen(space, evenly(space, "learning_rate", 50, 0.0))
    assert wider["learning_rate"] == log(3.16228e-5, 1)
    assert (told.end, told.before, told.after) == ("low", 1e-4, 3.16228e-5)


@pytest.mark.parametrize("towards", [0.3, 0.5, 0.7, 0.85])
def test_good_results_inside_widen_nothing(towards: float) -> None:
    space = Space(learning_rate=log(1e-4, 1))
    assert widen(space, evenly(space, "learning_rate", 50, towards)) == (space, [])


@pytest.mark.parametrize(
    ("name", "one", "towards", "expected"),
    [
        ("layers", integer(1, 3), 1.0, integer(1, 4)),
        ("layers", integer(1, 3), 0.0, integer(0, 3)),
        ("units", integer(1, 64, log=True), 0.0, None),
        ("units", integer(16, 128, log=True), 1.0, integer(16, 166, log=True)),
        ("dropout", linear(0, 0.4), 0.0, None),
        ("dropout", linear(0, 0.4), 1.0, linear(0, 0.45)),
        ("dropout", linear(0, 0.98), 1.0, linear(0, 0.99)),
        ("momentum", log_complement(0.9, 0.999), 1.0, log_complement(0.9, 1 - 0.000562341)),
        ("momentum", log_complement(0.0, 0.9), 0.0, None),
        ("peak_at", linear(0.1, 1), 1.0, None),
        ("dropout_2", linear(0, 0.4), 1.0, linear(0, 0.45)),
        ("blocks", integer(1, 3), 1.0, None),
        ("my_own", linear(0, 1), 1.0, None),
    ],
)
def test_never_past_what_the_hyperparameter_can_be(
    name: str, one: Parameter, towards: float, expected: Parameter | None
) -> None:
    space = Space(**{name: one})
    wider, told = widen(space, evenly(space, name, 60, towards))
    if expected is None:
        assert (wider, told) == (space, [])
    else:
        low, high = expected.low, expected.high  # type: ignore[attr-defined]
        found = wider[name]
        assert type(found) is type(expected)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-5)  # type: ignore[attr-defined]
        assert len(told) == 1


def test_where_training_breaks_nothing_is_widened() -> None:
    space = Space(learning_rate=log(1e-4, 1))
    history = evenly(space, "learning_rate", 100, 1.0, failing=0.94)
    assert widen(space, history) == (space, [])


@pytest.mark.parametrize(
    "space",
    [
        Space(learning_rate=log(1e-4, 1), widen=False),
        Space(learning_rate={"scale": "log", "low": 1e-4, "high": 1, "widen": False}),
        Space(learning_rate=log(1e-4, 1), units=integer(8, 9), widen=["units"]),
    ],
)
def test_switched_off(space: Space) -> None:
    assert widen(space, evenly(space, "learning_rate", 50, 1.0)) == (space, [])
    again = Space.from_dict(space.as_dict())
    assert not again.widens("learning_rate")
    assert not again.replace(learning_rate=log(1e-3, 1)).widens("learning_rate")


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 100), st.integers(1, 100))
def test_crowding_is_a_binomial_tail(hits: int, more: int, at_edge: int, others: int) -> None:
    good_ones, tried = hits + more, at_edge + others
    share = (at_edge + 1) / (tried + 2)
    expected = hits >= 3 and binom.sf(hits - 1, good_ones, share) < 0.01
    assert _crowded(hits, good_ones, at_edge, tried) == expected


@given(
    st.sampled_from(["learning_rate", "momentum", "units", "dropout", "beta2", "l2", "batch_size", "warm_up"]),
    st.booleans(),
    st.floats(0.01, 1),
    st.data(),
)
def test_widened_ranges_hold_the_old_ones(name: str, upwards: bool, share: float, data: st.DataObject) -> None:
    known = limits(name)
    assert known is not None
    least, greatest, _ = known
    whole: dict[str, list[Parameter]] = {
        "units": [integer(8, 128, log=True), integer(1, 5)],
        "batch_size": [integer(1, 3), integer(16, 64, log=True)],
    }
    ranges = whole.get(name, [linear(0.1, 0.5), linear(0, 0.99), log(1e-3, 0.9), log_complement(0.5, 0.999)])
    one = data.draw(st.sampled_from(ranges))
    wider = one.widen(upwards, share, least, greatest)
    for u in np.linspace(0, 1, 11):
        assert wider.contains(one.from_unit(u))
        assert least <= wider.from_unit(u) <= greatest  # type: ignore[operator]
    same_end = 0.0 if upwards else 1.0
    assert wider.from_unit(same_end) == one.from_unit(same_end)


def test_later_stages_search_beyond_and_go_further() -> None:
    space = Space(learning_rate=log(1e-4, 1), activation=choice("relu", "tanh"))
    search = CoarseToFine(space, 0)
    history: list[Observation] = []
    ends = []
    for stage in search.stages(128, 10):
        ends.append(search.searched(stage, history)["learning_rate"].from_unit(1.0))
        for one in search.ask(stage, stage.trials, history):
            rate = one.configuration["learning_rate"]
            history.append(Observation(len(history), stage.index, one.configuration, -abs(np.log10(rate / 30)), 0.0))
    assert ends[0] == 1
    assert ends == sorted(ends)
    assert len(set(ends)) >= 3
    for index, before in enumerate(ends[:-1], 1):
        if ends[index] > before:  # type: ignore[operator]
            assert max(one.configuration["learning_rate"] for one in history if one.stage == index) > before  # type: ignore[type-var]
