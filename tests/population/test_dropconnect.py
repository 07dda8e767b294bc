"""DropConnect: weights left out one by one, in the kernel and stacked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ikura.nn.noise import connection_bits, key
from ikura.population.dropconnect import DropConnect
from ikura.population.kernel.dropout import connect
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

DOUBLE = 1e-9  # as in test_solo
BASE: dict[str, Any] = {"layers": 2, "units": 6, "batch_size": 30, "learning_rate": 0.02}


def kept(rate: float, rows: int = 20, columns: int = 10, epoch: int = 0, first: int = 0) -> np.ndarray:
    """The kernel's mask of one matrix behind three biases, scaled."""
    w = np.ones(rows * columns + 3)
    used, factor = np.empty_like(w), np.empty_like(w)
    matrices = np.array([[3, rows, columns]])
    connect(w, used, factor, matrices, rate, np.uint64(key(0, "dropconnect", epoch)), first)
    np.testing.assert_array_equal(used, factor)
    np.testing.assert_array_equal(used[:3], 1)
    return used[3:].reshape(rows, columns)


@given(st.integers(0, 2**40), st.integers(1, 9), st.integers(1, 40), st.floats(2**-20, 0.999))
def test_the_kernel_draws_the_keyed_bits(first: int, rows: int, columns: int, rate: float) -> None:
    drawn = connection_bits(key(0, "dropconnect", 3), first, 0, rows, columns) / 2.0**32
    found = kept(rate, rows, columns, 3, first)
    np.testing.assert_array_equal(found > 0, drawn >= rate)
    # 1/(1 - rate) is rounded twice.
    np.testing.assert_allclose(found[found > 0], 1 / (1 - rate), rtol=1e-15)


def test_every_mini_batch_epoch_and_matrix_has_draws_of_its_own() -> None:
    stream = key(0, "dropconnect", 0)
    tables = [connection_bits(key(0, "dropconnect", epoch), 0, 0, 9, 9) for epoch in range(3)]
    tables += [connection_bits(stream, first, number, 9, 9) for first in range(4) for number in range(4)][1:]
    assert len({table.tobytes() for table in tables}) == len(tables)


def test_a_narrower_network_has_the_corner_and_a_higher_rate_leaves_out_more() -> None:
    wide, narrow = kept(0.4, 30, 20), kept(0.4, 7, 5)
    np.testing.assert_array_equal(wide[:7, :5], narrow)
    few, many = kept(0.2) == 0, kept(0.7) == 0
    assert many[few].all()
    assert few.sum() < many.sum()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_expected_output_of_a_linear_layer_stays(rate: float) -> None:
    random = np.random.default_rng(0)
    w, x, steps = random.normal(size=8), random.normal(size=8), 4000
    outputs = np.array([(kept(rate, 1, 8, first=first)[0] * w) @ x for first in range(steps)])
    # Mean Σ w x and variance rate / (1 - rate) Σ (w x)², independent over steps. Five standard errors (the draws are
    # fixed); the squared one of the variance is at most the fourth moment over the number of steps.
    variance = rate / (1 - rate) * np.sum((w * x) ** 2)
    assert abs(outputs.mean() - w @ x) < 5 * np.sqrt(variance / steps)
    fourth = np.mean((outputs - outputs.mean()) ** 4)
    assert abs(outputs.var() - variance) < 5 * np.sqrt(fourth / steps)


def curves(made: TrainingSetup, members: list[Member]) -> list[np.ndarray]:
    """The curves of members that train as one tile."""
    training = made.training(members)
    training.run(3)
    return [training.curve(place) for place in range(len(members))]


@pytest.mark.parametrize("normalisation", ["none", "batch", "ghost"])
def test_padding_changes_no_draw(normalisation: str, setup: Callable[..., TrainingSetup]) -> None:
    base = BASE | {"dropconnect": 0.4, "normalisation": normalisation, "ghost_size": 7}
    members = [Member(n, base | {"units": units}, 5) for n, units in enumerate((3, 12, 7))]
    stacked = setup("multiclass", (20,), stacked=True, least_units=16)
    for found, expected in zip(curves(stacked, members), curves(setup("multiclass", (20,)), members), strict=True):
        np.testing.assert_allclose(found, expected, rtol=DOUBLE)


def test_a_rate_of_zero_is_off_to_the_bit(setup: Callable[..., TrainingSetup]) -> None:
    rates: list[dict[str, Any]] = [{}, {"dropconnect": 0.0}, {"dropconnect": 0.5}]
    members = [Member(n, BASE | rate, 5) for n, rate in enumerate(rates)]
    for stacked in (False, True):
        made = setup("multiclass", stacked=stacked)
        plain, off, on = curves(made, members)
        np.testing.assert_array_equal(plain, off)
        np.testing.assert_array_equal(plain, curves(made, [members[0]] * 3)[0])
        assert not np.array_equal(plain, on)


@pytest.mark.parametrize("stacked", [False, True])
def test_evaluation_uses_all_weights(stacked: bool, setup: Callable[..., TrainingSetup]) -> None:
    made, member = setup("multiclass", stacked=stacked), Member(0, BASE | {"dropconnect": 0.5}, 5)
    training = made.training([member])
    training.run(2)
    training.tile.recall()
    with torch.no_grad():
        expected = made.trained(member, *training.tile.best(0))(torch.from_numpy(made.dev.x)).numpy()
    np.testing.assert_allclose(training.tile.outputs(made.dev)[0], expected, rtol=DOUBLE)


def test_only_trained_weights_that_are_no_biases_scales_or_tables_are_left_out() -> None:
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    tied = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5))
    tied[1].weight = tied[0].weight
    names = [name for name, _ in net.named_parameters()]

    def left_out(module: nn.Module, learning: list[str]) -> list[tuple[int, str]]:
        made = DropConnect(module, learning, [0.5], 0, torch.float64, torch.device("cpu"))
        return [(number, name) for number, name, _ in made.matrices]

    assert left_out(net, names) == [(0, "1.weight"), (1, "3.weight")]
    assert left_out(net, ["3.weight", "3.bias"]) == [(1, "3.weight")]
    assert left_out(tied, ["0.weight", "1.bias"]) == []


class Undecided(nn.Module):
    """A linear model that vmap cannot run, because it looks at the values of a tensor."""

    def __init__(self, looks: bool) -> None:
        super().__init__()
        self.linear, self.looks = nn.Linear(6, 3), looks

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.linear(x)
        return out if not self.looks or bool(out.sum() == out.sum()) else out * 2


def test_members_one_after_another_compute_with_the_same_weights(setup: Callable[..., TrainingSetup]) -> None:
    both = {"dropconnect": 0.5, "label_noise": 0.3}
    given: list[dict[str, Any]] = [both, {"dropconnect": 0.2}, {"label_noise": 0.6, "gradient_noise": 0.5}, both]
    members = [Member(n, BASE | one, 5) for n, one in enumerate(given)]
    found = [
        curves(setup("multiclass", network=lambda hp, looks=looks: Undecided(looks)), members)
        for looks in (False, True)
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=DOUBLE)
