"""The fully connected F1 and the shallow convolutional C1 and C3 of Hoffer et al. 2017."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import nn

from ikura.nn.dropout import Dropout
from ikura.nn.zoo._base import channels_last, flat_size, image_shape, normaliser_of

__all__ = ["c1", "c3", "f1", "shallow"]


def f1(hp: Mapping[str, Any]) -> nn.Module:
    """F1: five layers of 512 units, each a linear layer, batch norm and ReLU; then the outputs.

    References:
        Hoffer, Hubara, Soudry 2017 (arXiv:1705.08741) and its released code.
    """
    norm = normaliser_of(hp, images=False)
    width = int(hp["inputs"]) if "inputs" in hp else prod(hp["shape"])
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(5):
        layers += [nn.Linear(width, 512), norm(512), nn.ReLU()]
        width = 512
    return nn.Sequential(*layers, nn.Linear(width, int(hp["outputs"])))


def shallow(hp: Mapping[str, Any]) -> nn.Module:
    """C1 (10 classes) and C3 (100): two convolutions and two hidden layers.

    5 × 5 convolution of 64 channels without bias, 3 × 3 maximum of stride 2, batch norm, ReLU, twice; 384 and 192 units
    without bias, each with batch norm, ReLU and dropout 0.5; then the outputs.

    References:
        Hoffer, Hubara, Soudry 2017 (arXiv:1705.08741) and its released code.
    """
    shape = image_shape(hp, "c1", 7)
    norm, norm_units = normaliser_of(hp), normaliser_of(hp, images=False)
    rate = float(hp.get("dropout", 0.5))
    features: list[nn.Module] = []
    inputs = shape[0]
    for _ in range(2):
        features += [nn.Conv2d(inputs, 64, 5, padding=2, bias=False), nn.MaxPool2d(3, 2), norm(64), nn.ReLU()]
        inputs = 64
    width = flat_size(nn.Sequential(*features), shape)
    head: list[nn.Module] = [nn.Flatten()]
    for layer, units in enumerate((384, 192)):
        head += [nn.Linear(width, units, bias=False), norm_units(units), nn.ReLU(), Dropout(rate, layer)]
        width = units
    return nn.Sequential(*features, *head, nn.Linear(width, int(hp["outputs"])))


c1 = channels_last(shallow)
c3 = channels_last(shallow)
