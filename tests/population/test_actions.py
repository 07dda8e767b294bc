"""Whatever a hand does to a member, its weights are those of an ordinary loop that does the same; on each engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from torch import nn

from ikura.nn.zoo.cnn import cnn
from ikura.population.changes import Change
from ikura.population.compiled import CompiledTile
from ikura.population.convolution import ConvolutionTile
from ikura.population.examples import Examples
from ikura.population.job import Job, Outcome, train
from ikura.population.member import Member
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
