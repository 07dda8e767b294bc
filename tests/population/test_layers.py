"""What layers are made of: activations, initialisations, normalisations, and what single layers have of their own.

A row of the table inherits all tests: an ordinary PyTorch loop gives the same curves in both ways of running a tile,
company makes no difference, a member that diverges changes nobody, training goes on from its state, and the network
that is kept is the one of the best epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ikura.nn import ACTIVATIONS, INITIALISATIONS, NORMALISATIONS, Dropout
from ikura.nn.dropout import INPUTS
from ikura.nn.noise import key, normal
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup

from ..sweep import swept
from .reference import ACTIVATION, train_by_hand
from .test_solo import assert_each_as_if_alone

EPOCHS = 4

# As in test_reference: some ten thousand amplifications of 1e-16. Measured: 2e-15.
RELATIVE = 1e-9

BASE = {"learning_rate": 0.01, "units": 8, "layers": 2, "batch_size": 32, "l2": 1e-3, "dropout": 0.1}

TABLE: dict[str, dict[str, Any]] = {
    **{f"activation={name}": {"activation": name} for name in ACTIVATIONS},
    **{f"initialisation={name}": {"initialisation": name, "learning_rate": 1e-3} for name in INITIALISATIONS},
    # Smaller than they come: the loop's log of a probability is cut off at -100.
    "initialisation=large": {"initialisation": "large", "initial_scale": 0.05, "learning_rate": 1e-3},
    "initialisation=plus_minus_one": {"initialisation": "plus_minus_one", "initial_scale": 0.2, "learning_rate": 1e-3},
    **{f"normalisation={name}": {"normalisation": name} for name in NORMALISATIONS},
    "batch and momentum": {"normalisation": "batch", "optimizer": "momentum", "normalisation_momentum": 0.4},
    "batch, one layer": {"normalisation": "batch", "layers": 1, "activation": "gelu", "optimizer": "sgd"},
    "batch, no layer": {"normalisation": "batch", "layers": 0},
    "batch by example": {"normalisation": "batch", "batch_size": 1, "learning_rate": 1e-3},
    "ghosts of 7": {"normalisation": "ghost", "ghost_size": 7, "normalisation_momentum": 0.5, "activation": "silu"},
    "ghosts of 31 and 1": {"normalisation": "ghost", "ghost_size": 31, "layers": 3},
    "ghosts above the batch": {"normalisation": "ghost", "ghost_size": 1000, "optimizer": "rmsprop"},
    "layer and sgd": {"normalisation": "layer", "optimizer": "sgd", "layers": 3, "activation": "tanh"},
    "scale": {"initial_scale": 0.3},
    "widths": {"units_1": 5, "units_2": 11, "layers": 3, "units_4": 99},
    "rates": {"dropout_1": 0.5, "dropout_2": 0.0},
    "input dropout": {"dropout_input": 0.4},
    "batch, averaged": {"normalisation": "batch", "dropout": 0.2, "ema_decay": 0.9, "optimizer": "momentum"},
    "ghosts, averaged": {"normalisation": "ghost", "ghost_size": 7, "dropout_input": 0.2, "ema_decay": 0.8},
    "layer, averaged": {"normalisation": "layer", "dropout": 0.3, "dropout_input": 0.1, "ema_decay": 0.9},
    "all of it": {"dropout_input": 0.2, "dropout_2": 0.3, "units_2": 3, "normalisation": "batch", "activation": "elu"},
}
ROWS = pytest.mark.parametrize("row", swept(TABLE, core=TABLE))
CORE_ROWS = pytest.mark.parametrize(
    "row",
    swept(
        TABLE,
        core=["normalisation=batch", "ghosts of 7", "layer and sgd", "batch by example", "widths", "all of it",
              "batch, averaged"],
    ),
)  # fmt: skip
WAYS = pytest.mark.parametrize("way", ["compiled", "stacked"])


class Ghosts(nn.Module):
    """Ghost normalisation as a loop over ghosts."""

    def __init__(self, units: int, size: int, momentum: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
        self.size, self.momentum = size, momentum
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(units).double())
        self.register_buffer("deviation", torch.ones(units).double())

    def forward(self, z: Tensor) -> Tensor:
        """Normalise the ghosts of one mini-batch."""
        if not self.training:
            return (z - self.mean) / self.deviation * self.weight + self.bias
        parts = list(z.split(self.size))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-2:] = [torch.cat(parts[-2:])]
        out = []
        for part in parts:
            mean, deviation = part.mean(0), (part.var(0, correction=0) + 1e-5).sqrt()
            self.mean = (1 - self.momentum) * self.mean + self.momentum * mean.detach()
            self.deviation = (1 - self.momentum) * self.deviation + self.momentum * deviation.detach()
            out.append((part - mean) / deviation * self.weight + self.bias)
        return torch.cat(out)


class Shift(nn.Module):
    """What batch normalisation makes of examples one by one: the shift in training, z - running mean at evaluation."""

    def __init__(self, units: int, momentum: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
        self.momentum, self.mean = momentum, torch.zeros(units).double()

    def forward(self, z: Tensor) -> Tensor:
        """Normalise one example, or many by the running mean and a variance of one."""
        if self.training:
            self.mean = (1 - self.momentum) * self.mean + self.momentum * z[0].detach()
            return 0 * z * self.weight + self.bias
        return (z - self.mean) / (1 + 1e-5) ** 0.5 * self.weight + self.bias


def normal_by_torch(values: Any, units: int) -> nn.Module:
    """The normaliser of a layer as torch or a loop has it."""
    if values.normalisation == "ghost":
        return Ghosts(units, values.ghost_size, values.normalisation_momentum)
    if values.normalisation == "layer":
        return nn.LayerNorm(units)
    if values.batch_size == 1:
        return Shift(units, values.normalisation_momentum)
    return nn.BatchNorm1d(units, momentum=values.normalisation_momentum)


class Net(nn.Module):
    """An embedding and a `Sequential`, with weights drawn from keyed noise."""

    def __init__(self, member: Member, inputs: int, outputs: int, cardinality: int) -> None:
        super().__init__()
        values, seed = member.values, member.seed
        size = min(16, int(np.ceil(np.sqrt(cardinality))))
        table = torch.from_numpy(normal(key(seed, "embedding", 0), cardinality, size)) / size**0.5
        table[0] = 0
        self.table = nn.Embedding.from_pretrained(table, freeze=False)
        widths = [values.get(f"units_{k + 1}", values.units) for k in range(values.layers)]
        rates = [values.get(f"dropout_{k + 1}", values.dropout) for k in range(values.layers)]
        stack: list[nn.Module] = [Dropout(values.dropout_input, INPUTS)]
        for layer, (fan_in, fan_out) in enumerate(pairwise([inputs + size, *widths, outputs])):
            normalised = values.normalisation != "none" and layer < values.layers
            linear = nn.Linear(fan_in, fan_out, bias=not normalised, dtype=torch.float64)
            draw = INITIALISATIONS[values.initialisation](key(seed, "weights", layer), fan_out, fan_in)
            linear.weight.data = torch.from_numpy(draw * values.initial_scale)
            if linear.bias is not None:
                linear.bias.data.zero_()
            stack.append(linear)
            if layer < values.layers:
                stack += [normal_by_torch(values, fan_out).double()] if normalised else []
                stack += [ACTIVATION[values.activation](), Dropout(rates[layer], layer)]
        self.stack = nn.Sequential(*stack)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(torch.cat([x, self.table(codes[:, 0].long())], 1))
        return out


def build(
    make: Callable[..., TrainingSetup], way: str, task: str = "multiclass", row: Any = None, **more: Any
) -> TrainingSetup:
    """A training setup that trains in one of two ways, on few examples where they come one by one."""
    rows = 24 if row is not None and row.get("batch_size") == 1 else 120
    return make(task, (20,), stacked=way == "stacked", rows=rows, **more)


def test_the_table_has_every_name() -> None:
    for kind, names in (
        ("activation", ACTIVATIONS),
        ("initialisation", INITIALISATIONS),
        ("normalisation", NORMALISATIONS),
    ):
        assert {f"{kind}={name}" for name in names} <= TABLE.keys()


@ROWS
@pytest.mark.parametrize("task", swept(["binary", "multiclass", "regression"], core=["multiclass"]))
def test_both_ways_train_as_an_ordinary_loop(
    setup: Callable[..., TrainingSetup], row: dict[str, Any], task: str
) -> None:
    member = Member(0, BASE | row, 7)
    for way in ("compiled", "stacked"):
        made = build(setup, way, task, row)
        expected = train_by_hand(made, member, Net(member, made.train.x.shape[1], made.outputs, 20), EPOCHS)
        training = made.training([member])
        training.run(EPOCHS)
        np.testing.assert_allclose(training.curve(0), expected, rtol=RELATIVE, err_msg=way)


@pytest.mark.parametrize("way", swept(["compiled", "stacked"], core=["compiled"]))
def test_each_in_company_is_as_if_alone(setup: Callable[..., TrainingSetup], way: str) -> None:
    members = [Member(number, BASE | row, 5) for number, row in enumerate(TABLE.values())]
    members += [Member(100 + m.number, {**m.hyperparameters, "units": 3}, 5) for m in members[::4]]
    assert_each_as_if_alone(build(setup, way), members, RELATIVE, EPOCHS)


@CORE_ROWS
@WAYS
def test_neighbours_of_one_that_diverges_keep_every_bit(
    setup: Callable[..., TrainingSetup], row: dict[str, Any], way: str
) -> None:
    made = build(setup, way, "regression", row, dtype="float32")

    def run(learning_rate: float) -> Any:
        tame = BASE | row
        members = [Member(0, tame, 3), Member(1, tame | {"learning_rate": learning_rate}, 3), Member(2, tame, 3)]
        training = made.training(members)
        training.run(EPOCHS)
        return training

    wild, tame = run(float("1e38")), run(1e-3)
    assert wild.diverged.tolist() == [False, True, False]
    for k in (0, 2):
        np.testing.assert_array_equal(wild.curve(k), tame.curve(k))
        for name, array in wild.tile.extract(k).items():
            np.testing.assert_array_equal(array, tame.tile.extract(k)[name], err_msg=name)


@CORE_ROWS
@WAYS
def test_training_goes_on_from_its_state_to_the_bit(
    setup: Callable[..., TrainingSetup], row: dict[str, Any], way: str
) -> None:
    made = build(setup, way, row=row, dtype="float32")
    members = [Member(number, BASE | row | {"learning_rate": rate}, 3) for number, rate in enumerate((0.01, 0.03))]
    whole, first, second = (made.training(members) for _ in range(3))
    whole.run(EPOCHS)
    first.run(2)
    for place in range(2):
        second.insert(place, first.extract(place))
    # What `begin` measures at the start goes along with the state.
    second.run(EPOCHS)
    for place in range(2):
        np.testing.assert_array_equal(second.curve(place), whole.curve(place))
        expected, found = whole.extract(place), second.extract(place)
        assert expected.keys() == found.keys()
        for name in expected.keys() - {"seconds"}:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@CORE_ROWS
@WAYS
def test_the_network_that_is_kept_is_that_of_the_best_epoch(
    setup: Callable[..., TrainingSetup], row: dict[str, Any], way: str
) -> None:
    made = build(setup, way, "regression", row, least_units=16)
    members = [Member(n, BASE | row | {"learning_rate": rate}, 0) for n, rate in enumerate((0.2, 0.01))]
    training = made.training(members)
    training.run(6)
    dev = torch.from_numpy(made.dev.x), torch.from_numpy(made.dev.codes)
    for place, member in enumerate(members):
        z = made.trained(member, *training.tile.best(place))(*dev)[:, 0].detach().numpy()
        # The best epoch's loss in another order of sums: 1e-16 for each of some hundred operations.
        assert np.mean((z - made.dev.y) ** 2) == pytest.approx(training.best_loss[place], rel=1e-10)


@WAYS
@pytest.mark.parametrize("name", ["batch", "ghost"])
@pytest.mark.parametrize(("rows", "batch_size", "batches"), [(121, 40, 3), (121, 60, 2), (120, 50, 3), (30, 50, 1)])
def test_a_last_row_alone_is_normalised_with_the_mini_batch_before(
    setup: Callable[..., TrainingSetup], way: str, name: str, rows: int, batch_size: int, batches: int
) -> None:
    # With a share of one half a running mean of ones, fed with zeros, tells how often it was moved.
    hyperparameters = {"normalisation": name, "batch_size": batch_size, "normalisation_momentum": 0.5, "layers": 1,
                       "initialisation": "zeros", "learning_rate": 0.0, "ghost_size": 1000}  # fmt: skip
    tile = setup(rows=rows, stacked=way == "stacked").tile([Member(0, hyperparameters, 0)])
    state = tile.extract(0)
    for buffer in ("running", "buffer:layers.0.1.running_mean"):
        if buffer in state:
            state[buffer] = np.ones_like(state[buffer])
    tile.insert(0, state)
    tile.train_epoch(setup(rows=rows).train, 0)
    tile.keep([0])
    assert tile.best(0)[1]["layers.0.1.running_mean"] == pytest.approx(np.full(64, 0.5**batches))


@pytest.mark.parametrize("name", ["batch", "ghost"])
def test_both_ways_agree_where_a_last_row_joins(setup: Callable[..., TrainingSetup], name: str) -> None:
    member = Member(0, BASE | {"normalisation": name, "ghost_size": 9, "batch_size": 40}, 5)
    curves = []
    for way in ("compiled", "stacked"):
        training = setup("binary", rows=121, stacked=way == "stacked").training([member])
        training.run(EPOCHS)
        curves.append(training.curve(0))
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-11)


@WAYS
@pytest.mark.parametrize("name", NORMALISATIONS)
def test_scale_and_shift_are_not_penalised(setup: Callable[..., TrainingSetup], way: str, name: str) -> None:
    made = build(setup, way, least_units=16)
    member = Member(0, {"normalisation": name, "l2": 0.5, "units": 4}, 0)
    tile = made.tile([member])
    weights = [p.detach() for p in made.layout(member).module(member).parameters() if p.dim() > 1]
    expected = 0.25 * sum(float((w**2).sum()) for w in weights)
    assert tile.penalties()[0] == pytest.approx(expected, rel=1e-12)


def test_layer_normalisation_is_never_padded(setup: Callable[..., TrainingSetup]) -> None:
    made = setup(stacked=True, least_units=32)
    members = [Member(n, {"normalisation": "layer", "units": 4 + n % 2}, 0) for n in range(6)]
    tiles = pack(made, members, 8)
    assert sorted(len(tile) for tile in tiles) == [3, 3]
    for tile in tiles:
        assert made.tile(tile).weights.shape[1] == made.layout(tile[0]).size
