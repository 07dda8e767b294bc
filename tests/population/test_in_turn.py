"""Networks one after another on flat weights: the same curves as at once, and the same bits in any company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ikura.population.dry_run import dry_run
from ikura.population.factory import NetworkError
from ikura.population.in_turn import InTurnTile
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup
from ikura.population.stacked import StackedTile
from ikura.population.update_rules import RULES

Make = Callable[..., TrainingSetup]

# The ways round differently: sums of 120 products and 20 updates, each within 1e-16 of its value, which the division by
# small roots may magnify a thousandfold.
RELATIVE = 1e-9


def network(hp: Any) -> nn.Module:
    # No bias before the normalisation: its gradient is zero but for rounding, which some rules divide by its own size.
    return nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


def curve(made: TrainingSetup, tile: Any, epochs: int = 3) -> np.ndarray:
    costs = [tile.train_epoch(made.train.ordered(7, epoch), epoch, epochs) for epoch in range(epochs)]
    return np.array(costs), tile.outputs(made.dev)


def tiles(made: TrainingSetup, members: list[Member]) -> list[Any]:
    traits = made.traits(members[0])
    given = members, made.task, made.dtype
    built = [[made.module(member) for member in members] for _ in range(3)]
    return [
        InTurnTile(given[0], built[0], *given[1:], outputs=made.output_shape, traits=traits),
        StackedTile(given[0], built[1], *given[1:], "cpu", outputs=made.output_shape, traits=traits),
        StackedTile(given[0], built[2], *given[1:], "cpu:0", outputs=made.output_shape, traits=traits),
    ]


REGULARISED = [
    {"l1": 1e-3, "l2": 1e-2},
    {"clip_norm": 0.1, "weight_decay": 0.1, "optimizer": "adamw"},
    {"clip_value": 0.01, "max_norm": 0.5, "clip_steps": 4},
    {"label_noise": 0.2, "gradient_noise": 0.3, "label_smoothing": 0.1},
    {"dropconnect": 0.3},
    {"ema_decay": 0.8},
    {"ema_decay": 0.8, "dropconnect": 0.3, "optimizer": "smorms3"},
]


@pytest.mark.parametrize("some", [*[{"optimizer": name} for name in RULES], *REGULARISED], ids=str)
def test_in_turn_at_once_and_as_on_an_accelerator_are_the_same(setup: Make, some: dict[str, Any]) -> None:
    made = setup("multiclass", network=network)
    members = [Member(n, {"learning_rate": 0.01 * (n + 1), "batch_size": 32} | some, 7) for n in range(3)]
    (expected, outputs), *others = (curve(made, tile) for tile in tiles(made, members))
    assert np.isfinite(expected).all()
    for costs, found in others:
        np.testing.assert_allclose(costs, expected, rtol=RELATIVE)
        np.testing.assert_allclose(found, outputs, rtol=1e-6, atol=1e-9)


class Outside(nn.Module):
    """Draws from NumPy's generator, assigns a buffer and changes its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x + 0.1 * torch.from_numpy(np.random.standard_normal(x.shape)).to(x.dtype)
            self.calls = self.calls + 1
            self.inner.weight.data = self.inner.weight.data.clamp(-0.3, 0.3)
        return self.inner(x)


@pytest.mark.parametrize("make", [network, lambda hp: Outside()])
def test_a_member_has_the_same_bits_in_any_company(setup: Make, make: Callable[[Any], nn.Module]) -> None:
    made = setup("multiclass", network=make, dtype="float32")
    members = [Member(n, {"learning_rate": 0.01 * 3**n, "batch_size": 32}, 7) for n in range(3)]
    together = InTurnTile(
        members,
        [made.module(m) for m in members],
        made.task,
        "float32",
        made.output_shape,
        made.traits(members[0]),
    )
    costs, outputs = curve(made, together)
    for n, member in enumerate(members):
        module, traits = made.module(member), made.traits(member)
        alone = InTurnTile([member], [module], made.task, "float32", made.output_shape, traits)
        own_costs, own_outputs = curve(made, alone)
        assert np.array_equal(own_costs[:, 0], costs[:, n])
        assert np.array_equal(own_outputs[0], outputs[n])
        assert np.array_equal(alone.flat(0), together.flat(n))


def test_what_forward_assigns_is_kept_in_the_tile(setup: Make) -> None:
    made = setup("multiclass", network=lambda hp: Outside(), dtype="float32")
    member = Member(0, {"learning_rate": 0.5, "batch_size": 60, "optimizer": "sgd"}, 7)
    tile = made.tile([member])
    assert isinstance(tile, InTurnTile)
    assert made.traits(member).draws_outside
    tile.train_epoch(made.train, 0)
    assert tile.buffers["calls"].tolist() == [2.0]
    tile.keep([0])
    assert made.trained(member, *tile.best(0)).calls.item() == 2.0


def test_few_members_large_networks_and_what_vmap_takes_apart_run_in_turn(setup: Make) -> None:
    def way(make: Callable[[Any], nn.Module], count: int) -> type:
        made = setup("multiclass", network=make)
        return type(made.tile([Member(n, {"batch_size": 32}, 7) for n in range(count)]))

    assert way(network, 8) is StackedTile
    assert way(network, 7) is InTurnTile
    assert way(lambda hp: nn.Sequential(nn.Linear(6, 40_000), nn.Linear(40_000, 3)), 8) is InTurnTile
    assert way(lambda hp: nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 3, 6), nn.Flatten()), 8) is InTurnTile


def test_networks_of_a_class_that_the_factory_defines_run_in_turn(setup: Make) -> None:
    def anew(hp: Any) -> nn.Module:
        class Local(nn.Sequential):
            pass

        return Local(*network(hp))

    made = setup("multiclass", network=anew)
    members = [Member(n, {"learning_rate": 0.01, "batch_size": 32}, 7) for n in range(8)]
    assert "defines its class anew" in made.traits(members[0]).reason
    for group in pack(made, members, 16):
        tile = made.tile(group)
        assert isinstance(tile, InTurnTile)
        assert np.isfinite(curve(made, tile)[0]).all()


def test_members_that_differ_in_a_rate_of_dropout_share_a_tile_and_keep_their_own(setup: Make) -> None:
    def dropping(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.Dropout(hp.p), nn.Linear(8, 3))

    made = setup("multiclass", network=dropping, dtype="float32")
    members = [Member(n, {"p": n / 10, "learning_rate": 0.01, "batch_size": 32}, 7) for n in range(9)]
    [tile] = pack(made, members, 16)
    assert len(tile) == 9
    assert len(made.own.traits) == 0
    together = made.tile(tile)
    assert isinstance(together, InTurnTile)
    costs, _ = curve(made, together)
    for place, member in enumerate(tile):
        assert np.array_equal(curve(made, made.tile([member]))[0][:, 0], costs[:, place])
    assert len(made.own.traits) == 1


def test_networks_of_one_kin_share_a_dry_run_and_each_is_seen_to_run(
    setup: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrowing(hp: Any) -> nn.Module:
        return nn.Sequential(
            nn.Linear(6, hp.units), nn.Unflatten(1, (hp.units // 4, 4)), nn.Flatten(), nn.Linear(hp.units, 3)
        )

    made = setup("multiclass", network=narrowing, dtype="float32")
    members = [Member(n, {"units": units, "batch_size": 32}, 7) for n, units in enumerate((8, 16, 12))]
    runs: list[int] = []
    monkeypatch.setattr(
        "ikura.population.own_network_setup.dry_run",
        lambda *given: runs.append(1) or dry_run(*given),  # type: ignore[func-returns-value]
    )
    found = [made.traits(member) for member in members]
    assert len(runs) == 1
    assert all(one.weights == found[0].weights == {"0.weight", "3.weight"} for one in found)
    with pytest.raises(NetworkError, match="trial 9: the network fails on inputs"):
        made.traits(Member(9, {"units": 10, "batch_size": 32}, 7))
