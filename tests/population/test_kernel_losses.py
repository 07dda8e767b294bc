"""Losses of values that the kernel knows: the same networks in the kernel, as programs and in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from ikura.metric import METRICS
from ikura.nn.loss import Loss, loss
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

from .test_solo import curves

Setup = Callable[..., TrainingSetup]
EPOCHS = 4
# As in test_solo: 1e-16 an operation, amplified at most some ten thousand times.
DOUBLE = 1e-9
LOSSES = [loss("mae"), loss("huber", delta=0.3), loss("quantile", q=0.9), loss("poisson")]
EVERY: list[dict[str, Any]] = [
    {"learning_rate": 0.01, "units": 8, "layers": 2, "batch_size": 50, "dropout": 0.2, "l2": 1e-3},
    {"learning_rate": 0.01, "units": 5, "batch_size": 17, "optimizer": "momentum", "gradient_noise": 0.3},
    {"learning_rate": 0.01, "units": 5, "normalisation": "batch", "label_noise": 0.2},
]


def learning(setup: TrainingSetup, which: Loss) -> TrainingSetup:
    """The same with another loss, and R² as the metric, which the kernel measures too."""
    return replace(setup, scorer=replace(setup.scorer, loss=which, metric=METRICS["r2"]))


def members(every: list[dict[str, Any]]) -> list[Member]:
    return [Member(number, hyperparameters, 5) for number, hyperparameters in enumerate(every)]


@pytest.mark.parametrize("which", LOSSES, ids=lambda one: one.name)
@pytest.mark.parametrize("task", ["regression", "values"])
def test_compiled_and_stacked_networks_are_the_same(task: str, which: Loss, setup: Setup) -> None:
    few = members(EVERY if task == "regression" else EVERY[:2])
    made, stacked = learning(setup(task), which), learning(setup(task, stacked=True), which)
    assert made.compiled
    assert not stacked.compiled
    found, expected = (curves(one, few, len(few), EPOCHS) for one in (made, stacked))
    alone = curves(made, few, 1, EPOCHS)
    for number, curve in expected.items():
        np.testing.assert_allclose(found[number], curve, rtol=DOUBLE, err_msg=str(EVERY[number]))
        np.testing.assert_array_equal(found[number], alone[number])


def own_network(hyperparameters: dict[str, Any]) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, hyperparameters["outputs"]))


@pytest.mark.parametrize("which", LOSSES, ids=lambda one: one.name)
def test_networks_of_ones_own_are_the_same_as_programs_and_in_pytorch(which: Loss, setup: Setup) -> None:
    few = members([{"learning_rate": 0.01, "batch_size": 17}, {"optimizer": "momentum", "learning_rate": 0.01}])
    programs = learning(setup("values", network=own_network, programs=True), which)
    assert all(programs.runs_as_program(member) for member in few)
    found = curves(programs, few, len(few), EPOCHS)
    for number, curve in curves(learning(setup("values", network=own_network), which), few, len(few), EPOCHS).items():
        np.testing.assert_allclose(found[number], curve, rtol=DOUBLE)
