"""Several values or labels of each example: members alone and in company, compiled and stacked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import nn

from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

from .test_solo import STRANGER, curves

Setup = Callable[..., TrainingSetup]
KINDS = ["values", "multilabel"]
EPOCHS = 4
# As in test_solo: 1e-16 an operation, amplified at most some ten thousand times.
DOUBLE = 1e-9
BASE: dict[str, Any] = {"learning_rate": 0.02, "units": 8, "layers": 2, "batch_size": 50, "dropout": 0.2, "l2": 1e-3}
EVERY = [
    BASE,
    BASE | {"units": 17, "layers": 1, "batch_size": 120},
    BASE | {"label_smoothing": 0.2, "gradient_noise": 0.3, "optimizer": "momentum"},
    BASE | {"layers": 0, "dropout_input": 0.3, "dropconnect": 0.2},
    BASE | {"normalisation": "batch", "batch_size": 17, "scale_rate": 1.0},
    STRANGER,
]


def members() -> list[Member]:
    return [Member(number, hyperparameters, 5) for number, hyperparameters in enumerate(EVERY)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_is_the_same_to_the_bit_in_any_population(kind: str, setup: Setup) -> None:
    made = setup(kind, (20,))
    together, alone = curves(made, members(), len(EVERY), EPOCHS), curves(made, members(), 1, EPOCHS)
    for number, curve in alone.items():
        assert len(curve) == EPOCHS
        np.testing.assert_array_equal(together[number], curve)


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_and_stacked_networks_are_the_same(kind: str, setup: Setup) -> None:
    compiled = curves(setup(kind, (20,)), members(), len(EVERY), EPOCHS)
    stacked = curves(setup(kind, (20,), stacked=True), members(), len(EVERY), EPOCHS)
    for number, curve in compiled.items():
        np.testing.assert_allclose(stacked[number], curve, rtol=DOUBLE, err_msg=str(EVERY[number]))


def own_network(hyperparameters: dict[str, Any]) -> nn.Module:
    units = int(hyperparameters.get("units", 8))
    layers = [nn.Linear(hyperparameters["inputs"], units), nn.BatchNorm1d(units), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(units, hyperparameters["outputs"]))


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_ones_own_are_the_same_as_programs_and_in_pytorch(kind: str, setup: Setup) -> None:
    rules = [{"label_smoothing": 0.2, "optimizer": "momentum"}, {"gradient_noise": 0.3}, {"units": 5, "l2": 1e-3}]
    every = [Member(number, {"learning_rate": 0.02, "batch_size": 17, **more}, 5) for number, more in enumerate(rules)]
    programs = setup(kind, network=own_network, programs=True)
    assert [programs.runs_as_program(member) for member in every] == [True] * len(every)
    found, alone = curves(programs, every, len(every), EPOCHS), curves(programs, every, 1, EPOCHS)
    plain = curves(setup(kind, network=own_network), every, len(every), EPOCHS)
    for number, curve in plain.items():
        np.testing.assert_allclose(found[number], curve, rtol=DOUBLE, err_msg=str(rules[number]))
        np.testing.assert_array_equal(found[number], alone[number])


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_of_the_losses_of_the_examples(kind: str, setup: Setup) -> None:
    made = setup(kind)
    outputs = made.tile(members()[:1]).outputs(made.dev)
    assert outputs.shape == (1, len(made.dev), 3)
    losses = made.scorer(outputs.copy(), made.dev.y)[0]
    each = [made.scorer.losses(outputs, made.dev.y).mean(1)]
    np.testing.assert_allclose([losses], each, rtol=1e-12)
