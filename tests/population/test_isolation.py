"""A member that diverges is marked and recorded, and changes nothing for its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from ikura.population.job import Job, TileProgress, train
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

from ..sweep import swept
from .table import FORMS, ROWS

EPOCHS = 4
WILD = {"optimizer": "sgd", "learning_rate": 1e30}

TAME: list[dict[str, Any]] = [row.hyperparameters for row in ROWS]
ENCODED: list[dict[str, Any]] = [row.hyperparameters for row in FORMS]
"""Of other forms, which only the kernel has in one tile with others."""


class Own(nn.Module):
    """A caller's network with noise and statistics of the mini-batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


def build(setup: Callable[..., TrainingSetup], way: str, dtype: str) -> TrainingSetup:
    """A training setup that trains in one of three ways; regression, whose cost grows without bound."""
    if way == "own":
        return setup("regression", dtype=dtype, network=lambda hp: Own())
    return setup("regression", dtype=dtype, stacked=way == "stacked")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", ["compiled", "stacked", "own"])
@pytest.mark.parametrize("place", swept([0, 5, len(TAME)], core=["5"]))
def test_neighbours_keep_every_bit(setup: Callable[..., TrainingSetup], way: str, place: int, dtype: str) -> None:
    made = build(setup, way, dtype)
    others = [*TAME, *(ENCODED if way == "compiled" else [])]

    def run(one: dict[str, Any]) -> Any:
        rows = [*others[:place], TAME[0] | one, *others[place:]]
        training = made.training([Member(number, hyperparameters, 3) for number, hyperparameters in enumerate(rows)])
        training.run(EPOCHS)
        return training

    wild, tame = run(WILD), run({})
    assert wild.diverged.tolist() == [k == place for k in range(len(others) + 1)]
    assert not tame.diverged.any()
    assert np.isnan(wild.curve(place)[-1, :2]).all()
    for k in set(range(len(others) + 1)) - {place}:
        np.testing.assert_array_equal(wild.curve(k), tame.curve(k))
        assert np.isfinite(wild.curve(k)).all()
        assert len(wild.curve(k)) == EPOCHS
        for name, array in wild.tile.extract(k).items():
            np.testing.assert_array_equal(array, tame.tile.extract(k)[name], err_msg=name)
            np.testing.assert_array_equal(wild.tile.best(k)[0], tame.tile.best(k)[0])


@pytest.mark.parametrize("way", ["compiled", "stacked", "own"])
def test_divergence_is_recorded_and_not_raised(setup: Callable[..., TrainingSetup], way: str) -> None:
    members = tuple(Member(10 + k, one, 3) for k, one in enumerate([TAME[0], TAME[0] | WILD, TAME[3]]))
    outcomes = train(build(setup, way, "float32"), Job(0, members, EPOCHS, keep_weights=True))
    assert [(o.number, o.state) for o in outcomes] == [(10, "complete"), (11, "diverged"), (12, "complete")]
    lost = outcomes[1]
    assert lost.best_epoch == 0
    assert np.isnan([lost.dev_loss, lost.dev_score, lost.train_loss, lost.train_score]).all()
    assert len(lost.curve) == 1


@pytest.mark.parametrize("way", ["compiled", "stacked"])
def test_a_tile_in_which_all_diverge_ends(setup: Callable[..., TrainingSetup], way: str) -> None:
    members = tuple(Member(k, WILD | {"units": 5 + k}, 3) for k in range(3))
    told: list[TileProgress] = []
    outcomes = train(build(setup, way, "float32"), Job(0, members, 50, 2), told.append)
    assert {outcome.state for outcome in outcomes} == {"diverged"}
    assert {len(outcome.curve) for outcome in outcomes} == {1}
    assert sum(one.epochs for one in told) == 50 * 3


@pytest.mark.parametrize("way", ["compiled", "stacked"])
def test_a_late_divergence_keeps_what_was_best(setup: Callable[..., TrainingSetup], way: str) -> None:
    # A linear model and full-batch gradient descent: the error of the steepest direction grows by a constant factor.
    steep = {"optimizer": "sgd", "layers": 0, "batch_size": 1000, "learning_rate": 1.2, "initialisation": "zeros"}
    made = build(setup, way, "float64")
    training = made.training([Member(0, steep, 3), Member(1, steep | {"learning_rate": 0.1}, 3)])
    training.run(100)
    epochs = int(training.epochs[0])
    assert 2 < epochs < 100
    assert training.diverged.tolist() == [True, False]
    assert np.isfinite(training.curve(0)[:-1]).all()
    assert np.isnan(training.curve(0)[-1]).all()
    assert training.best_loss[0] == training.curve(0)[:-1, 1].min()
    again = made.training([Member(0, steep, 3)])
    again.run(int(training.best_epoch[0]) + 1)
    # A course of as many epochs as the best has the same weights; sums in another order, 1e-16 each.
    np.testing.assert_allclose(training.tile.best(0)[0], again.tile.extract(0)["weights"], rtol=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("way", ["compiled", "stacked"])
def test_a_bad_dev_set_stops_everybody_in_the_first_epoch(
    setup: Callable[..., TrainingSetup], way: str, bad: float
) -> None:
    made = build(setup, way, "float64")
    x = made.dev.x.copy()
    x[5, 2] = bad
    training = replace(made, dev=replace(made.dev, x=x)).training([Member(0, TAME[0] | {"activation": "relu"}, 3)])
    training.run(EPOCHS)
    assert training.diverged.all()
    assert training.epochs.tolist() == [1]
    assert training.best_epoch.tolist() == [-1]
