"""The compiled tile, the stacked tile and an ordinary PyTorch training loop compute the same curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup

from .reference import Net, train_by_hand
from .table import ROWS, Row

EPOCHS = 4

# Float64 rounds by 1e-16; an output is a few hundred operations, and 4 epochs of at most 8 steps amplify differences
# some ten thousand times at the learning rates below. Measured: 2e-15.
RELATIVE = 1e-9

COMPANY: list[dict[str, Any]] = [
    {"optimizer": "sgd", "learning_rate": 0.05, "activation": "relu", "units": 10, "layers": 1},
    {"optimizer": "momentum", "learning_rate": 0.02, "momentum": 0.8, "activation": "tanh", "units": 7, "layers": 2,
     "batch_size": 20, "dropout": 0.3, "l2": 1e-3, "initialisation": "xavier", "learning_rate_decay": 0.1},
    {"optimizer": "adam", "learning_rate": 0.01, "activation": "sigmoid", "units": 12, "layers": 3, "batch_size": 64,
     "dropout": 0.1, "l2": 1e-2, "initialisation": "glorot", "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6},
    {"optimizer": "rmsprop", "learning_rate": 0.01, "activation": "elu", "units": 5, "layers": 2, "batch_size": 120,
     "dropout": 0.2, "learning_rate_decay": 0.5, "beta2": 0.9},
    {"optimizer": "adam", "learning_rate": 0.01, "activation": "leaky_relu", "units": 9, "layers": 0, "batch_size": 500,
     "l2": 1e-4},
    {"optimizer": "sgd", "learning_rate": 0.1, "activation": "tanh", "units": 6, "layers": 1, "batch_size": 17,
     "initialisation": "plus_minus_one"},
]  # fmt: skip


@pytest.mark.parametrize("cardinalities", [(), (20, 30)])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "multilabel", "values"])
def test_three_ways_give_the_same_curves(
    setup: Callable[..., TrainingSetup], task: str, cardinalities: tuple[int, ...]
) -> None:
    compiled, stacked = (setup(task, cardinalities, stacked=way) for way in (False, True))
    members = [Member(number, hyperparameters, 7) for number, hyperparameters in enumerate(COMPANY)]
    training = compiled.training(members)
    training.run(EPOCHS)
    for place, member in enumerate(members):
        net = Net(member, compiled.train.x.shape[1], compiled.outputs, cardinalities)
        expected = train_by_hand(compiled, member, net, EPOCHS)
        np.testing.assert_allclose(training.curve(place), expected, rtol=RELATIVE, err_msg=f"compiled {member}")
        alone = stacked.training([member])
        alone.run(EPOCHS)
        np.testing.assert_allclose(alone.curve(0), expected, rtol=RELATIVE, err_msg=f"stacked {member}")


class Normalised(nn.Module):
    """A network of the caller's own, with batch normalisation.

    There is no bias before it: its gradient would be zero but for rounding, which adaptive rules blow up.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            nn.Linear(6, units, bias=False), nn.BatchNorm1d(units), nn.SiLU(), nn.Linear(units, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


class WithCodes(nn.Module):
    """The same network, called as the training loop calls networks."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs; the codes are not used."""
        out: Tensor = self.net(x)
        return out


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_network_of_ones_own_trains_as_in_an_ordinary_loop(setup: Callable[..., TrainingSetup], row: Row) -> None:
    made = setup(network=lambda hp: Normalised(hp.units))
    member = Member(0, row.hyperparameters, 3)
    training = made.training([member])
    training.run(EPOCHS)
    net = made.module(member).double()
    expected = train_by_hand(made, member, WithCodes(net), EPOCHS)
    np.testing.assert_allclose(training.curve(0), expected, rtol=RELATIVE)
    state = training.tile.extract(0)
    for buffer in ("stack.1.running_mean", "stack.1.running_var"):
        np.testing.assert_allclose(state[f"buffer:{buffer}"], net.get_buffer(buffer), rtol=RELATIVE)
    assert state["buffer:stack.1.num_batches_tracked"] == net.get_buffer("stack.1.num_batches_tracked")


@pytest.mark.parametrize(("rows", "batch_size", "batches"), [(121, 40, 3), (121, 60, 2), (120, 50, 3), (30, 50, 1)])
def test_a_last_row_alone_is_normalised_with_the_mini_batch_before(
    setup: Callable[..., TrainingSetup], rows: int, batch_size: int, batches: int
) -> None:
    training = setup(rows=rows, network=lambda hp: Normalised(4)).training([Member(0, {"batch_size": batch_size}, 0)])
    training.run(2)
    assert training.tile.extract(0)["buffer:stack.1.num_batches_tracked"] == 2 * batches
    assert not training.diverged.any()


def test_a_last_row_alone_is_a_mini_batch_otherwise(setup: Callable[..., TrainingSetup]) -> None:
    compiled, stacked = (setup(rows=121, stacked=way) for way in (False, True))
    member = Member(0, {"batch_size": 40, "units": 5, "optimizer": "sgd"}, 0)
    expected = train_by_hand(compiled, member, Net(member, 6, 1, ()), EPOCHS)
    for made in (compiled, stacked):
        training = made.training([member])
        training.run(EPOCHS)
        np.testing.assert_allclose(training.curve(0), expected, rtol=RELATIVE)


def test_a_batch_grows_in_place_of_a_falling_learning_rate(setup: Callable[..., TrainingSetup]) -> None:
    hyperparameters = {"batch_size": 20, "units": 5, "optimizer": "momentum", "batch_growth": "1:2.5 3:10"}
    members = [Member(0, hyperparameters, 7), Member(1, hyperparameters | {"batch_growth": ""}, 7)]
    compiled, stacked = (setup("multiclass", stacked=way) for way in (False, True))
    expected = [train_by_hand(compiled, member, Net(member, 6, 3, ()), EPOCHS) for member in members]
    training = compiled.training(members)
    training.run(EPOCHS)
    assert [len(tile) for tile in pack(stacked, members, 8)] == [1, 1]
    for place, member in enumerate(members):
        np.testing.assert_allclose(training.curve(place), expected[place], rtol=RELATIVE)
        alone = stacked.training([member])
        alone.run(EPOCHS)
        np.testing.assert_allclose(alone.curve(0), expected[place], rtol=RELATIVE)
    # 120 examples: 6, then 3 (of 50, 50 and 20), 3 and 1 mini-batches.
    assert training.tile.extract(0)["steps"] == 6 + 3 + 3 + 1
