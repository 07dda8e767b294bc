"""VGG-16 with batch norm for images of 32 × 32 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ikura.nn.zoo._base import channels_last, image_shape, normaliser_of

__all__ = ["vgg16"]

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@channels_last
def vgg16(hp: Mapping[str, Any]) -> nn.Module:
    """VGG-16: thirteen 3 × 3 convolutions in five stages with batch norm and ReLU, a 2 × 2 maximum behind each stage.

    Images of 32 × 32 pixels leave one pixel of 512 channels, which one layer turns into the outputs (configuration D
    without its two hidden layers of 4096 units, which belong to images of 224 × 224). A stage whose input is one pixel
    wide or high has no maximum.

    References:
        Simonyan and Zisserman 2015 (arXiv:1409.1556); Ioffe and Szegedy 2015 (arXiv:1502.03167).
    """
    inputs, height, width = image_shape(hp, "vgg16")
    norm = normaliser_of(hp)
    layers: list[nn.Module] = []
    for channels, convolutions in STAGES:
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=False), norm(channels), nn.ReLU()]
            inputs = channels
        if min(height, width) >= 2:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * height * width, int(hp["outputs"])))
