"""Contrast raised or lowered."""

from __future__ import annotations

from torch import Tensor

from ikura.nn.augmentation._base import Augmentation

__all__ = ["CONTRAST", "contrast"]


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
