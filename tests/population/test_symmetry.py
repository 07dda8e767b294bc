"""Known answers: weights that begin alike stay alike, and dropout keeps the expected output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

WAYS = pytest.mark.parametrize("way", ["compiled", "stacked"])


def trained(setup: Callable[..., TrainingSetup], way: str, hyperparameters: dict[str, Any]) -> Any:
    """A network after five epochs."""
    made = setup("multiclass", stacked=way == "stacked")
    base = {"units": 6, "layers": 2, "optimizer": "momentum", "learning_rate": 0.1, "activation": "sigmoid"}
    member = Member(0, base | hyperparameters, 0)
    training = made.training([member])
    training.run(5)
    assert training.best_epoch[0] >= 0
    return made.trained(member, *training.tile.best(0))


@WAYS
@pytest.mark.parametrize("layer", [0, 1])
def test_units_that_begin_as_zeros_stay_alike(setup: Callable[..., TrainingSetup], way: str, layer: int) -> None:
    net = trained(setup, way, {"initialisation": "zeros"})
    incoming = net.get_parameter(f"layers.{layer}.weight").detach().numpy()
    # Products are summed in the same order for every unit, but a matrix product may take them in blocks.
    np.testing.assert_allclose(incoming, np.broadcast_to(incoming[:1], incoming.shape), rtol=0, atol=1e-12)
    assert np.abs(net.get_parameter("layers.2.weight").detach().numpy()).max() > 1e-3


@WAYS
@pytest.mark.parametrize("layer", [0, 1])
def test_units_that_begin_as_plus_and_minus_one_are_of_two_kinds(
    setup: Callable[..., TrainingSetup], way: str, layer: int
) -> None:
    net = trained(setup, way, {"initialisation": "plus_minus_one"})
    incoming = net.get_parameter(f"layers.{layer}.weight").detach().numpy()
    for parity in (0, 1):
        kind = incoming[parity::2]
        np.testing.assert_allclose(kind, np.broadcast_to(kind[:1], kind.shape), rtol=0, atol=1e-12)
    assert np.abs(incoming[0] - incoming[1]).max() > 1


@WAYS
@pytest.mark.parametrize("name", ["he", "orthogonal"])
def test_random_weights_break_the_symmetry(setup: Callable[..., TrainingSetup], way: str, name: str) -> None:
    incoming = trained(setup, way, {"initialisation": name}).get_parameter("layers.0.weight").detach().numpy()
    assert min(np.abs(incoming[i] - incoming[j]).max() for i in range(6) for j in range(i)) > 1e-2


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_keeps_the_expected_output(setup: Callable[..., TrainingSetup], rate: float) -> None:
    # Outputs are linear in the masks of the one hidden layer: their mean is the output without dropout, their variance
    # rate / (1 - rate) Σ (w h)², and the mean squared error is that of the mean plus the variance.
    base = {"units": 40, "layers": 1, "learning_rate": 0.0, "batch_size": 120, "activation": "relu"}
    made = setup("regression")
    plain, dropped = (Member(n, base | {"dropout": r}, 0) for n, r in enumerate((0.0, rate)))
    training = made.training([plain, dropped])
    training.run(400)
    still = made.layout(plain).module(plain).double()
    hidden = np.maximum(made.train.x @ still.get_parameter("layers.0.weight").detach().numpy().T, 0)
    out = still.get_parameter("layers.1.weight").detach().numpy()[0]
    spread = rate / (1 - rate) * ((hidden * out) ** 2).sum(1)
    expected = np.mean((hidden @ out - made.train.y) ** 2 + spread)
    assert training.curve(0)[0, 0] == pytest.approx(np.mean((hidden @ out - made.train.y) ** 2), rel=1e-12)
    losses = training.curve(1)[:, 0]
    # Five standard errors of the mean of 400 epochs, each with masks of its own.
    assert abs(losses.mean() - expected) < 5 * losses.std() / np.sqrt(len(losses))
