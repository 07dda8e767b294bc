"""Averaged weights: torch's `AveragedModel`, in every way of training, and what is evaluated and kept of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ikura.nn import Dropout
from ikura.nn.generators import preserved
from ikura.population.in_turn import InTurnTile
from ikura.population.member import Member
from ikura.population.own_optimizer import as_optimizer
from ikura.population.program.tile import ProgramTile
from ikura.population.setup import TrainingSetup
from ikura.population.stacked import StackedTile
from ikura.population.training import TrainingRun
from ikura.population.update_rules import RULES

from .reference import Net, train_by_hand

Make = Callable[..., TrainingSetup]
EPOCHS = 5

# Sums of 120 products and some 25 updates, each within 1e-16 of its value, which small roots may magnify.
RELATIVE = 1e-9
BASE: dict[str, Any] = {"units": 7, "batch_size": 25, "optimizer": "momentum", "learning_rate": 0.05, "ema_decay": 0.9}


class Own(nn.Module):
    """A network of the caller's with keyed dropout and statistics of the mini-batch."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        # No bias before the normalisation: its gradient would be rounding alone, which adaptive rules blow up.
        self.stack = nn.Sequential(
            nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), Dropout(rate, 0), nn.Linear(8, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


class WithCodes(nn.Module):
    """A network that is called as the loop calls networks."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs; the codes are not used."""
        out: Tensor = self.net(x)
        return out


def own(hp: Any) -> nn.Module:
    return Own(float(hp.get("dropout", 0.0)))


WAYS: dict[str, tuple[type, int, dict[str, Any]]] = {
    "in turn": (InTurnTile, 1, {"network": own}),
    "at once": (StackedTile, 8, {"network": own}),
    "program": (ProgramTile, 2, {"network": own, "programs": True}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("more", [*({"optimizer": rule, "learning_rate": 0.01} for rule in RULES), {}], ids=str)
def test_networks_of_ones_own_are_those_of_torch(setup: Make, way: str, more: dict[str, Any]) -> None:
    kind, count, how = WAYS[way]
    made = setup("multiclass", **how)
    members = [Member(n, BASE | {"dropout": 0.3} | more | {"ema_decay": 0.9 - n / 10}, 7) for n in range(count)]
    training = made.training(members)
    assert type(training.tile) is kind
    training.run(EPOCHS)
    for member in members[:2]:
        expected = train_by_hand(made, member, WithCodes(made.module(member).double()), EPOCHS)
        np.testing.assert_allclose(training.curve(member.number), expected, rtol=RELATIVE)


def loop(made: TrainingSetup, member: Member) -> tuple[np.ndarray, np.ndarray]:
    """The weights of an ordinary loop of `torch.optim.NAdam`, and their average."""
    net, rows = made.module(member).double(), len(made.train)
    rule = torch.optim.NAdam(net.parameters(), lr=member.values.learning_rate, betas=(0.8, 0.99))
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(member.values.ema_decay))
    for epoch in range(EPOCHS):
        ordered = made.train.ordered(member.seed, epoch)
        x, y = torch.from_numpy(ordered.x), torch.from_numpy(ordered.y).long()
        for begin in range(0, rows, 25):
            net.zero_grad()
            nn.functional.cross_entropy(net(x[begin : begin + 25]), y[begin : begin + 25]).backward()
            rule.step()
            averaged.update_parameters(net)
    return flat(net), flat(averaged)


def flat(net: nn.Module) -> np.ndarray:
    found: np.ndarray = nn.utils.parameters_to_vector(net.parameters()).detach().numpy()
    return found


def test_an_optimizer_of_torch_has_them_too(setup: Make) -> None:
    made = setup("multiclass", network=own, optimizer=as_optimizer("mine", torch.optim.NAdam))
    given = {name: one for name, one in BASE.items() if name != "optimizer"}
    members = [Member(n, given | {"beta1": 0.8, "beta2": 0.99, "ema_decay": d}, 7) for n, d in enumerate((0.9, 0.0))]
    training = made.training(members)
    training.run(EPOCHS)
    with preserved(dtype="float64"):
        weights, average = loop(made, members[0])
    for place in range(2):
        np.testing.assert_allclose(training.tile.flat(place), weights, rtol=RELATIVE, atol=1e-12)
    np.testing.assert_allclose(training.tile.extract(0)["average"], average, rtol=RELATIVE, atol=1e-12)
    assert "average" not in training.tile.extract(1)
    alone = made.training(members[:1])
    alone.run(EPOCHS)
    np.testing.assert_array_equal(alone.curve(0), training.curve(0))


class Swapping(torch.optim.SGD):
    """Evaluates other weights than it trains, as schedule-free optimizers do."""

    def train(self) -> None:
        for p in self.param_groups[0]["params"]:
            p.data = self.state[p].pop("trained", p.data)

    def eval(self) -> None:
        for p in self.param_groups[0]["params"]:
            self.state[p]["trained"], p.data = p.data.clone(), torch.zeros_like(p.data)


def test_optimizers_that_evaluate_other_weights_train_on_as_without(setup: Make) -> None:
    made = setup("multiclass", network=own, optimizer=as_optimizer("mine", Swapping))
    given = {name: one for name, one in BASE.items() if name != "optimizer"}
    training = made.training([Member(n, given | {"ema_decay": d}, 7) for n, d in enumerate((0.9, 0.0))])
    training.run(EPOCHS)
    first, second = (training.curve(place) for place in range(2))
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert (first[:, 1] != second[:, 1]).all()
    assert np.ptp(second[:, 1]) == 0


FORMS: dict[str, dict[str, Any]] = {
    "compiled": {}, "stacked": {"stacked": True}, **{name: how for name, (_, _, how) in WAYS.items()}
}  # fmt: skip


FAST = {name: {"learning_rate": 0.3} for name in WAYS} | {
    name: {"optimizer": "adam", "learning_rate": 0.1} for name in ("compiled", "stacked")
}
"""With which the last epoch is not the best."""


def began(setup: Make, form: str, values: list[dict[str, Any]]) -> tuple[TrainingSetup, TrainingRun]:
    made = setup("multiclass", **FORMS[form])
    return made, made.training([Member(n, BASE | {"dropout": 0.2} | one, 7) for n, one in enumerate(values)])


@pytest.mark.parametrize("form", FORMS)
def test_the_average_of_the_best_epoch_is_kept_and_scored(setup: Make, form: str) -> None:
    made, training = began(setup, form, [FAST[form], *[{}] * 8])
    training.run(25)
    best = int(training.best_epoch[0])
    assert best + 1 < 25
    _, again = began(setup, form, [FAST[form], *[{}] * 8])
    again.run(best + 1)
    np.testing.assert_array_equal(training.tile.best(0)[0], again.tile.extract(0)["average"])
    assert not np.array_equal(training.tile.best(0)[0], again.tile.flat(0))
    net = made.trained(training.tile.members[0], *training.tile.best(0))
    inputs = (torch.from_numpy(made.dev.x), *(() if made.network is not None else (torch.from_numpy(made.dev.codes),)))
    with torch.no_grad():
        outputs = net.eval()(*inputs).numpy()
    losses, _ = made.scorer(outputs[None].copy(), made.dev.y, training.more)
    np.testing.assert_allclose(losses[0], training.curve(0)[best, 1], rtol=RELATIVE)
    training.train_scores()
    np.testing.assert_allclose(training.tile.outputs(made.dev)[0], outputs, rtol=RELATIVE, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_it_changes_neither_training_nor_those_without(setup: Make, form: str) -> None:
    _, mixed = began(setup, form, [{"ema_decay": d} for d in (0.0, 0.5, 0.0, 0.99, 0.0, 0.0, 0.9, 0.0)])
    _, plain = began(setup, form, [{"ema_decay": 0.0}] * 8)
    for training in (mixed, plain):
        training.run(EPOCHS)
    for place, member in enumerate(mixed.tile.members):
        np.testing.assert_array_equal(mixed.tile.flat(place), plain.tile.flat(place))
        np.testing.assert_array_equal(mixed.curve(place)[:, 0], plain.curve(place)[:, 0])
        state, other = mixed.tile.extract(place), plain.tile.extract(place)
        assert ("average" in state) == (member.values.ema_decay > 0)
        if member.values.ema_decay == 0:
            np.testing.assert_array_equal(mixed.curve(place), plain.curve(place))
            assert state.keys() == other.keys()
        else:
            assert state["moments"].shape == other["moments"].shape


@pytest.mark.parametrize("form", FORMS)
def test_states_go_on_with_and_without(setup: Make, form: str) -> None:
    parent, other = [{"ema_decay": 0.9}, {"ema_decay": 0.0}], [{"ema_decay": 0.0}, {"ema_decay": 0.9}]
    _, first = began(setup, form, parent)
    first.run(2)
    _, second = began(setup, form, other)
    for place in range(2):
        second.insert(place, first.extract(place))
    np.testing.assert_array_equal(second.tile.extract(1)["average"], first.tile.flat(1))
    assert "average" not in second.tile.extract(0)
    first.run(4)
    second.run(4)
    for place in range(2):
        np.testing.assert_array_equal(second.tile.flat(place), first.tile.flat(place))


def test_before_the_first_update_it_is_the_weights(setup: Make) -> None:
    for form in FORMS:
        made, training = began(setup, form, [{"ema_decay": 0.9}, {"ema_decay": 0.0}])
        averaged, plain = training.tile.outputs(made.dev)
        np.testing.assert_array_equal(averaged, plain)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.999, 1e-3]) | st.floats(0, 0.9999), min_size=1, max_size=5),
    st.sampled_from(sorted(RULES)),
    st.sampled_from([8, 50, 400]),
)
def test_any_decays_are_those_of_torch(setup: Make, decays: list[float], rule: str, batch: int) -> None:
    made, given = setup("multiclass"), {"optimizer": rule, "batch_size": batch, "learning_rate": 0.01}
    members = [Member(n, BASE | given | {"ema_decay": d}, 7) for n, d in enumerate(decays)]
    training = made.training(members)
    training.run(3)
    for member in members:
        expected = train_by_hand(made, member, Net(member, 6, 3, (), made), 3)
        np.testing.assert_allclose(training.curve(member.number), expected, rtol=RELATIVE)
