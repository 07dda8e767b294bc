"""The training setup: every member in one tile, and networks of the caller's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ikura.errors import UsageError
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup


class Own(nn.Module):
    """A network whose slope is a plain attribute, out of reach of stacking."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(hp.inputs, hp.units)
        self.last = nn.Linear(hp.units, hp.outputs)
        self.slope = lambda x: x * hp.slope

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.last(torch.tanh(self.slope(self.layer(x))))
        return out


members_of_a_study = st.lists(
    st.fixed_dictionaries(
        {
            "units": st.integers(1, 9),
            "layers": st.integers(0, 2),
            "batch_size": st.sampled_from([16, 32]),
            "activation": st.sampled_from(["relu", "tanh"]),
            "seed": st.integers(0, 1),
        }
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members_of_a_study, st.integers(1, 8), st.sampled_from(["compiled", "stacked", "own"]))
def test_every_member_is_in_one_tile_that_it_fits(
    setup: Callable[..., TrainingSetup], rows: list[dict[str, Any]], size: int, way: str
) -> None:
    members = [Member(n, {k: v for k, v in row.items() if k != "seed"}, row["seed"]) for n, row in enumerate(rows)]

    def network(hp: Any) -> nn.Module:
        return nn.Linear(hp.inputs, 1) if hp.units < 5 else nn.Sequential(nn.Linear(hp.inputs, 1))

    made = setup(stacked=way != "compiled", network=network if way == "own" else None)
    tiles = pack(made, members, size)
    assert Counter(m.number for tile in tiles for m in tile) == Counter(m.number for m in members)
    for tile in tiles:
        assert 1 <= len(tile) <= size
        assert len({m.seed for m in tile}) == 1
        if way != "compiled":
            assert len({m.values.batch_size for m in tile}) == 1
        if way == "stacked":
            assert len({(m.values.layers, m.values.activation) for m in tile}) == 1
        if way == "own":
            assert len({m.values.units < 5 for m in tile}) == 1
        made.tile(tile)
    assert pack(made, members, size) == tiles


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members_of_a_study, st.integers(1, 8), st.randoms(use_true_random=False))
def test_tiles_do_not_depend_on_the_order_of_members(
    setup: Callable[..., TrainingSetup], rows: list[dict[str, Any]], size: int, random: Any
) -> None:
    members = [Member(n, {k: v for k, v in row.items() if k != "seed"}, row["seed"]) for n, row in enumerate(rows)]
    shuffled = random.sample(members, len(members))
    made = setup()
    as_numbers = [
        sorted(sorted(m.number for m in tile) for tile in pack(made, some, size)) for some in (members, shuffled)
    ]
    assert as_numbers[0] == as_numbers[1]


def test_compiled_tiles_are_as_few_as_can_be_and_costly_ones_come_first(setup: Callable[..., TrainingSetup]) -> None:
    members = [Member(n, {"units": 4 + 10 * n, "batch_size": 64 >> n % 3}, 0) for n in range(10)]
    tiles = pack(setup(), members, 4)
    assert len(tiles) == 3
    assert max(map(len, tiles)) - min(map(len, tiles)) <= 1
    assert tiles[0][0].number in {7, 8, 9}


def test_members_with_a_function_of_their_own_keep_it(setup: Callable[..., TrainingSetup]) -> None:
    made = setup(network=Own)
    members = [Member(n, {"units": 4, "slope": 0.1 * n}, 0) for n in range(30)]
    for tile in pack(made, members, 30):
        training = made.training(tile)
        outputs = training.tile.outputs(made.dev)
        for place, member in enumerate(tile):
            expected = made.module(member).double()(torch.from_numpy(made.dev.x)).detach()
            # One batched product against one ordinary one: sums of 6 and 4 terms of size about 1.
            np.testing.assert_allclose(outputs[place], expected, rtol=0, atol=1e-14)


def test_weights_of_a_network_of_ones_own_are_keyed_by_the_seed(setup: Callable[..., TrainingSetup]) -> None:
    made = setup(network=Own)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    nets = [made.module(Member(n, {"units": 4, "slope": 1.0}, seed)) for n, seed in enumerate((0, 0, 1))]
    one, same, other = (net.get_parameter("layer.weight") for net in nets)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_is_told_its_inputs_and_outputs(setup: Callable[..., TrainingSetup]) -> None:
    told: list[Any] = []

    def network(hp: Any) -> nn.Module:
        told.append((hp.inputs, hp.outputs, hp["units"]))
        return nn.Linear(hp.inputs, hp.outputs)

    setup("multiclass", network=network).module(Member(0, {"units": 5}, 0))
    assert told == [(6, 3, 5)]


def raising(hp: Any) -> nn.Module:
    """A factory that fails."""
    raise ZeroDivisionError(f"units {hp.units}")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (raising, r"trial 4: the network factory failed with ZeroDivisionError: units 5 .*'units': 5"),
        (lambda hp: "net", r"must return an nn.Module, but returned str"),
        (lambda hp: nn.Linear(5, 1), r"trial 4: the network fails on inputs of shape \(2, 6\): .*'units': 5"),
        (lambda hp: nn.Linear(6, 3), r"trial 4: the network must map \(2, 6\) to \(2, 1\) .*binary.* gives \(2, 3\)"),
    ],
)
def test_mistakes_in_a_network_are_named(
    setup: Callable[..., TrainingSetup], network: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        setup(network=network).tile([Member(4, {"units": 5}, 0)])
    assert "\n" not in str(caught.value)


def test_codes_that_a_network_does_not_take_are_not_passed_over(setup: Callable[..., TrainingSetup]) -> None:
    with pytest.raises(UsageError, match=r"1 columns? .* codes"):
        setup(cardinalities=(20,), network=lambda hp: nn.Linear(6, 1)).tile([Member(0, {}, 0)])


class Late(nn.Linear):
    """A network that fails in training only."""

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        if self.training:
            raise RuntimeError("not\nready")
        return super().forward(x)


def test_a_network_that_fails_only_in_training_is_named(setup: Callable[..., TrainingSetup]) -> None:
    with pytest.raises(UsageError, match=r"trial 4: the network fails in training on .*: not ready") as caught:
        setup(network=lambda hp: Late(6, 1)).training([Member(4, {}, 0)])
    assert "\n" not in str(caught.value)


class Frozen(nn.Module):
    """A network whose first layer is not to be trained, and whose second shares the last one's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 1), nn.Linear(1, 1)
        self.last = nn.Linear(1, 1)
        self.last.weight = self.second.weight
        self.first.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.last(torch.tanh(self.second(torch.tanh(self.first(x)))))
        return out


def test_frozen_weights_stay_and_tied_ones_stay_equal(setup: Callable[..., TrainingSetup]) -> None:
    made = setup(network=lambda hp: Frozen())
    members = [Member(n, {"optimizer": o, "l2": 0.1}, 0) for n, o in enumerate(("sgd", "momentum", "rmsprop", "adam"))]
    training = made.training(members)
    training.run(2)
    for place, member in enumerate(members):
        before, after = made.module(member).double(), made.trained(member, *training.tile.best(place))
        assert torch.equal(after.get_parameter("first.weight"), before.get_parameter("first.weight"))
        assert not torch.equal(after.get_parameter("second.weight"), before.get_parameter("second.weight"))
        assert torch.equal(after.get_parameter("second.weight"), after.get_parameter("last.weight"))


class Normalised(nn.Module):
    """A network with buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.Linear(4, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


@pytest.mark.parametrize("way", ["compiled", "stacked", "own"])
def test_a_trained_network_gives_the_outputs_of_its_best_epoch(setup: Callable[..., TrainingSetup], way: str) -> None:
    network = (lambda hp: Normalised()) if way == "own" else None
    made = setup("regression", () if way == "own" else (20,), stacked=way != "compiled", network=network)
    members = [Member(n, {"units": u, "learning_rate": 0.05, "dropout": 0.4}, 0) for n, u in enumerate((3, 9, 6))]
    training = made.training(members)
    training.run(6)
    dev = torch.from_numpy(made.dev.x), torch.from_numpy(made.dev.codes)
    for place, member in enumerate(members):
        net = made.trained(member, *training.tile.best(place))
        assert not net.training
        z = net(*(dev if way != "own" else dev[:1]))[:, 0].detach().numpy()
        # The best epoch's loss in another order of sums: 1e-16 for each of some hundred operations.
        assert np.mean((z - made.dev.y) ** 2) == pytest.approx(training.best_loss[place], rel=1e-12)
