"""The networks by name, and the hyperparameters that each of them reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ikura.errors import UsageError, nearest
from ikura.nn.zoo._base import Factory
from ikura.nn.zoo.alexnet import alexnet
from ikura.nn.zoo.cnn import CNN_DEFAULTS, cnn
from ikura.nn.zoo.resnet import resnet, wide_resnet
from ikura.nn.zoo.shallow import f1, shallow
from ikura.nn.zoo.vgg import vgg16

__all__ = ["NETWORKS", "READS", "network"]


def channels_last(factory: Factory) -> Factory:
    """Let a factory's convolutions have the channels of a pixel side by side, which is the faster layout."""

    def factory_last(hp: Mapping[str, Any]) -> nn.Module:
        made: nn.Module = factory(hp).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return made

    return factory_last


NETWORKS: dict[str, Factory] = {
    "cnn": cnn,
    "f1": f1,
    "c1": channels_last(shallow),
    "c3": channels_last(shallow),
    "vgg16": channels_last(vgg16),
    **{f"resnet{depth}": channels_last(resnet(depth)) for depth in (20, 32, 44, 56)},
    "wrn16-4": channels_last(wide_resnet),
    "alexnet": channels_last(alexnet),
}
"""Name to the function that makes a network from hyperparameters.

They have `inputs`, `outputs` and `shape` (of one example) beside what the trial names.
"""

_NORMALISATION = ("normalisation", "ghost_size", "normalisation_momentum")

READS: dict[str, tuple[str, ...]] = {
    name: (*_NORMALISATION, *(("dropout",) if name in ("c1", "c3", "alexnet") else ())) for name in NETWORKS
} | {"cnn": tuple(CNN_DEFAULTS)}
"""Name to the hyperparameters of its architecture; those of training are read by none."""


def network(name: str) -> Factory:
    """Look a network up by name.

    Returns:
        The factory.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> network("resnet44")({"shape": (3, 32, 32), "outputs": 10}).out
        Linear(in_features=64, out_features=10, bias=True)
    """
    if name not in NETWORKS:
        raise UsageError(f"unknown network {name!r}{nearest(str(name), NETWORKS)}: use mlp, {', '.join(NETWORKS)}")
    return NETWORKS[name]
