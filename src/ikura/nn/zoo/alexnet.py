"""AlexNet with batch norm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ikura.nn.dropout import Dropout
from ikura.nn.zoo._base import channels_last, flat_size, image_shape, normaliser_of

__all__ = ["alexnet"]


@channels_last
def alexnet(hp: Mapping[str, Any]) -> nn.Module:
    """AlexNet in one tower, with batch norm: five convolutions, two hidden layers of 4096 units with dropout 0.5.

    Convolutions of 64 (11 × 11, stride 4), 192 (5 × 5), 384, 256 and 256 channels (3 × 3); a 3 × 3 maximum of stride 2
    behind the first, second and fifth; no biases but those of the outputs.

    References:
        Krizhevsky 2014, One weird trick (arXiv:1404.5997); Ioffe and Szegedy 2015 (arXiv:1502.03167).
    """
    shape = image_shape(hp, "alexnet", 63)
    norm, norm_units = normaliser_of(hp), normaliser_of(hp, images=False)
    rate = float(hp.get("dropout", 0.5))
    convolutions = ((64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False), (256, 3, 1, 1, False),
                    (256, 3, 1, 1, True))  # fmt: skip
    features: list[nn.Module] = []
    inputs = shape[0]
    for channels, kernel, stride, padding, pooled in convolutions:
        features.append(nn.Conv2d(inputs, channels, kernel, stride, padding, bias=False))
        features += [nn.MaxPool2d(3, 2)] if pooled else []
        features += [norm(channels), nn.ReLU()]
        inputs = channels
    width = flat_size(nn.Sequential(*features), shape)
    head: list[nn.Module] = [nn.Flatten()]
    for layer in range(2):
        head += [nn.Linear(width, 4096, bias=False), norm_units(4096), nn.ReLU(), Dropout(rate, layer)]
        width = 4096
    return nn.Sequential(*features, *head, nn.Linear(width, int(hp["outputs"])))
