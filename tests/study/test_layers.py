"""Layers of the built-in network in a study: searched, saved with the model, loaded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.api.study import Study
from ikura.data import load_bundled
from ikura.errors import SpaceError
from ikura.study.chosen_space import check_space

from ..sweep import swept
from .comparing import assert_replays

Tune = Callable[..., Study]


@pytest.mark.parametrize("device", ["auto", "cpu:0"])
@pytest.mark.parametrize("name", swept(["batch", "ghost", "layer"], core=["ghost"]))
def test_a_saved_model_keeps_its_normalisation(tune: Tune, name: str, device: str) -> None:
    space: dict[str, Any] = {
        "normalisation": name, "layers": ikura.integer(1, 2),
        "units_1": ikura.integer(3, 9), "units_2": ikura.integer(3, 9), "dropout_2": 0.2, "dropout_input": 0.1,
        "initialisation": "orthogonal", "activation": "gelu", "initial_scale": ikura.log(0.5, 2),
    }  # fmt: skip
    if name != "layer":
        space["normalisation_momentum"] = ikura.linear(0.05, 0.5)
    study = tune("iris", space=space, device=device)
    if device == "auto":
        assert_replays(study, 0)
    frame = load_bundled("iris")[0]
    loaded = ikura.load(study.run)
    np.testing.assert_array_equal(loaded.predict_proba(frame), study.model.predict_proba(frame))
    kinds = {type(module).__name__ for module in loaded.network.modules()}
    assert {"batch": "BatchNorm", "ghost": "GhostNorm", "layer": "LayerNorm"}[name] in kinds
    if name != "layer":
        mean = dict(loaded.network.named_buffers())["layers.0.1.running_mean"]
        assert mean.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"units_3": 5}, r"\[units_3\] no network has a hidden layer 3: layers is at most 2"),
        ({"units_4": 5, "layers": ikura.integer(1, 3)}, r"\[units_4\] no network has a hidden layer 4: .* at most 3"),
        ({"dropout_2": 0.5, "layers": ikura.choice(0, 1)}, r"\[dropout_2\] no network has a hidden layer 2"),
        ({"units_0": 5}, r"\[units_0\] unknown hyperparameter"),
        ({"epsilon_1": 5}, r"\[epsilon_1\] unknown hyperparameter"),
        ({"units_1": ikura.linear(1, 5)}, r"\[units_1\] is a whole number; use the scale integer"),
        ({"dropout_1": 1.5}, r"\[dropout_1\] dropout_1 must be a number of at least 0 and below 1, but is 1\.5"),
        ({"ghost_size": 1}, r"\[ghost_size\] ghost_size must be a whole number of at least 2, but is 1"),
    ],
)
def test_mistakes_in_a_space_are_named(space: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        check_space(ikura.Space(**space), "mlp")
    assert "\n" not in str(caught.value)


def test_a_network_of_ones_own_may_call_its_hyperparameters_so() -> None:
    check_space(ikura.Space(units_9=ikura.linear(1, 5), ghost_size=1, normalisation="mine"), "own")
    check_space(ikura.Space(units_3=5, layers=ikura.integer(1, 3)), "mlp")
