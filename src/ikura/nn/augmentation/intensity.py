"""Augmentations that change the values of pixels: contrast, colour, noise."""

from __future__ import annotations

from math import inf, prod

from ikura.lazy_torch import Tensor
from ikura.nn.augmentation._base import Augmentation

__all__ = ["COLOUR", "CONTRAST", "NOISE", "colour", "contrast", "noise"]


def contrast(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Multiply the distance of every pixel from the image's mean by a factor that is uniform on [1 - s, 1 + s].

    Args:
        x: shape (rows, channels, height, width).
        strength: s; at 1 an image may lose all contrast or have it doubled.
        draws: u, uniform, shape (rows, 1); x becomes x + (2u - 1) s (x - x̄), x̄ over all pixels and channels.

    Returns:
        Shape of x, cut off below 0 and above 1.
    """
    away = x - x.mean((1, 2, 3), keepdim=True)
    return (x + ((2 * draws - 1) * strength)[:, :, None, None] * away).clamp(0, 1)


CONTRAST = Augmentation("contrast", contrast, lambda shape: 1, 1.0, "largest relative change")


def colour(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Shift each channel of an image by an amount that is uniform on [-s, s]; of a grey image, its brightness.

    Args:
        x: shape (rows, channels, height, width).
        strength: s, on the scale from black (0) to full (1).
        draws: u, uniform, shape (rows, channels); a channel is shifted by (2u - 1) s.

    Returns:
        Shape of x, cut off below 0 and above 1.
    """
    return (x + ((2 * draws - 1) * strength)[:, :, None, None]).clamp(0, 1)


COLOUR = Augmentation(
    "colour", colour, lambda shape: shape[0], 1.0, "largest shift of a channel, 1 is from black to full"
)


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
