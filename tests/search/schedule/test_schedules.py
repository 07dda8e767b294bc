"""Every schedule through the same tests; a new one joins by its row in SCHEDULES."""

from __future__ import annotations

from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.search.schedule import SCHEDULES, SuccessiveHalving, schedule

every_schedule = pytest.mark.parametrize("name", SCHEDULES)
SCORES = st.lists(st.floats(-1, 1) | st.sampled_from([nan, inf, -inf, 0.5]), max_size=60)


@every_schedule
@given(epochs=st.integers(1, 2000))
def test_rungs_rise_to_the_last_epoch(name: str, epochs: int) -> None:
    rungs = schedule(name).rungs(epochs)
    assert rungs == sorted(set(rungs))
    assert rungs[0] >= 1
    assert rungs[-1] == epochs


@every_schedule
@given(scores=SCORES, rung=st.integers(0, 3))
def test_survivors_are_the_best_of_the_finite(name: str, scores: list[float], rung: int) -> None:
    alive = schedule(name).survivors(scores, rung)
    assert alive == sorted(set(alive))
    assert all(isfinite(scores[position]) for position in alive)
    dropped = [score for position, score in enumerate(scores) if isfinite(score) and position not in alive]
    assert all(scores[position] >= score for position in alive for score in dropped)
    assert bool(alive) == any(isfinite(score) for score in scores)


@every_schedule
@given(scores=SCORES)
def test_deciding_is_a_pure_function(name: str, scores: list[float]) -> None:
    assert schedule(name).survivors(scores, 0) == schedule(name).survivors(list(scores), 0)


@every_schedule
@given(epochs=st.integers(1, 2000))
def test_patience_leaves_room_to_train(name: str, epochs: int) -> None:
    patience = schedule(name).patience(epochs)
    assert patience is None or patience >= 1
    assert schedule(name).patience(epochs) == patience


@every_schedule
def test_no_epochs(name: str) -> None:
    with pytest.raises(UsageError, match="epochs must be at least 1, but got 0"):
        schedule(name).rungs(0)


def test_none_drops_only_the_diverged() -> None:
    assert schedule("none").rungs(100) == [100]
    assert schedule("none").survivors([0.1, nan, -5.0, -inf], 0) == [0, 2]


def test_successive_halving_follows_the_paper() -> None:
    halving = SuccessiveHalving(eta=3)
    assert halving.rungs(81) == [1, 3, 9, 27, 81]
    scores = [float(i) for i in range(81)]
    counts = []
    for rung in range(4):
        scores = [scores[position] for position in halving.survivors(scores, rung)]
        counts.append(len(scores))
    assert counts == [27, 9, 3, 1]
    assert scores == [80.0]


def test_successive_halving_counts_the_diverged() -> None:
    assert SuccessiveHalving().survivors([nan, nan, nan, nan, 0.1, 0.2, 0.3, 0.4, nan], 0) == [5, 6, 7]
    assert SuccessiveHalving().survivors([nan, nan, nan, nan, nan, 0.2], 0) == [5]
    assert SuccessiveHalving().survivors([0.5, 0.5, 0.5], 0) == [0]


def test_successive_halving_settings() -> None:
    assert SuccessiveHalving(eta=2, shortest=4).rungs(40) == [5, 10, 20, 40]
    assert SuccessiveHalving(shortest=50).rungs(10) == [10]
    with pytest.raises(UsageError, match="eta must be at least 2, but got 1"):
        SuccessiveHalving(eta=1)
    with pytest.raises(UsageError, match="shortest must be at least 1 epoch, but got 0"):
        SuccessiveHalving(shortest=0)


def test_only_early_stopping_stops_a_trial_on_its_own() -> None:
    assert {name: schedule(name).patience(100) for name in SCHEDULES} == {
        "early-stopping": 20,
        "none": None,
        "successive-halving": None,
    }
    assert schedule("early-stopping").patience(8) == 5
    assert schedule("early-stopping").survivors([0.1, nan, 0.2], 0) == [0, 2]


def test_table() -> None:
    assert all(name == one.name for name, one in SCHEDULES.items())
    with pytest.raises(UsageError, match=r"unknown schedule 'sucessive-halving', did you mean 'successive-halving'\?"):
        schedule("sucessive-halving")
