"""The table of what gives each hyperparameter its effect, against training: it changes results there only."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from ikura.nn.activation import ACTIVATIONS
from ikura.nn.encoding import ENCODINGS
from ikura.nn.initialisation import INITIALISATIONS
from ikura.nn.normalisation import NORMALISATIONS
from ikura.nn.zoo import READS
from ikura.nn.zoo.cnn import cnn
from ikura.population.member import Member
from ikura.population.packing import pack
from ikura.population.schedule import SHAPES
from ikura.population.setup import TrainingSetup
from ikura.population.update_rules import RULES
from ikura.space import CONVOLUTIONAL, HYPERPARAMETERS
from ikura.space.effects import Need
from ikura.space.hyperparameters import EFFECTS, OF_IMAGES, OPTIONS

from .test_images import shop

EPOCHS = 5
BASE = {"learning_rate": 0.05, "units": 6, "layers": 2, "batch_size": 30}

# Two values of each, and what makes their difference large enough to be seen in a few epochs.
PAIRS: dict[str, tuple[Any, Any]] = {
    "learning_rate": (0.01, 0.02), "momentum": (0.2, 0.9), "beta1": (0.3, 0.9), "beta2": (0.6, 0.99),
    "epsilon": (1e-3, 1e-1), "layers": (1, 2), "units": (4, 6), "batch_size": (20, 30), "batch_growth": ("", "2:2"),
    "learning_rate_decay": (0.1, 1.0), "l2": (0.0, 0.1), "l1": (0.0, 0.1), "weight_decay": (0.0, 0.5),
    "max_norm": (0.3, 0.6), "label_smoothing": (0.0, 0.2), "clip_norm": (0.01, 0.05), "clip_value": (0.001, 0.005),
    "clip_steps": (1, 4), "gradient_noise": (0.0, 0.5), "dropconnect": (0.0, 0.3), "label_noise": (0.0, 0.3),
    "ema_decay": (0.0, 0.9),
    "schedule_shape": ("constant", "cosine"), "warm_up": (0.0, 2.0), "step_epochs": (1, 2), "step_factor": (0.1, 0.5),
    "pieces": ("1:0.5", "2:0.1"), "final_share": (0.0, 0.6), "initial_share": (0.1, 0.5), "peak_at": (0.2, 0.6),
    "plateau_patience": (0, 1), "distance_growth": (1.02, 1.2), "dropout": (0.0, 0.4), "activation": ("relu", "tanh"),
    "optimizer": ("adam", "sgd"), "initialisation": ("he", "xavier"), "initial_scale": (0.5, 1.0),
    "dropout_input": (0.0, 0.4), "normalisation": ("none", "layer"), "ghost_size": (5, 10),
    "normalisation_momentum": (0.1, 0.5), "flip": (0.0, 1.0), "rotation": (0.0, 40.0), "crop": (0.0, 2.0),
    "colour": (0.0, 0.4), "contrast": (0.0, 0.9), "noise": (0.0, 0.3), "erasing": (0.0, 0.5), "blocks": (1, 2),
    "channels": (2, 4), "kernel_size": (3, 5), "numeric_encoding": ("standard", "quantile"), "encoding_bins": (3, 6),
    "encoding_frequencies": (2, 4), "encoding_sigma": (0.1, 1.0), "encoding_size": (2, 4), "scale_rate": (0.0, 6.0),
    "embedding_size": (2, 4), "target_transform": ("none", "yeo_johnson"),
}  # fmt: skip
LOUD: dict[str, dict[str, Any]] = {
    "step_factor": {"step_epochs": 1, "plateau_patience": 0, "distance_growth": 1.02, "learning_rate": 1.0},
    "final_share": {
        "step_epochs": 1, "step_factor": 0.01, "pieces": "1:0.1", "plateau_patience": 0, "distance_growth": 1.02,
        "learning_rate_decay": 5.0, "learning_rate": 1.0,
    },
    "plateau_patience": {"learning_rate": 1.0},
    "clip_steps": {"optimizer": "sgd"},
    "clip_norm": {"optimizer": "sgd"},
    "clip_value": {"optimizer": "sgd"},
}  # fmt: skip
EVERY: dict[str, list[Any]] = {
    "optimizer": list(RULES), "schedule_shape": list(SHAPES), "normalisation": list(NORMALISATIONS),
    "initialisation": list(INITIALISATIONS), "activation": list(ACTIVATIONS), "layers": [0, 1, 2],
    "clip_norm": [0.0, 0.01], "clip_value": [0.0, 0.001], "learning_rate_decay": [0.0, 5.0], "pieces": ["", "1:0.1"],
    "numeric_encoding": list(ENCODINGS),
}  # fmt: skip
OF_TABLES = [name for name in HYPERPARAMETERS if name not in (*OF_IMAGES, "pretrained_rate")]


def curves(setup: TrainingSetup, rows: list[dict[str, Any]]) -> list[bytes]:
    """The curves, to the bit."""
    found: dict[int, bytes] = {}
    members = [Member(number, BASE | row, 3) for number, row in enumerate(rows)]
    for tile in pack(setup, members, len(members)):
        training = setup.training(tile)
        training.run(EPOCHS)
        found |= {member.number: training.curve(place).tobytes() for place, member in enumerate(tile)}
    return [found[number] for number in range(len(rows))]


def met_and_unmet(group: tuple[Need, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every combination of values of what a group names: those by which a need is met, and those by which none is."""
    names = list(dict.fromkeys(need.name for need in group))
    met, unmet = [], []
    for values in product(*(EVERY[name] for name in names)):
        given = dict(zip(names, values, strict=True))
        (met if any(need.accepts(given[need.name]) for need in group) else unmet).append(given)
    return met, unmet


def sensible(name: str, given: dict[str, Any]) -> bool:
    """Whether nothing else in a combination would itself be refused or be without effect."""
    shape = given.get("schedule_shape")
    if name == "final_share":
        # A decay acts with two of the shapes only, and one of them needs it.
        return (shape in ("inverse_time", "exponential")) == (given["learning_rate_decay"] > 0)
    return True


@pytest.mark.parametrize("name", OF_TABLES)
def test_it_changes_results_where_the_table_says_and_nowhere_else(
    name: str, setup: Callable[..., TrainingSetup]
) -> None:
    task = "regression" if name == "target_transform" else "multiclass"
    made = setup(task, (20,) if name == "embedding_size" else ())
    groups, loud = EFFECTS[name].needs, LOUD.get(name, {})
    acting: list[dict[str, Any]] = [{}]
    idle: list[dict[str, Any]] = []
    for group in groups:
        met, unmet = met_and_unmet(group)
        others = [given for other in groups if other != group for given in met_and_unmet(other)[0][-1:]]
        beside = {key: value for given in others for key, value in given.items()}
        idle += [beside | given for given in unmet if sensible(name, given) or name == "final_share"]
        if len(met) > 1 or acting == [{}]:
            acting = [one | given for one in acting[:1] for given in met if sensible(name, given)]
    acting = [one | {"layers": 2} if "layers" not in one else one for one in acting]
    loud_idle = {key: value for key, value in loud.items() if key not in ("learning_rate_decay",)}
    rows = [loud | one | {name: value} for one in acting for value in PAIRS[name]]
    rows += [loud_idle | one | {name: value} for one in idle for value in PAIRS[name]]
    found = curves(made, rows)
    pairs = list(zip(found[::2], found[1::2], strict=True))
    for one, (first, second) in zip(acting, pairs, strict=False):
        assert first != second, f"{name} has no effect with {one}"
    for one, (first, second) in zip(idle, pairs[len(acting) :], strict=True):
        assert first == second, f"{name} has an effect with {one}"


@pytest.mark.parametrize(
    ("task", "given", "first", "second"),
    [
        ("regression", {}, {"label_smoothing": 0.0}, {"label_smoothing": 0.3}),
        ("multiclass", {}, {"batch_size": 120}, {"batch_size": 500}),
        ("multiclass", {"normalisation": "ghost"}, {"ghost_size": 30}, {"ghost_size": 99}),
        ("multiclass", {"schedule_shape": "step"}, {"step_epochs": EPOCHS}, {"step_epochs": 99}),
        ("multiclass", {"schedule_shape": "pieces"}, {"pieces": f"{EPOCHS}:0.1"}, {"pieces": "99:0.5"}),
        ("multiclass", {}, {"batch_growth": f"{EPOCHS}:2"}, {"batch_growth": "99:2"}),
        ("multiclass", {"schedule_shape": "plateau"}, {"plateau_patience": EPOCHS}, {"plateau_patience": 99}),
        ("multiclass", {"units_1": 4, "units_2": 5}, {"units": 3}, {"units": 9}),
        ("multiclass", {"dropout_1": 0.1, "dropout_2": 0.2}, {"dropout": 0.3}, {"dropout": 0.0}),
    ],
)
def test_it_changes_nothing_where_the_place_or_a_bound_says_so(
    task: str, given: dict[str, Any], first: dict[str, Any], second: dict[str, Any], setup: Callable[..., TrainingSetup]
) -> None:
    one, other = curves(setup(task), [given | first, given | second])
    assert one == other


def test_options_that_need_another_hyperparameter_are_constant_without_it(setup: Callable[..., TrainingSetup]) -> None:
    made = setup("multiclass")
    [constant] = curves(made, [{"schedule_shape": "constant"}])
    for (name, value), (need, _) in OPTIONS.items():
        met, unmet = met_and_unmet((need,))
        assert curves(made, [given | {name: value} for given in unmet]) == [constant] * len(unmet)
        assert constant not in curves(made, [given | {name: value} for given in met])


@pytest.mark.parametrize("name", dict.fromkeys([*OF_IMAGES, *CONVOLUTIONAL, *READS["cnn"]]))
def test_what_belongs_to_images_changes_results_there(name: str) -> None:
    needs = {need.name: need.opens[0] for group in EFFECTS[name].needs for need in group if not need.networks}
    pair = ("none", "batch") if name == "normalisation" else PAIRS[name]
    small = {"channels": 2, "units": 4, "blocks": 1, "batch_size": 16}
    made = shop(cnn, augmented=True, device="cpu:0")
    found = [curves(made, [small | needs | {name: value}])[0] for value in pair]
    assert found[0] != found[1]


def test_every_hyperparameter_is_probed() -> None:
    assert set(PAIRS) | {"pretrained_rate"} == set(EFFECTS)
    assert {need.name for one in EFFECTS.values() for group in one.needs for need in group} <= set(EVERY)
