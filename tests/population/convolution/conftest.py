"""What tests of compiled convolutional networks have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from ikura.nn.zoo.cnn import cnn
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup


def likelihood(p: Tensor, y: Tensor) -> Tensor:
    """Mean probability of the right class: smooth, unlike accuracy."""
    return p.gather(-1, y[:, None]).mean()


@pytest.fixture
def setup() -> Callable[..., TrainingSetup]:
    """Factory of workshops with images, compiled or stacked."""

    def make(network: Any = cnn, rows: int = 50, stacked: bool = False, dtype: str = "float64") -> TrainingSetup:
        random = np.random.default_rng(0)
        parts = []
        for count in (rows, 30):
            y = random.integers(0, 3, count)
            x = random.normal(size=(count, 1, 8, 7)) + y[:, None, None, None]
            parts.append(Examples(x.astype(dtype), np.zeros((count, 0), np.int32), y.astype(dtype)))
        scorer = Scorer("multiclass", likelihood)
        return TrainingSetup(*parts, scorer, 3, network=network, dtype=dtype, device="cpu:0" if stacked else "cpu")

    return make


@pytest.fixture
def curves() -> Callable[..., list[np.ndarray]]:
    """Trains members as one tile: every member's curve."""

    def train(made: TrainingSetup, members: Sequence[Member], epochs: int = 3) -> list[np.ndarray]:
        training = made.training(members)
        training.run(epochs)
        return [training.curve(place) for place in range(len(members))]

    return train


@pytest.fixture
def check_going_on() -> Callable[[TrainingSetup, Sequence[Member]], None]:
    """Checks that members go on in another tile, in other places, as if nothing had happened."""

    def check(made: TrainingSetup, members: Sequence[Member]) -> None:
        whole = made.training(members)
        whole.run(4)
        begun, after = made.training(members), made.training(members[::-1])
        begun.budget = 4
        begun.run(2)
        for place in range(len(members)):
            after.insert(len(members) - 1 - place, begun.extract(place))
        after.run(4)
        for place in range(len(members)):
            other = len(members) - 1 - place
            np.testing.assert_array_equal(after.curve(other), whole.curve(place))
            for name, array in whole.tile.extract(place).items():
                np.testing.assert_array_equal(after.tile.extract(other)[name], array)

    return check
