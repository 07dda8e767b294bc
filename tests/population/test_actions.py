"""Whatever a hand does to a member, its weights are those of an ordinary loop that does the same; on each engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from ikura.nn.zoo.cnn import cnn
from ikura.population.changes import Change
from ikura.population.compiled import CompiledTile
from ikura.population.convolution import ConvolutionTile
from ikura.population.examples import Examples
from ikura.population.job import Job, train
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.population.stacked import StackedTile

from .conftest import likelihood
from .reference import Net
from .test_changes import AT, BASE, EPOCHS, RELATIVE, WithCodes, company, loop, network

LONGER = 6
CHANGED = {"learning_rate": 0.005, "momentum": 0.5, "l2": 0.05}
OTHERS = [{"weight_decay": 0.5}, {"clip_norm": 0.05}, {"clip_value": 0.01}, {"max_norm": 0.5}]


@dataclass(frozen=True)
class Case:
    """An engine: how its tiles are made, and the network for the loop.

    Attributes:
        made: examples, task, network.
        kind: the tile that is meant.
        count: members to a tile, of which the second is changed.
        began: hyperparameters.
        net: the network of a member, as the loop calls it.
    """

    made: TrainingSetup
    kind: type
    count: int
    began: dict[str, Any]
    net: Callable[[Member], nn.Module]

    def trained(self, members: list[Member], epochs: int, *changes: Change, **more: Any) -> list[Outcome]:
        job = Job(0, tuple(members), epochs, changes=changes, keep_states=True, **more)
        return train(self.made, job)

    def check(self, outcome: Outcome, epochs: int, changed: dict[str, Any]) -> None:
        """The weights that a member ends with are those of the loop, and its neighbours keep their bits."""
        state, member = outcome.going_on, company(self.began, self.count)[1]
        assert state is not None
        expected = loop(self.made, dict(member.hyperparameters), changed, self.net(member), epochs)
        np.testing.assert_allclose(state["tile.weights"], expected, rtol=RELATIVE, atol=1e-12)

    def check_others(self, found: list[Outcome], epochs: int) -> None:
        calm = self.trained(company(self.began, self.count), epochs)
        for one, other in zip(found, calm, strict=True):
            if one.number != 1:
                np.testing.assert_array_equal(one.curve, other.curve)


def images() -> TrainingSetup:
    random = np.random.default_rng(0)
    parts = []
    for rows in (50, 30):
        y = random.integers(0, 3, rows)
        x = random.normal(size=(rows, 1, 8, 7)) + y[:, None, None, None]
        parts.append(Examples(x, np.zeros((rows, 0), np.int32), y.astype(np.float64)))
    return TrainingSetup(*parts, Scorer("multiclass", likelihood), 3, network=cnn, dtype="float64", device="cpu")


@pytest.fixture(params=["compiled", "convolutional", "stacked"])
def case(request: pytest.FixtureRequest, setup: Callable[..., TrainingSetup]) -> Case:
    if request.param == "compiled":
        return Case(setup("multiclass"), CompiledTile, 3, BASE, lambda member: Net(member, 6, 3, ()))
    if request.param == "convolutional":
        made, began = images(), {**BASE, "units": 6, "channels": 3, "normalisation": "none", "dropout": 0.2}
        return Case(made, ConvolutionTile, 3, began, lambda member: WithCodes(made.module(member).double()))
    own = setup("multiclass", network=network)
    return Case(own, StackedTile, 8, BASE, lambda member: WithCodes(own.module(member).double()))


@pytest.mark.parametrize("changed", [CHANGED, *OTHERS], ids=str)
def test_set(case: Case, changed: dict[str, Any]) -> None:
    found = case.trained(company(case.began, case.count), EPOCHS, Change(1, AT, changed))
    assert type(case.made.tile(company(case.began, case.count))) is case.kind
    case.check(found[1], EPOCHS, changed)
    case.check_others(found, EPOCHS)


STEEP = {"learning_rate": 1.0, "step_factor": 0.5}
PLATEAU = STEEP | {"schedule_shape": "plateau", "plateau_patience": 0}
DISTANCE = STEEP | {"schedule_shape": "distance", "distance_growth": 1.05}
SHAPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"schedule_shape": "inverse_time", "learning_rate_decay": 0.3}),
    ({}, {"schedule_shape": "exponential", "learning_rate_decay": 0.3, "final_share": 0.4}),
    ({}, {"schedule_shape": "step", "step_epochs": 3, "step_factor": 0.5}),
    ({}, {"schedule_shape": "pieces", "pieces": "1:0.5 3:0.1", "learning_rate": 0.05}),
    ({}, {"schedule_shape": "cosine", "final_share": 0.1, "momentum": 0.5}),
    ({}, {"schedule_shape": "flat_cos"}),
    ({}, {"schedule_shape": "coslog"}),
    ({}, {"schedule_shape": "one_cycle", "peak_at": 0.7}),
    ({}, {"schedule_shape": "plateau", "plateau_patience": 1, "learning_rate": 0.5}),
    ({}, DISTANCE),
    ({"schedule_shape": "cosine"}, {"schedule_shape": "constant"}),
    ({"schedule_shape": "one_cycle", "peak_at": 0.2}, {"schedule_shape": "inverse_time"}),
    ({"schedule_shape": "step", "step_epochs": 1}, PLATEAU),
    (PLATEAU, {"schedule_shape": "cosine"}),
    (PLATEAU, DISTANCE),
    (DISTANCE, PLATEAU),
]
LONG, HALF = 8, 4


def given(case: Case, values: dict[str, Any]) -> list[Member]:
    """The company with some values."""
    members = company(case.began, case.count)
    return [replace(one, hyperparameters={**one.hyperparameters, **values}) for one in members]


@pytest.mark.parametrize(("began", "changed"), SHAPES, ids=str)
def test_another_shape_of_the_schedule(case: Case, began: dict[str, Any], changed: dict[str, Any]) -> None:
    """The rate is that of one with the shape from the start; what follows the training begins where the shape does."""
    members, change = given(case, began), Change(1, HALF, changed)
    calm, found = (case.trained(members, LONG, *changes) for changes in ([], [change]))
    state = found[1].going_on
    assert state is not None
    expected = loop(case.made, dict(members[1].hyperparameters), changed, case.net(members[1]), LONG, HALF)
    np.testing.assert_allclose(state["tile.weights"], expected, rtol=RELATIVE, atol=1e-12)
    assert (found[1].curve[HALF:] != calm[1].curve[HALF:]).any(axis=1).all()
    for one, other in zip(found, calm, strict=True):
        if one.number != 1:
            np.testing.assert_array_equal(one.curve, other.curve)


@pytest.mark.parametrize(("began", "changed"), SHAPES[-4:], ids=str)
def test_a_fork_with_another_shape_is_as_if_the_trial_had_been_changed(
    case: Case, began: dict[str, Any], changed: dict[str, Any]
) -> None:
    members, change = given(case, began), Change(1, HALF, changed)
    before = case.trained(members, HALF, budget=LONG)[1].going_on
    # A trial that stands still has its new values by then.
    paused = case.trained(members, LONG, change, Change(1, HALF, pauses=True))[1].going_on
    fork = Member(9, {**members[1].hyperparameters, **changed}, members[1].seed)
    curves = [case.trained([fork], LONG, states={9: state})[0].curve for state in (before, paused)]
    curves += [case.trained([members[1]], LONG, change, states={1: state})[0].curve for state in (before, paused)]
    for one in curves[1:]:
        np.testing.assert_array_equal(one, curves[0])


@pytest.mark.parametrize("began", [PLATEAU, DISTANCE], ids=str)
def test_what_such_a_schedule_left_of_the_rate_would_be_told_apart(case: Case, began: dict[str, Any]) -> None:
    for epochs in (HALF, LONG):
        state = case.trained(given(case, began), epochs, budget=LONG)[1].going_on
        assert state is not None
        assert state["feedback"][0, 0] < 1


def test_stop(case: Case) -> None:
    found = case.trained(company(case.began, case.count), EPOCHS, Change(1, AT, stops=True))
    case.check(found[1], AT, {})
    case.check_others(found, EPOCHS)


@pytest.mark.parametrize("changed", [{}, CHANGED], ids=["as it was", "changed meanwhile"])
def test_pause_and_go_on(case: Case, changed: dict[str, Any]) -> None:
    members = company(case.began, case.count)
    found = case.trained(members, EPOCHS, Change(1, AT, pauses=True))
    assert found[1].paused
    assert len(found[1].curve) == AT
    case.check(found[1], AT, {})
    case.check_others(found, EPOCHS)
    [alone] = case.trained([members[1]], EPOCHS, Change(1, AT, changed), states={1: found[1].going_on})
    case.check(alone, EPOCHS, changed)


def test_fork_and_rewind(case: Case) -> None:
    """A rewind is a fork, and a stop of its parent."""
    members = company(case.began, case.count)
    state = case.trained(members, AT, budget=EPOCHS)[1].going_on
    fork = Member(9, {**members[1].hyperparameters, **CHANGED}, members[1].seed)
    [found] = case.trained([fork], EPOCHS, states={9: state})
    case.check(found, EPOCHS, CHANGED)


def test_longer(case: Case) -> None:
    members = company(case.began, case.count)
    state = case.trained(members, EPOCHS)[1].going_on
    [found] = case.trained([Member(9, members[1].hyperparameters, members[1].seed)], LONGER, states={9: state})
    case.check(found, LONGER, {})
