"""Hyperparameters of a member: what they may be."""

from __future__ import annotations

from typing import Any

import pytest

from ikura.errors import UsageError
from ikura.population.member import Hyperparameters, Member, check_value
from ikura.space import DEFAULTS

ALLOWED: dict[str, list[Any]] = {
    "learning_rate": [0, 1e-6, 1e30],
    "momentum": [0, 0.999],
    "beta1": [0.0, 0.999999],
    "beta2": [0.0, 0.999999],
    "epsilon": [0, 1.0],
    "layers": [0, 64],
    "units": [1, 8.0, 1_000_000],
    "batch_size": [1, 32.0, 10**9],
    "learning_rate_decay": [0, 5],
    "l2": [0, 100],
    "l1": [0, 100],
    "weight_decay": [0, 1.0],
    "max_norm": [0, 3],
    "label_smoothing": [0, 0.999],
    "clip_norm": [0, 1e9],
    "clip_value": [0, 1e9],
    "clip_steps": [0, 10, 1e9],
    "schedule_shape": ["cosine"],
    "gradient_noise": [0, 2.5],
    "dropconnect": [0, 0.999],
    "label_noise": [0, 0.5, 1],
    "ema_decay": [0, 0.9999],
    "batch_growth": ["30:5 60:25", "0:1.5"],
    "warm_up": [0, 0.5, 100],
    "step_epochs": [1, 2.5],
    "step_factor": [0, 1],
    "pieces": ["81:0.1 122:0.01", "0:1e-3"],
    "final_share": [0, 1],
    "initial_share": [0, 1],
    "peak_at": [0, 1],
    "plateau_patience": [0, 7],
    "distance_growth": [1.01, 10],
    "pretrained_rate": [0, 2],
    "dropout": [0, 0.999],
    "activation": ["relu"],
    "optimizer": ["sgd"],
    "initialisation": ["zeros"],
    "initial_scale": [0, 2.5],
    "dropout_input": [0, 0.999],
    "normalisation": ["batch", "ghost", "layer"],
    "ghost_size": [2, 128.0, 10**6],
    "normalisation_momentum": [0, 1],
    "numeric_encoding": ["robust", "quantile", "piecewise_linear", "periodic", "pbld"],
    "encoding_bins": [2, 4096],
    "encoding_frequencies": [1, 4096],
    "encoding_sigma": [0, 12.5],
    "encoding_size": [2, 4096],
    "scale_rate": [0, 6],
    "embedding_size": [1, 4096],
    "target_transform": ["log", "quantile", "yeo_johnson"],
    "flip": [1, 0.5],
    "rotation": [180],
    "crop": [4, 2.5],
    "colour": [0.3],
    "contrast": [1],
    "noise": [0.1, 3],
    "erasing": [0.25],
}
REFUSED: dict[str, list[Any]] = {
    "learning_rate": [-1e-9, float("nan"), "0.1", None, True],
    "momentum": [1, 1.5, -0.1],
    "beta1": [1, -0.1, float("nan")],
    "beta2": [1, -0.1],
    "epsilon": [-1e-9],
    "layers": [-1, 65, 1.5],
    "units": [0, 1_000_001, 2.5, "8"],
    "batch_size": [0, 0.5, 1.5, -1, float("inf")],
    "learning_rate_decay": [-0.1],
    "l2": [-1e-9],
    "l1": [-1e-9, None],
    "weight_decay": [-0.1],
    "max_norm": [-1],
    "label_smoothing": [1, -0.1],
    "clip_norm": [-1],
    "clip_value": [-1],
    "clip_steps": [-1, 0.5],
    "schedule_shape": ["cosin", None],
    "gradient_noise": [-0.1, None],
    "dropconnect": [1, -0.1, "0.5"],
    "label_noise": [1.1, -0.1, float("nan")],
    "ema_decay": [1, -0.1, "0.9"],
    "batch_growth": ["30:0.5", "5:2 4:3", 4],
    "warm_up": [-1],
    "step_epochs": [0, 0.5],
    "step_factor": [-0.1, 1.1],
    "pieces": ["81", "5:0.1 5:0.2", "3:1.5", "1:1e", None],
    "final_share": [-0.1, 1.1],
    "initial_share": [-0.1, 1.1],
    "peak_at": [-0.1, 1.1],
    "plateau_patience": [-1, 1.5],
    "distance_growth": [1, 0.5],
    "pretrained_rate": [-1, None],
    "dropout": [1, 1.5, -0.1],
    "activation": ["rel", None],
    "optimizer": ["adm", 3],
    "initialisation": ["hee", 0.5],
    "initial_scale": [-1, float("nan")],
    "dropout_input": [1, -0.1],
    "normalisation": ["bach", None],
    "ghost_size": [1, 2.5, float("inf")],
    "normalisation_momentum": [-0.1, 1.1],
    "numeric_encoding": ["piecewise", None],
    "encoding_bins": [1, 2.5],
    "encoding_frequencies": [0, "16"],
    "encoding_sigma": [-0.1, float("nan")],
    "encoding_size": [1, 2.5],
    "scale_rate": [-1, float("inf")],
    "embedding_size": [-1, 2.5],
    "target_transform": ["yeo-johnson", None],
    "flip": [1.1, -0.1, True],
    "rotation": [181, "10"],
    "crop": [-1, float("inf")],
    "colour": [1.5, None],
    "contrast": [-0.5],
    "noise": [float("nan"), -1],
    "erasing": [1.5],
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_values(name: str) -> None:
    for value in (DEFAULTS[name], *ALLOWED[name]):
        check_value(name, value, built_in=True)
    for value in REFUSED[name]:
        with pytest.raises(UsageError) as caught:
            check_value(name, value, built_in=True)
        assert repr(value) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "allowed", "refused"), [("units_3", 8, 2.5), ("dropout_12", 0.5, 1.0)])
def test_values_of_single_layers(name: str, allowed: Any, refused: Any) -> None:
    check_value(name, allowed, built_in=True)
    with pytest.raises(UsageError, match=name):
        check_value(name, refused, built_in=True)
    check_value(name, "wide", built_in=False)


def test_single_layers_have_their_own_values_and_layers_above_are_ignored() -> None:
    member = Member(0, {"layers": 3, "units": 8, "units_2": 5, "units_4": 7, "dropout_1": 0.5}, 0)
    assert member.each_layer("units") == (8, 5, 8)
    assert member.each_layer("dropout") == (0.5, 0.0, 0.0)


def test_what_only_a_built_in_network_has_is_free_for_others() -> None:
    for name in ("layers", "units", "dropout", "activation", "initialisation", "normalisation", "ghost_size", "noise"):
        check_value(name, "wide", built_in=False)
    with pytest.raises(UsageError, match="batch_size"):
        check_value("batch_size", "wide", built_in=False)


def test_a_message_names_the_trial() -> None:
    with pytest.raises(UsageError, match=r"trial 7: momentum must be a number of at least 0 and below 1, but is 1\.5"):
        Member(7, {"momentum": 1.5}, 0)


def test_what_is_left_out_has_its_default() -> None:
    values = Member(0, {"units": 3, "own": "x"}, 0).values
    assert values == {**DEFAULTS, "units": 3, "own": "x"}
    assert values.own == values["own"]
    with pytest.raises(AttributeError, match="no hyperparameter 'unit'"):
        Hyperparameters(units=1).unit  # noqa: B018
