"""Every schedule through the same tests; a new one joins by its row in SCHEDULES."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import nan
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.errors import IkuraError, UsageError
from ikura.search.schedule import (
    SCHEDULES,
    Asha,
    Copy,
    Hyperband,
    PopulationBasedTraining,
    Round,
    Schedule,
    StageContext,
    Standing,
    SuccessiveHalving,
    check_round,
    schedule,
)
from ikura.search.schedule.pbt import explore
from ikura.search.schedule.rungs import rungs
from ikura.space import Space, choice, integer, linear, log, log_complement
from ikura.testing import check_schedule
from ikura.testing.simulation import Curves, Simulation, learning_curves

every_schedule = pytest.mark.parametrize("name", SCHEDULES)


@every_schedule
def test_conformance(name: str) -> None:
    check_schedule(lambda: schedule(name))


@every_schedule
@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 20), st.floats(0, 1), st.integers(0, 1000))
def test_any_stage_comes_to_an_end(
    name: str, trials: int, epochs: int, max_concurrent: int, diverging: float, seed: int
) -> None:
    context = StageContext(trials, epochs, max_concurrent, seed)
    whole = Simulation(schedule(name), context, learning_curves(trials, epochs, seed, diverging)).run()
    fresh = [one for one in whole.standings.values() if one.parent is None]
    assert len(fresh) == trials
    lively = ~np.isnan(whole.curves).any((1, 2))
    if lively.all():
        assert any(one.state == "complete" for one in whole.standings.values())


def steady(scores: Sequence[float], epochs: int) -> Curves:
    """Curves on which each trial has the same score after every epoch."""
    column = np.repeat(np.array(scores, float)[:, None], epochs, 1)
    return np.stack([column, 1 - column], 2)


# None and early stopping: one round, as if there were no schedule.


@pytest.mark.parametrize("name", ["none", "early-stopping"])
def test_one_round_for_everybody(name: str) -> None:
    whole = Simulation(schedule(name), StageContext(30, 12, 4, 0), learning_curves(30, 12)).run()
    assert whole.rounds == [Round(fresh=(12,) * 30)]


def test_who_stops_a_trial_on_its_own() -> None:
    assert {name: schedule(name).patience(100) for name in SCHEDULES} == dict.fromkeys(SCHEDULES) | {
        "early-stopping": 20,
        "racing": 20,
    }
    assert schedule("early-stopping").patience(8) == 5


# Halving.


def test_rungs() -> None:
    assert rungs(81, 3) == [1, 3, 9, 27, 81]
    assert rungs(40, 2, shortest=4) == [5, 10, 20, 40]
    assert rungs(10, 3, shortest=50) == [10]


@given(st.integers(1, 2000), st.integers(2, 5), st.integers(1, 9))
def test_rungs_rise_to_the_last_epoch(epochs: int, eta: int, shortest: int) -> None:
    ladder = rungs(epochs, eta, shortest)
    assert ladder == sorted(set(ladder))
    assert ladder[-1] == epochs
    assert ladder[0] >= min(shortest, epochs)


def test_successive_halving_follows_the_paper() -> None:
    whole = Simulation(SuccessiveHalving(), StageContext(81, 81, 9, 0), steady(range(81), 81)).run()
    assert [len(r.train) + len(r.fresh) for r in whole.rounds] == [81, 27, 9, 3, 1]
    assert [number for number, one in whole.standings.items() if one.state == "complete"] == [80]
    # The 27 best of 81 have 3 epochs, 9 have 9, 3 have 27 and the best has 81.
    assert Counter(one.epochs for one in whole.standings.values()) == {1: 54, 3: 18, 9: 6, 27: 2, 81: 1}
    assert whole.rounds[1].drop[0] == "81 of 81 after 1 epochs, of which 27 go on"


def test_successive_halving_counts_the_diverged() -> None:
    nans = [nan] * 4
    whole = Simulation(SuccessiveHalving(), StageContext(9, 3, 9, 0), steady([*nans, 0.1, 0.2, 0.3, 0.4, nan], 3)).run()
    assert sorted(whole.rounds[1].train) == [5, 6, 7]
    whole = Simulation(SuccessiveHalving(), StageContext(3, 3, 9, 0), steady([0.5, 0.5, 0.5], 3)).run()
    assert sorted(whole.rounds[1].train) == [0]


def test_the_score_of_the_weights_that_are_kept_decides() -> None:
    scores, losses = np.array([[0.5, 0.9, 0.6], [0.5, 0.6, 0.7]]), np.array([[0.5, 0.1, 0.4], [0.5, 0.4, 0.3]])
    whole = Simulation(SuccessiveHalving(shortest=3), StageContext(2, 9, 9, 0), np.zeros((2, 9, 2)))
    whole.standings = {k: Standing(k, "running", 3, scores[k], losses[k]) for k in (0, 1)}
    decided = whole.schedule.next(list(whole.standings.values()), whole.context)
    assert decided is not None
    assert decided.train == {0: 9}


def test_hyperband_has_the_paper_s_brackets() -> None:
    assert Hyperband().brackets(81) == [
        (81, [1, 3, 9, 27, 81]), (34, [3, 9, 27, 81]), (15, [9, 27, 81]), (8, [27, 81]), (5, [81]),
    ]  # fmt: skip
    whole = Simulation(Hyperband(), StageContext(143, 81, 9, 0), learning_curves(143, 81, diverging=0)).run()
    assert Counter(whole.rounds[0].fresh) == {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}
    # In each bracket one trial in three goes on, rounded down, so one, one, one, two and five have all the epochs.
    assert sum(one.state == "complete" for one in whole.standings.values()) == 1 + 1 + 1 + 2 + 5
    assert len(whole.rounds) == 5


@given(st.integers(1, 300), st.integers(1, 200))
def test_hyperband_shares_any_number_of_trials(trials: int, epochs: int) -> None:
    brackets = Hyperband().brackets(epochs)
    shares = Hyperband().share(trials, epochs)
    total = sum(count for count, _ in brackets)
    for index, (count, _) in enumerate(brackets):
        assert abs(shares.count(index) - trials * count / total) < len(brackets)
    assert Hyperband().share(trials + 5, epochs)[:trials] == shares


def test_halving_settings() -> None:
    for made in (SuccessiveHalving, Hyperband, Asha):
        with pytest.raises(UsageError, match="eta must be at least 2, but got 1"):
            made(eta=1)
        with pytest.raises(UsageError, match="shortest must be at least 1 epoch, but got 0"):
            made(shortest=0)


# ASHA.


def test_asha_promotes_and_fills_the_room() -> None:
    whole = Simulation(Asha(), StageContext(18, 9, 6, 0), steady(range(18), 9)).run()
    first, second, third = whole.rounds[:3]
    assert first.fresh == (1,) * 6
    # Two of six deserve promotion; four places are left for fresh trials.
    assert second.train == {5: 3, 4: 3}
    assert second.fresh == (1,) * 4
    # Of ten the best three: 9, 8 and 7, none of which went on before.
    assert third.train == {9: 3, 8: 3, 7: 3}
    assert whole.standings[17].state == "complete"


def test_asha_with_few_trials_still_trains_one_in_full() -> None:
    whole = Simulation(Asha(), StageContext(2, 27, 8, 0), steady([0.2, 0.3], 27)).run()
    assert [one.epochs for one in whole.standings.values()] == [1, 27]


def at_rest(number: int, epochs: int, score: float) -> Standing:
    return Standing(number, "running", epochs, np.full(epochs, score), np.full(epochs, 1 - score))


def test_asha_promotes_from_the_highest_rung_down_and_the_best_of_a_rung_first() -> None:
    """Six trials came to the first rung, three of them went on to the second; fewer may train than deserve it."""
    stands = [
        at_rest(n, 3 if n > 5 else 1, score) for n, score in enumerate([0.5, 0.6, 0.2, 0.3, 0.1, 0.4, 0.7, 0.9, 0.8])
    ]
    # Of nine the best three are 7, 8 and 6, which went on; of the three at the second rung the best one is 7.
    assert Asha().next(stands, StageContext(9, 27, 4, 0)) == Round({7: 9})
    more = [*stands, *(at_rest(n, 1, n / 10) for n in (10, 11, 12))]
    # Of twelve the best four are 12, 11, 10 and 7: three of the first rung deserve promotion, the best one first.
    for max_concurrent, promoted in ((1, [7]), (2, [7, 12]), (3, [7, 12, 11]), (4, [7, 12, 11, 10])):
        found = Asha().next(more, StageContext(12, 27, max_concurrent, 0))
        assert found is not None
        assert list(found.train) == promoted
        assert found.train == {number: 9 if number == 7 else 3 for number in promoted}


# PBT.


def test_pbt_replaces_the_worst_by_copies_of_the_best() -> None:
    context = StageContext(8, 20, 8, 0, Space(learning_rate=log(1e-3, 1)), ("learning_rate",))
    whole = Simulation(PopulationBasedTraining(), context, steady(range(8), 20)).run()
    second = whole.rounds[1]
    assert set(second.drop) == {0, 1}
    assert {copy.parent for copy in second.copies} <= {6, 7}
    assert len(second.copies) == 2
    assert all(len(r.train) + len(r.copies) == 8 for r in whole.rounds[1:])
    for number, one in whole.standings.items():
        if one.parent is not None:
            parent = whole.standings[one.parent]
            assert number > parent.number
            assert one.hyperparameters != parent.hyperparameters
            assert 1e-3 <= one.hyperparameters["learning_rate"] <= 1


def test_pbt_fills_the_places_of_the_diverged() -> None:
    context = StageContext(8, 20, 8, 0)
    whole = Simulation(PopulationBasedTraining(), context, steady([nan, nan, nan, 3, 4, 5, 6, 7], 20))
    whole.step()
    whole.step()
    # Three places are free, which is more than a quarter: nobody else has to go.
    assert not whole.rounds[1].drop
    assert [copy.parent for copy in whole.rounds[1].copies] == [7, 7, 7]


def test_pbt_settings() -> None:
    with pytest.raises(UsageError, match="steps must be at least 1, but got 0"):
        PopulationBasedTraining(steps=0)
    with pytest.raises(UsageError, match=r"share must be above 0 and at most 0\.5, but got 0\.7"):
        PopulationBasedTraining(share=0.7)


def test_exploring_multiplies_on_the_scale_or_draws_anew() -> None:
    space = Space(
        rate=log(1e-4, 1),
        momentum=log_complement(0.9, 0.999),
        share=linear(0, 1),
        units=integer(1, 100),
        kind=choice(*"ab"),
    )
    before = {"rate": 0.01, "momentum": 0.99, "share": 0.5, "units": 50, "kind": "a"}
    random = np.random.default_rng(0)
    every = [explore(before, space, ("rate", "momentum", "share", "units", "kind"), random) for _ in range(4000)]
    for name, near in {
        "rate": {0.012, 0.008}, "momentum": {0.988, 0.992}, "share": {0.6, 0.4}, "units": {60, 40},
    }.items():  # fmt: skip
        stepped = sum(any(abs(one[name] - value) < 1e-12 for value in near) for one in every)
        # Three in four are a step; 4000 draws have a standard deviation of 27, so six of them are below 165. Integers
        # drawn anew may hit a neighbour: 1 in 50 of a quarter, 20 of 4000.
        assert abs(stepped - 3000) < 185, name
    # A quarter is drawn anew, of which half is the other option.
    assert abs(sum(one["kind"] == "b" for one in every) - 500) < 6 * 21
    assert all(space[name].contains(one[name]) for one in every for name in space)


def test_exploring_leaves_what_may_not_change() -> None:
    space = Space(rate=log(1e-4, 1), units=integer(1, 100))
    found = explore({"rate": 0.9, "units": 50, "fixed": 3}, space, ("rate",), np.random.default_rng(0))
    assert found["units"] == 50
    assert found["fixed"] == 3
    assert found["rate"] != 0.9


# Rounds that cannot be carried out are refused; the suite finds schedules that do not conform.


def running(number: int, epochs: int, score: float = 0.5) -> Standing:
    return Standing(number, "running", epochs, np.full(epochs, score), np.full(epochs, 0.5))


@pytest.mark.parametrize(
    ("decided", "why"),
    [
        (Round(), "nobody trains"),
        (Round(train={7: 5}), "trial 7 is to train but does not run"),
        (Round(train={0: 3}), "has 3 of 10 epochs and is to train to 3"),
        (Round(train={0: 11}), "has 3 of 10 epochs and is to train to 11"),
        (Round(train={1: 5}), "trial 1 is to go on without a finite score"),
        (Round(train={2: 5}), "trial 2 is to train but does not run"),
        (Round(train={0: 5}, drop={2: "why"}), "trial 2 is to be dropped but does not run"),
        (Round(train={0: 5}, drop={0: "why"}), "trial 0 is to be dropped and to train"),
        (Round(fresh=(11,)), "a fresh trial is to train to 11 of 10 epochs"),
        (Round(fresh=(5, 5, 5)), "3 trials are to begin, but only 2 are left"),
        (Round(train={0: 5}, copies=(Copy(0, {}, 5),)), "which it does not declare"),
    ],
)
def test_rounds_that_are_refused(decided: Round, why: str) -> None:
    pruned = Standing(2, "pruned", 3, np.full(3, 0.5), np.full(3, 0.5))
    standings = [running(0, 3), running(1, 3, nan), pruned]
    with pytest.raises(IkuraError, match=f"schedule 'none': .*{why}"):
        check_round(schedule("none"), decided, standings, StageContext(5, 10, 1, 0))


def test_room_is_kept_to_by_those_that_refill() -> None:
    check_round(schedule("none"), Round(fresh=(5,) * 5), [], StageContext(5, 10, 2, 0))
    with pytest.raises(IkuraError, match="5 trials are to train at once, at most 2 may"):
        check_round(schedule("asha"), Round(fresh=(5,) * 5), [], StageContext(5, 10, 2, 0))


class Forgetful(Schedule):
    """Begins one trial less than it should."""

    name: ClassVar[str] = "forgetful"

    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        return None if standings else Round(fresh=(context.epochs,) * max(1, context.trials - 1))


class Remembering(Schedule):
    """Decides by what it was asked before."""

    name: ClassVar[str] = "remembering"

    def __init__(self) -> None:
        self.asked = 0

    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        self.asked += 1
        return Round(fresh=(context.epochs,) * context.trials) if self.asked == 1 else None


class Cruel(Schedule):
    """Lets nobody train to the end."""

    name: ClassVar[str] = "cruel"

    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        return None if standings else Round(fresh=(max(1, context.epochs - 1),) * context.trials)


class Partial(Schedule):
    """Prefers whom it is told of first."""

    name: ClassVar[str] = "partial"

    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        if not standings:
            return Round(fresh=(max(1, context.epochs // 2),) * context.trials)
        first = next((one.number for one in standings if one.state == "running"), None)
        return None if first is None else Round(train={first: context.epochs})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Forgetful, "1 trials began"),
        (Remembering, "decides otherwise when asked again"),
        (Cruel, "nobody trained to the end"),
        (Partial, "decides otherwise when asked again"),
    ],
)
def test_the_suite_finds_what_does_not_conform(make: type[Schedule], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        check_schedule(make)


def test_plans_need_something_to_do() -> None:
    with pytest.raises(UsageError, match="epochs must be at least 1, but got 0"):
        StageContext(1, 0, 1, 0)


def test_table() -> None:
    assert all(name == one.name for name, one in SCHEDULES.items())
    with pytest.raises(UsageError, match=r"unknown schedule 'sucessive-halving', did you mean 'successive-halving'\?"):
        schedule("sucessive-halving")
