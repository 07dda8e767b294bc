"""Racing on curves whose truth is known; what all schedules share is tested with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ttest_rel

from ikura.errors import UsageError
from ikura.search.schedule import Racing, Round, StageContext, Standing
from ikura.search.schedule.racing import excess, field_share, look_epochs

from ...sweep import swept

EPOCHS, EXAMPLES = 50, 80


def race(losses: np.ndarray, max_concurrent: int, racing: Racing | None = None) -> dict[int, Standing]:
    """Race trials whose losses on each dev example are known: (trials, epochs, examples); the score is minus the loss.

    No trial stops on its own.
    """
    racing = racing or Racing()
    trials, epochs, _ = losses.shape
    means = losses.mean(2)
    standings: dict[int, Standing] = {}

    def train(number: int, until: int, before: Mapping[int, np.ndarray]) -> None:
        alive = bool(np.isfinite(means[number, :until]).all())
        state = "diverged" if not alive else "complete" if until == epochs else "running"
        marks = {**before, until: losses[number, until - 1]} if alive else before
        curve = means[number, :until]
        standings[number] = Standing(number, state, until, -curve, curve, {}, None, marks)

    while (
        decided := racing.next(list(standings.values()), StageContext(trials, epochs, max_concurrent, 0))
    ) is not None:
        for number in decided.drop:
            one = standings[number]
            standings[number] = Standing(number, "pruned", one.epochs, one.scores, one.losses, {}, None, one.dev_losses)
        for number, until in decided.train.items():
            train(number, until, standings[number].dev_losses)
        for until in decided.fresh:
            train(len(standings), until, {})
    return standings


def crossing(random: np.random.Generator, trials: int, apart: float) -> np.ndarray:
    """Losses that fall from e to a limit at a rate of each trial's own, so that curves cross.

    Those with low limits are no faster than others. Examples differ in how hard they are, and each trial has its own
    deviation on each.
    """
    limit = random.uniform(0.3, 0.3 + apart, (trials, 1)) if apart else np.full((trials, 1), 0.5)
    rate = random.uniform(0.1, 1, (trials, 1)) if apart else np.full((trials, 1), 0.5)
    means = limit + 2 * np.exp(-rate * np.arange(1, EPOCHS + 1))
    hard = random.normal(0, 0.5, EXAMPLES)
    own = random.normal(0, 0.1, (trials, 1, EXAMPLES))
    return means[:, :, None] + hard + own


@pytest.mark.parametrize("studies", swept([60, 200], core=["60"]))
def test_the_best_is_kept_at_the_stated_rate_where_curves_cross(studies: int) -> None:
    # With an error rate of just 5 %, more errors than this come about in one of a thousand runs.
    most = int(binom.ppf(0.999, studies, 0.05))
    errors = crossed = dropped = 0
    for repetition in range(studies):
        losses = crossing(np.random.default_rng(repetition), 24, 1.0)
        means = losses.mean(2)
        best = int(means.min(1).argmin())
        crossed += int(means[:, 1].argmin()) != best
        ended = race(losses, 8)
        errors += ended[best].state != "complete"
        dropped += sum(one.state == "pruned" for one in ended.values())
    assert crossed > studies / 2, "curves hardly cross: the test shows nothing"
    assert dropped > studies * 24 / 4, "nobody is dropped: the test shows nothing"
    assert errors <= most


@pytest.mark.parametrize("studies", swept([60, 200], core=["60"]))
def test_without_differences_hardly_anybody_is_dropped(studies: int) -> None:
    trials = 12
    # As above, for the trial that is called the best, and for all trials as if they were independent.
    first = everybody = 0
    for repetition in range(studies):
        ended = race(crossing(np.random.default_rng(repetition), trials, 0.0), 6)
        first += ended[0].state == "pruned"
        everybody += sum(one.state == "pruned" for one in ended.values())
    assert first <= binom.ppf(0.999, studies, 0.05)
    assert everybody <= binom.ppf(0.999, studies * trials, 0.05)


def test_a_clearly_bad_one_is_dropped_at_the_first_look() -> None:
    random = np.random.default_rng(0)
    losses = crossing(random, 12, 0.0)
    losses[7] += 5 + random.normal(0, 0.1, EXAMPLES)
    ended = race(losses, 12)
    assert ended[7].state == "pruned"
    assert ended[7].epochs == look_epochs(EPOCHS)[0]


def first_look(gaps: list[float], own: float = 0.1) -> Round:
    """What racing decides of trials whose mean losses are so far above 0.3 at the first look."""
    random, epochs = np.random.default_rng(1), look_epochs(EPOCHS)[0]
    standings = []
    for number, gap in enumerate(gaps):
        dev = 0.3 + gap + random.normal(0, own, EXAMPLES)
        dev += 0.3 + gap - dev.mean()
        curve = np.full(epochs, 0.3 + gap)
        standings.append(Standing(number, "running", epochs, -curve, curve, {}, None, {epochs: dev}))
    found = Racing().next(standings, StageContext(len(gaps), EPOCHS, len(gaps), 0))
    assert found is not None
    return found


def test_both_tests_must_fail() -> None:
    gaps = [i / 10 for i in range(10)]
    outside = [i for i in range(10) if i > 10 * field_share(look_epochs(EPOCHS)[0] / EPOCHS)]
    assert outside
    assert sorted(first_look(gaps).drop) == outside
    assert not first_look(gaps, own=20.0).drop, "differences by chance drop somebody"
    assert not first_look([0.0] * 10).drop


def test_the_reason_names_leader_and_gap() -> None:
    why = first_look([i / 10 for i in range(10)]).drop[9]
    assert why.startswith("10 of 10 after 1 epoch; its dev loss is 0.9 above that of trial 0, ")
    assert why.endswith("standard errors")


def test_a_fresh_trial_is_compared_with_the_leader_at_the_same_look() -> None:
    look, random = look_epochs(EPOCHS)[0], np.random.default_rng(0)
    old = [
        Standing(n, "complete", EPOCHS, np.linspace(0.1, 0.9, EPOCHS), np.linspace(0.9, 0.1, EPOCHS), {}, None,
                 {look: np.full(EXAMPLES, 0.9) + random.normal(0, 0.01, EXAMPLES), EPOCHS: np.full(EXAMPLES, 0.1)})
        for n in range(9)
    ]  # fmt: skip

    def decided(loss: float) -> Round:
        dev = np.full(EXAMPLES, loss) + random.normal(0, 0.01, EXAMPLES)
        young = Standing(9, "running", look, np.full(look, 1 - loss), np.full(look, loss), {}, None, {look: dev})
        found = Racing().next([*old, young], StageContext(30, EPOCHS, 4, 0))
        assert found is not None
        return found

    assert decided(0.87).train == {9: look_epochs(EPOCHS)[1]}
    assert list(decided(1.5).drop) == [9]
    assert len(decided(1.5).fresh) == 4
    assert len(decided(0.87).fresh) == 3


def test_infinite_losses_are_worse_and_a_leader_is_needed() -> None:
    losses = crossing(np.random.default_rng(0), 8, 0.0)
    losses[3, 4:] = np.nan
    losses[5] = np.nan
    ended = race(losses, 3)
    assert ended[3].state == ended[5].state == "diverged"
    assert all(ended[i].state == "complete" for i in (0, 1, 2, 4, 6, 7))
    assert excess(np.array([1.0, np.inf]), np.array([1.0, 1.0])) == (np.inf, np.inf)
    assert excess(np.array([1.0, 1.0]), np.array([1.0, np.inf])) == (0.0, 0.0)


def test_a_member_alone_trains_to_the_end() -> None:
    ended = race(crossing(np.random.default_rng(0), 1, 1.0), 1)
    assert (ended[0].state, ended[0].epochs) == ("complete", EPOCHS)


@given(st.integers(2, 30), st.integers(0, 1000))
def test_excess_is_the_paired_statistic_of_scipy(examples: int, seed: int) -> None:
    mine, leader = np.random.default_rng(seed).normal(size=(2, examples))
    expected = ttest_rel(mine, leader)
    # Two sums of at most 30 float64 numbers in another order: 30 units of rounding, and some for the square root.
    assert excess(mine, leader)[1] == pytest.approx(expected.statistic, rel=1e-9)


def test_equal_losses_are_no_excess() -> None:
    assert excess(np.ones(5), np.ones(5)) == (0.0, 0.0)
    assert excess(np.full(5, 2.0), np.ones(5)) == (1.0, np.inf)


@given(st.integers(1, 2000))
def test_looks_rise_to_the_last_epoch(epochs: int) -> None:
    found = look_epochs(epochs)
    assert found == sorted(set(found))
    assert found[-1] == epochs
    assert all(0 < field_share(look / epochs) <= 1 for look in found)


def test_alpha_is_a_rate() -> None:
    for alpha in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="alpha must be between 0 and 1"):
            Racing(alpha)
