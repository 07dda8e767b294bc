"""A member trains as if it were alone, whoever its neighbours are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ikura.nn import ACTIVATIONS, INITIALISATIONS, NORMALISATIONS
from ikura.nn.encoding import ENCODINGS
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.schedule import SHAPES
from ikura.population.setup import TrainingSetup
from ikura.population.update_rules import RULES
from ikura.space import DEFAULTS
from ikura.space.hyperparameters import OF_IMAGES

from ..sweep import swept

EPOCHS = 5

# A population's products may be summed in another order than one member's: 1e-16 an operation, a few hundred operations
# an output, amplified at most some ten thousand times by 5 epochs. Measured: 0 compiled, 1e-15 stacked.
DOUBLE = 1e-9
# The same in float32, 6e-8 an operation, over the few steps of the first epoch. Measured: 1e-7.
SINGLE = 1e-5

BASE = {"learning_rate": 0.02, "units": 8, "layers": 2, "batch_size": 40, "dropout": 0.2, "l2": 1e-3}

# What neighbours are given in place of a hyperparameter's value, and what goes with it where it would have no effect.
OTHERS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "learning_rate": ({}, [0.02, 0.005, 0.1, 0.0]),
    "momentum": ({"optimizer": "momentum"}, [0.9, 0.0, 0.5]),
    "beta1": ({}, [0.9, 0.0, 0.5]),
    "beta2": ({}, [0.999, 0.5, 0.9]),
    "epsilon": ({}, [1e-8, 1e-2, 1e-5]),
    "layers": ({}, [2, 0, 1, 4]),
    "units": ({}, [8, 3, 17, 1]),
    "batch_size": ({}, [40, 9, 50, 1000]),
    "learning_rate_decay": ({}, [0.0, 1.0, 0.1]),
    "l2": ({}, [1e-3, 0.0, 0.1]),
    "l1": ({}, [0.0, 1e-3, 0.02]),
    "weight_decay": ({}, [0.0, 0.1, 1.0]),
    "max_norm": ({}, [0.0, 0.5, 1.0]),
    "label_smoothing": ({}, [0.0, 0.1, 0.5]),
    "clip_norm": ({"optimizer": "sgd"}, [0.0, 0.1, 0.5]),
    "clip_value": ({"optimizer": "sgd"}, [0.0, 0.01, 0.05]),
    "clip_steps": ({"optimizer": "sgd", "clip_norm": 0.1}, [0, 1, 3]),
    "schedule_shape": (
        {
            "learning_rate_decay": 0.3,
            "step_epochs": 1,
            "distance_growth": 1.02,
            "plateau_patience": 0,
            "pieces": "1:0.7 3:0.2",
            "learning_rate": 1.0,
        },
        list(SHAPES),
    ),
    "pieces": ({"schedule_shape": "pieces"}, ["", "1:0.5", "1:0.5 3:0.05"]),
    "batch_growth": ({"batch_size": 10}, ["", "1:2", "1:2 3:5"]),
    "gradient_noise": ({}, [0.0, 0.3, 1.0]),
    "dropconnect": ({}, [0.0, 0.2, 0.7]),
    "label_noise": ({}, [0.0, 0.1, 1.0]),
    "ema_decay": ({}, [0.0, 0.5, 0.99]),
    "warm_up": ({}, [0.0, 0.5, 2.0]),
    "step_epochs": ({"schedule_shape": "step"}, [10, 1, 1.5]),
    "step_factor": ({"schedule_shape": "step", "step_epochs": 1}, [0.1, 0.5, 1.0]),
    "final_share": ({"schedule_shape": "cosine"}, [0.0, 0.1, 1.0]),
    "initial_share": ({"schedule_shape": "one_cycle"}, [0.04, 0.0, 1.0]),
    "peak_at": ({"schedule_shape": "one_cycle"}, [0.3, 0.0, 1.0]),
    "plateau_patience": ({"schedule_shape": "plateau", "learning_rate": 1.0}, [3, 0, 1]),
    "distance_growth": ({"schedule_shape": "distance"}, [1.5, 1.02, 1.1]),
    "dropout": ({}, [0.2, 0.0, 0.7]),
    "activation": ({}, list(ACTIVATIONS)),
    "optimizer": ({}, list(RULES)),
    "initialisation": ({"learning_rate": 1e-3}, list(INITIALISATIONS)),
    "initial_scale": ({}, [1.0, 0.5, 2.0]),
    "dropout_input": ({}, [0.0, 0.3, 0.6]),
    "normalisation": ({}, list(NORMALISATIONS)),
    "ghost_size": ({"normalisation": "ghost"}, [32, 2, 11]),
    "normalisation_momentum": ({"normalisation": "batch"}, [0.1, 0.01, 1.0]),
    "numeric_encoding": ({"encoding_sigma": 0.5}, list(ENCODINGS)),
    "encoding_bins": ({"numeric_encoding": "piecewise_linear"}, [16, 2, 7]),
    "encoding_frequencies": ({"numeric_encoding": "periodic"}, [16, 1, 5]),
    "encoding_sigma": ({"numeric_encoding": "pbld"}, [0.1, 0.5, 1.0]),
    "encoding_size": ({"numeric_encoding": "pbld"}, [8, 2, 5]),
    "embedding_size": ({}, [0, 3, 9]),
    "scale_rate": ({"numeric_encoding": "periodic"}, [0.0, 1.0, 6.0]),
}
NAMES = [name for name in DEFAULTS if name not in (*OF_IMAGES, "pretrained_rate", "target_transform")]
CORE = ["layers", "units", "batch_size", "dropout", "normalisation", "optimizer", "schedule_shape", "gradient_noise",
        "numeric_encoding", "scale_rate", "embedding_size"]  # fmt: skip
STRANGER = {
    "learning_rate": 0.07, "momentum": 0.3, "beta1": 0.7, "beta2": 0.8, "epsilon": 1e-4, "layers": 3, "units": 13,
    "batch_size": 25, "learning_rate_decay": 0.3, "l2": 0.02, "l1": 1e-3,
    "clip_norm": 0.3, "max_norm": 1.0, "label_smoothing": 0.2, "weight_decay": 0.1, "schedule_shape": "exponential",
    "dropout": 0.4, "activation": "elu", "optimizer": "rmsprop", "initialisation": "glorot", "initial_scale": 0.8,
    "dropout_input": 0.1, "normalisation": "ghost", "ghost_size": 10, "normalisation_momentum": 0.2,
}  # fmt: skip


def curves(setup: TrainingSetup, members: Sequence[Member], size: int, epochs: int = EPOCHS) -> dict[int, np.ndarray]:
    """Every member's curve, trained in tiles of at most `size`."""
    found: dict[int, np.ndarray] = {}
    for tile in pack(setup, members, size):
        training = setup.training(tile)
        training.run(epochs)
        found |= {member.number: training.curve(place) for place, member in enumerate(tile)}
    return found


def assert_each_as_if_alone(
    setup: TrainingSetup, members: Sequence[Member], tolerance: float, epochs: int, may_diverge: bool = False
) -> None:
    """Compare every point of every curve with that of the member alone."""
    together, alone = curves(setup, members, len(members), epochs), curves(setup, members, 1, epochs)
    for member in members:
        assert may_diverge or len(together[member.number]) == epochs
        np.testing.assert_allclose(
            together[member.number], alone[member.number], rtol=tolerance, err_msg=str(member.hyperparameters)
        )


def company(name: str) -> list[Member]:
    """Neighbours that differ in one hyperparameter, and some that differ in everything."""
    extra, values = OTHERS[name]
    some = [BASE | extra | {name: value} for value in values]
    strangers = [STRANGER, STRANGER | {"batch_size": 40, "layers": 2, "activation": "relu"}]
    return [Member(number, hyperparameters, 5) for number, hyperparameters in enumerate([*some, *strangers])]


@pytest.mark.parametrize(
    "case",
    swept(
        {f"{name}-{way}": (name, way) for name in NAMES for way in ("compiled", "stacked")},
        core=[*(f"{name}-compiled" for name in CORE), *(f"{name}-stacked" for name in CORE[:5])],
    ),
)
def test_neighbours_that_differ_in(case: tuple[str, str], setup: Callable[..., TrainingSetup]) -> None:
    name, way = case
    assert_each_as_if_alone(setup("multiclass", (20,), stacked=way == "stacked"), company(name), DOUBLE, EPOCHS)


@pytest.mark.parametrize("name", NAMES)
def test_a_hyperparameter_makes_a_difference(name: str, setup: Callable[..., TrainingSetup]) -> None:
    members = company(name)[: len(OTHERS[name][1])]
    found = curves(setup("multiclass", (20,)), members, len(members), EPOCHS)
    assert len({curve.tobytes() for curve in found.values()}) == len(members)


@pytest.mark.parametrize("way", ["compiled", "stacked"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_in_single_precision_over_the_first_epoch(task: str, way: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup(task, (20,), "float32", stacked=way == "stacked")
    members = [Member(number, STRANGER | {"optimizer": name}, 5) for number, name in enumerate(RULES)]
    members += [Member(9, BASE, 5), Member(10, BASE | {"units": 30}, 5), Member(11, STRANGER | {"units": 3}, 5)]
    assert_each_as_if_alone(made, members, SINGLE, 1)


@pytest.mark.parametrize("least_units", [0, 32])
def test_padding_makes_no_difference(least_units: int, setup: Callable[..., TrainingSetup]) -> None:
    made = setup("regression", (20,), stacked=True, least_units=least_units)
    for activation in ACTIVATIONS:
        widths = [Member(i, BASE | {"units": u, "activation": activation}, 5) for i, u in enumerate((1, 3, 8, 20))]
        together = curves(made, widths, len(widths), 3)
        compiled = curves(setup("regression", (20,)), widths, len(widths), 3)
        for member in widths:
            np.testing.assert_allclose(together[member.number], compiled[member.number], rtol=DOUBLE)


@pytest.mark.parametrize("normalisation", ["none", "batch", "ghost"])
def test_a_member_goes_on_in_a_tile_of_another_width(normalisation: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup("multiclass", (20,), stacked=True)
    base = BASE | {"normalisation": normalisation, "optimizer": "adam", "l2": 1e-3}
    members = [Member(i, base | {"units": units}, 5) for i, units in enumerate((3, 12, 7, 30))]
    whole = curves(made, members[:3], 3, 4)
    first = made.training(members[:3], budget=4)
    first.run(2)
    for company in ([0], [0, 2], [3, 2, 0, 1]):
        other = made.training([members[i] for i in company], budget=4)
        going_on = [place for place, i in enumerate(company) if i < 3]
        other.tile.active[:] = [i < 3 for i in company]
        for place in going_on:
            other.insert(place, first.extract(company[place]))
        other.run(4)
        for place in going_on:
            np.testing.assert_allclose(other.curve(place), whole[company[place]], rtol=DOUBLE, err_msg=str(company))


def test_padding_does_not_divide_by_zero(setup: Callable[..., TrainingSetup]) -> None:
    base = {"epsilon": 0.0, "activation": "tanh", "optimizer": "adam"}
    members = [Member(number, base | {"units": units}, 5) for number, units in enumerate((4, 9))]
    assert_each_as_if_alone(setup("regression", stacked=True), members, DOUBLE, 3)


class Own(nn.Module):
    """A caller's network with noise from PyTorch's generator and statistics of the mini-batch."""

    def __init__(self, units: int, rate: float) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            nn.Linear(6, units, bias=False), nn.BatchNorm1d(units), nn.Tanh(), nn.Dropout(rate), nn.Linear(units, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


@pytest.mark.parametrize(
    "name",
    swept(
        ["learning_rate", "momentum", "beta1", "beta2", "epsilon", "units", "batch_size", "learning_rate_decay", "l2",
         "dropout", "optimizer", "l1", "weight_decay", "max_norm", "label_smoothing", "clip_norm", "clip_value",
         "clip_steps", "schedule_shape", "warm_up", "dropconnect", "label_noise", "ema_decay"],
        core=["units", "batch_size", "dropout", "optimizer", "schedule_shape", "ema_decay"],
    ),
)  # fmt: skip
def test_neighbours_of_a_network_of_ones_own(name: str, setup: Callable[..., TrainingSetup]) -> None:
    made = setup(network=lambda hp: Own(hp.units, hp.dropout))
    assert_each_as_if_alone(made, company(name), DOUBLE, EPOCHS)


def test_noise_of_a_network_of_ones_own_does_not_touch_the_callers_generator(
    setup: Callable[..., TrainingSetup],
) -> None:
    made = setup(network=lambda hp: Own(8, 0.5))
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        wanted = torch.rand(3)
        torch.manual_seed(seed)
        training = made.training([Member(0, BASE, 5)])
        training.run(2)
        assert torch.equal(torch.rand(3), wanted)
        found.append(training.curve(0))
    np.testing.assert_array_equal(found[0], found[1])


def test_noise_of_a_network_of_ones_own_is_new_at_every_step(setup: Callable[..., TrainingSetup]) -> None:
    made = setup("regression", network=lambda hp: nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 1)))
    alike = Examples(*(np.repeat(array[:1], 120, 0) for array in (made.train.x, made.train.codes, made.train.y)))
    member = Member(0, {"learning_rate": 0.0, "optimizer": "sgd", "batch_size": 60}, 5)
    both, first = (curves(replace(made, train=alike.head(rows)), [member], 1, 3)[0][:, 0] for rows in (120, 60))
    # Of one example many times over, without learning, only the noise makes a difference; rounding makes one of 1e-15.
    assert np.abs(np.diff(first)).min() > 1e-6
    assert np.abs(both - first).min() > 1e-6


hyperparameters = st.fixed_dictionaries(
    {
        "learning_rate": st.floats(1e-4, 0.03),
        "momentum": st.floats(0, 0.95),
        "beta1": st.floats(0, 0.95),
        "beta2": st.floats(0.5, 0.999),
        "epsilon": st.floats(1e-8, 1e-2),
        "layers": st.integers(0, 3),
        "units": st.integers(1, 20),
        "batch_size": st.sampled_from([16, 50, 300]),
        "learning_rate_decay": st.floats(0, 1),
        "l2": st.sampled_from([0.0, 1e-3, 0.1]),
        "l1": st.sampled_from([0.0, 1e-3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "max_norm": st.sampled_from([0.0, 0.7]),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "clip_norm": st.sampled_from([0.0, 0.3]),
        "clip_value": st.sampled_from([0.0, 0.05]),
        "clip_steps": st.sampled_from([0, 2]),
        "dropconnect": st.sampled_from([0.0, 0.3]),
        "label_noise": st.sampled_from([0.0, 0.2]),
        "ema_decay": st.sampled_from([0.0, 0.6, 0.95]),
        "schedule_shape": st.sampled_from(list(SHAPES)),
        "warm_up": st.sampled_from([0.0, 0.7]),
        "dropout": st.floats(0, 0.9),
        "activation": st.sampled_from(list(ACTIVATIONS)),
        "optimizer": st.sampled_from(list(RULES)),
        "initialisation": st.sampled_from(["he", "xavier", "glorot", "gaussian", "orthogonal"]),
        "initial_scale": st.floats(0.5, 2),
        "units_2": st.integers(1, 20),
        "dropout_1": st.floats(0, 0.9),
        "dropout_input": st.sampled_from([0.0, 0.2]),
        "normalisation": st.sampled_from(list(NORMALISATIONS)),
        "ghost_size": st.sampled_from([4, 16]),
        "normalisation_momentum": st.floats(0.01, 1),
    }
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["binary", "multiclass", "regression"]),
    st.booleans(),
    st.lists(hyperparameters, min_size=2, max_size=6),
    st.integers(0, 2**31),
)
def test_random_companies(
    setup: Callable[..., TrainingSetup], task: str, stacked: bool, company: list[dict[str, Any]], seed: int
) -> None:
    members = [Member(number, one, seed) for number, one in enumerate(company)]
    assert_each_as_if_alone(setup(task, (20,), stacked=stacked), members, DOUBLE, 2, may_diverge=True)


def test_members_of_several_seeds_do_not_share_a_tile(setup: Callable[..., TrainingSetup]) -> None:
    members = [Member(number, BASE, number % 2) for number in range(4)]
    found = curves(setup(), members, 4, 2)
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])
