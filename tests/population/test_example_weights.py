"""Weights of examples: members alone and in company, compiled and in PyTorch, and a weight is as many copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

from .test_solo import curves

Setup = Callable[..., TrainingSetup]
EPOCHS = 4
# As in test_solo: 1e-16 an operation, amplified at most some ten thousand times.
DOUBLE = 1e-9
BASE: dict[str, Any] = {"learning_rate": 0.02, "units": 8, "layers": 2, "batch_size": 50, "dropout": 0.2, "l2": 1e-3}
EVERY = [
    BASE,
    BASE | {"units": 17, "layers": 1, "batch_size": 120, "label_smoothing": 0.2},
    BASE | {"gradient_noise": 0.3, "optimizer": "momentum", "normalisation": "batch", "batch_size": 17},
    BASE | {"layers": 0, "dropout_input": 0.3, "dropconnect": 0.2, "l1": 1e-4},
]
IMAGES: dict[str, Any] = {"learning_rate": 0.02, "batch_size": 16, "channels": 3, "blocks": 1, "units": 4}
TASKS = ["binary", "multiclass", "multilabel", "values", "regression"]


def weighed(setup: TrainingSetup) -> TrainingSetup:
    """The same with weights of the examples, some of which are 0."""

    def part(examples: Examples, seed: int) -> Examples:
        drawn = np.random.default_rng(seed).choice([0.0, 0.4, 1.0, 3.0], len(examples))
        return replace(examples, weights=drawn / drawn.mean())

    return replace(setup, train=part(setup.train, 1), dev=part(setup.dev, 2))


def members(every: list[dict[str, Any]]) -> list[Member]:
    return [Member(number, hyperparameters, 5) for number, hyperparameters in enumerate(every)]


@pytest.mark.parametrize("task", TASKS)
def test_compiled_and_stacked_networks_are_the_same_alone_and_in_company(task: str, setup: Setup) -> None:
    made, few = weighed(setup(task, (20,))), members(EVERY)
    together, alone = curves(made, few, len(few), EPOCHS), curves(made, few, 1, EPOCHS)
    stacked = curves(weighed(setup(task, (20,), stacked=True)), few, len(few), EPOCHS)
    plain = curves(setup(task, (20,)), few, len(few), EPOCHS)
    for number, curve in together.items():
        np.testing.assert_array_equal(alone[number], curve)
        np.testing.assert_allclose(stacked[number], curve, rtol=DOUBLE, err_msg=str(EVERY[number]))
        assert not np.allclose(curve, plain[number], rtol=1e-3)


def test_weights_of_one_leave_the_bits_as_they_are(setup: Setup) -> None:
    made, few = setup("multiclass"), members(EVERY)
    ones = replace(made, train=replace(made.train, weights=np.ones(len(made.train))))
    for number, curve in curves(made, few, len(few), EPOCHS).items():
        np.testing.assert_allclose(curves(ones, few, len(few), EPOCHS)[number], curve, rtol=DOUBLE)


def own_network(hyperparameters: dict[str, Any]) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, hyperparameters["outputs"]))


@pytest.mark.parametrize("task", TASKS)
def test_networks_of_ones_own_are_the_same_as_programs_and_in_pytorch(task: str, setup: Setup) -> None:
    few = members([{"learning_rate": 0.02, "batch_size": 17}, {"optimizer": "momentum", "gradient_noise": 0.3}])
    programs = weighed(setup(task, network=own_network, programs=True))
    assert all(programs.runs_as_program(member) for member in few)
    found = curves(programs, few, len(few), EPOCHS)
    for number, curve in curves(weighed(setup(task, network=own_network)), few, len(few), EPOCHS).items():
        np.testing.assert_allclose(found[number], curve, rtol=DOUBLE)
