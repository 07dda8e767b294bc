"""Noise added."""

from __future__ import annotations

from math import inf, prod

from torch import Tensor

from ikura.nn.augmentation._base import Augmentation

__all__ = ["NOISE", "noise"]


def noise(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Add normal noise to every pixel.

    Args:
        x: shape (rows, channels, height, width).
        strength: its standard deviation, on the scale from black (0) to full (1).
        draws: standard normal, shape (rows, channels · height · width).

    Returns:
        Shape of x, cut off below 0 and above 1.
    """
    return (x + strength * draws.reshape(x.shape)).clamp(0, 1)


NOISE = Augmentation("noise", noise, prod, inf, "standard deviation, 1 is from black to full", normal=True)
