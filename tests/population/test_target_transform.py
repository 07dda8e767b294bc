"""Members that learn something else in place of the target: their training, and their scores on its own scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from ikura.nn.target_transform import TRANSFORMS
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup

from .reference import Net, train_by_hand
from .table import NETWORK, PLAIN

EPOCHS = 4
# A few hundred roundings of 1e-16 an output, amplified some hundred times by 20 steps, and by the transforms' slopes.
RELATIVE = 1e-9
KINDS = [name for name in TRANSFORMS if name != "none"]


def made_by(setup: Callable[..., TrainingSetup], way: str) -> TrainingSetup:
    """A regression whose values are above 0."""
    made = setup("regression", (20,), stacked=way == "stacked")
    return replace(made, scorer=replace(made.scorer, mean=10.0))


def member_of(number: int, kind: str) -> Member:
    return Member(number, NETWORK | PLAIN | {"target_transform": kind, "label_noise": 0.1 * (kind == "quantile")}, 7)


@pytest.mark.parametrize("way", ["compiled", "stacked"])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_an_ordinary_loop(setup: Callable[..., TrainingSetup], kind: str, way: str) -> None:
    made = made_by(setup, way)
    member = member_of(0, kind)
    training = made.training([member])
    training.run(EPOCHS)
    net = Net(member, made.train.array.shape[1], 1, made.cardinalities, made)
    # The power of the largest likelihood is found to some digits by scikit-learn and SciPy alike.
    tolerance = 1e-5 if kind == "yeo_johnson" else RELATIVE
    np.testing.assert_allclose(training.curve(0), train_by_hand(made, member, net, EPOCHS), rtol=tolerance)


@pytest.mark.parametrize("way", ["compiled", "stacked"])
def test_trains_alone_as_among_others_and_predicts_values(setup: Callable[..., TrainingSetup], way: str) -> None:
    made = made_by(setup, way)
    members = [member_of(number, kind) for number, kind in enumerate(TRANSFORMS)]
    for tile in pack(made, members, 10):
        together = made.training(tile)
        together.run(EPOCHS)
        for place, member in enumerate(tile):
            alone = made.training([member])
            alone.run(EPOCHS)
            np.testing.assert_allclose(together.curve(place), alone.curve(0), rtol=1e-12)
            alone.tile.recall()
            network = made.trained(member, *alone.tile.best(0))
            with torch.no_grad():
                found = network(torch.from_numpy(made.dev.array), torch.from_numpy(made.dev.codes))
            np.testing.assert_allclose(found.numpy(), alone.tile.outputs(made.dev)[0], rtol=1e-9, atol=1e-9)
            loss = np.mean((found.numpy()[:, 0] - made.dev.y) ** 2)
            assert loss == pytest.approx(alone.curve(0)[int(alone.best_epoch[0]), 1], rel=1e-9)


def test_what_is_learned_is_given_to_those_who_measure_gradients(setup: Callable[..., TrainingSetup]) -> None:
    made = made_by(setup, "compiled")
    plain, other = made.learned(member_of(0, "none"), made.train), made.learned(member_of(1, "log"), made.train)
    assert plain is made.train
    raw = np.log(2.0 * made.train.y + 10.0)
    np.testing.assert_allclose(other.y, (raw - raw.mean()) / raw.std(), rtol=1e-12)
