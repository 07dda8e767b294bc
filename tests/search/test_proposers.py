"""Every proposer through the same tests; a new one joins by its row in PROPOSERS."""

from __future__ import annotations

import random
from math import nan

import numpy as np
import pytest

from ikura.errors import UsageError
from ikura.search import PROPOSERS, Observation, Proposer, Stage, proposer
from ikura.space import Space, choice, default_space, integer, linear, log, log_complement, when

SPACES = {
    "default": default_space(600, 344, 7).space,
    "conditional": Space(
        when(optimizer="adam", beta2=log_complement(0.9, 0.999)),
        when(optimizer=("adam", "momentum"), schedule=choice("constant", "cosine")),
        when(schedule="cosine", warm_up=integer(1, 10)),
        learning_rate=log(1e-4, 1),
        optimizer=choice("sgd", "momentum", "adam"),
    ),
    "one number": Space(learning_rate=log(1e-4, 1)),
    "one choice": Space(activation=choice("relu", "tanh")),
    "nothing varies": Space(units=8),
    "empty": Space(),
}
BUDGETS = [(1, 1), (1, 100), (2, 1), (7, 30), (8, 1), (8, 100), (15, 3), (47, 10), (48, 100), (128, 100), (301, 7)]

every_proposer = pytest.mark.parametrize("name", PROPOSERS)
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())


def quality(configuration: dict[str, object]) -> float:
    """Score a configuration by its numbers alone, in a fixed but arbitrary way."""
    numbers = [float(value) for value in configuration.values() if isinstance(value, int | float)]
    return -abs(sum(numbers) % 1 - 0.5)


def play(search: Proposer, trials: int, epochs: int, failing: float = 0.3) -> tuple[list[Stage], list[Observation]]:
    """Run a study without training; a share of the trials diverges."""
    luck = np.random.default_rng(0)
    history: list[Observation] = []
    stages = search.stages(trials, epochs)
    for stage in stages:
        for one in search.ask(stage, stage.trials, history):
            score = nan if luck.random() < failing else quality(one.configuration)
            history.append(Observation(len(history), stage.index, one.configuration, score, -score))
    return stages, history


@every_proposer
@pytest.mark.parametrize(("trials", "epochs"), BUDGETS)
def test_stages_use_the_budget(name: str, trials: int, epochs: int) -> None:
    stages = proposer(name, SPACES["default"], 0).stages(trials, epochs)
    assert [stage.index for stage in stages] == list(range(len(stages)))
    assert len({stage.name for stage in stages}) == len(stages)
    assert sum(stage.trials for stage in stages) == trials
    assert all(stage.trials >= 1 for stage in stages)
    assert all(1 <= stage.epochs <= epochs for stage in stages)
    assert [stage.epochs for stage in stages] == sorted(stage.epochs for stage in stages)
    assert stages[-1].epochs == epochs


@every_proposer
@every_space
@pytest.mark.parametrize("trials", [1, 8, 60])
@pytest.mark.parametrize("failing", [0.0, 0.3, 1.0])
def test_proposals_lie_in_the_space(name: str, space: Space, trials: int, failing: float) -> None:
    _, history = play(proposer(name, space, 1), trials, 20, failing)
    assert len(history) == trials
    for one in history:
        assert list(one.configuration) == space.active(one.configuration)
        assert all(space[key].contains(value) for key, value in one.configuration.items())


@every_proposer
@every_space
def test_asking_is_a_pure_function(name: str, space: Space) -> None:
    stages, history = play(proposer(name, space, 7), 60, 20)
    shuffled = random.Random(0).sample(history, len(history))
    for stage in stages:
        known = [one for one in history if one.stage < stage.index]
        expected = [one.configuration for one in history if one.stage == stage.index]
        for given in (known, history, shuffled):
            again = proposer(name, space, 7).ask(stage, stage.trials, given)
            assert [one.configuration for one in again] == expected


@every_proposer
@every_space
def test_more_begins_with_the_same(name: str, space: Space) -> None:
    search = proposer(name, space, 3)
    stages, history = play(search, 60, 20)
    for stage in stages:
        longer = search.ask(stage, 30, history)
        for count in (0, 1, 7, 30):
            assert search.ask(stage, count, history) == longer[:count]


@every_proposer
def test_order_of_the_hyperparameters_does_not_matter(name: str) -> None:
    tables = SPACES["conditional"].as_dict()
    turned = Space.from_dict(dict(reversed(tables.items())))
    _, first = play(proposer(name, SPACES["conditional"], 2), 60, 20)
    _, second = play(proposer(name, turned, 2), 60, 20)
    for a, b in zip(first[:30], second[:30], strict=True):
        assert a.configuration == b.configuration


@every_proposer
def test_seed_and_stage_change_the_draws(name: str) -> None:
    space = SPACES["one number"]
    stage = proposer(name, space, 0).stages(8, 10)[0]
    other = Stage(stage.index + 1, "again", 4, 10)
    asked = [
        tuple(one.configuration["learning_rate"] for one in proposer(name, space, seed).ask(which, 4, []))
        for seed, which in ((0, stage), (1, stage), (0, other))
    ]
    assert len(set(asked)) == 3


@every_proposer
def test_everything_diverged_is_the_whole_space_again(name: str) -> None:
    search = proposer(name, SPACES["one number"], 0)
    stage = search.stages(200, 10)[-1]
    history = [Observation(n, -1, {"learning_rate": 0.5}, nan, nan) for n in range(100)]
    rates = [one.configuration["learning_rate"] for one in search.ask(stage, 400, history)]
    decades = np.bincount(np.floor(np.log10(rates)).astype(int) + 4, minlength=4)
    # Binomial(400, 1/4) has a standard deviation of 8.7; leaving 100 ± 48 by chance has a probability below 1e-6.
    assert decades.min() > 52
    assert decades.max() < 148
    assert search.regions(stage, history) == {}


@every_proposer
@every_space
def test_regions_lie_in_the_space(name: str, space: Space) -> None:
    search = proposer(name, space, 5)
    stages, history = play(search, 60, 20)
    assert search.regions(stages[0], history) == {}
    for stage in stages:
        for key, values in search.regions(stage, history).items():
            assert all(space[key].contains(value) for value in values)
            if space[key].numeric:
                low, high = values
                assert low <= high  # type: ignore[operator]
            else:
                assert values


@every_proposer
@pytest.mark.parametrize(("trials", "epochs"), [(0, 1), (1, 0), (-3, 5)])
def test_no_budget(name: str, trials: int, epochs: int) -> None:
    with pytest.raises(UsageError, match="must be at least 1, but got"):
        proposer(name, SPACES["default"], 0).stages(trials, epochs)


@every_proposer
def test_negative_seed(name: str) -> None:
    with pytest.raises(UsageError, match="seed must be at least 0, but got -1"):
        proposer(name, SPACES["default"], -1)


def test_table() -> None:
    assert all(name == one.name for name, one in PROPOSERS.items())
    with pytest.raises(UsageError, match=r"unknown search 'coarse2fine', did you mean 'coarse-to-fine'\?: use random"):
        proposer("coarse2fine", SPACES["default"])


def test_random_search_gives_each_decade_a_quarter() -> None:
    search = proposer("random", SPACES["one number"], 11)
    [stage] = search.stages(4000, 1)
    rates = [one.configuration["learning_rate"] for one in search.ask(stage, 4000, [])]
    share = np.bincount(np.floor(np.log10(rates)).astype(int) + 4, minlength=4) / 4000
    # The standard deviation of a share is sqrt(3/16/4000) = 0.0068; five of them fail by chance once in 1.7 million.
    assert share == pytest.approx([0.25] * 4, abs=0.034)


def test_random_search_tries_a_new_value_of_everything_each_time() -> None:
    search = proposer("random", Space(a=linear(0, 1), b=linear(0, 1)), 0)
    [stage] = search.stages(100, 1)
    tried = [one.configuration for one in search.ask(stage, 100, [])]
    assert len({one["a"] for one in tried}) == len({one["b"] for one in tried}) == 100


def test_draws_of_one_hyperparameter_do_not_depend_on_the_others() -> None:
    small, large = Space(a=linear(0, 1)), Space(b=choice(1, 2), a=linear(0, 1), c=log(1, 2))
    [stage] = proposer("random", small, 4).stages(20, 1)
    first = proposer("random", small, 4).ask(stage, 20, [])
    second = proposer("random", large, 4).ask(stage, 20, [])
    assert [one.configuration["a"] for one in first] == [one.configuration["a"] for one in second]
