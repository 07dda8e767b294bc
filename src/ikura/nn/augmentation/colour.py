"""Colours shifted."""

from __future__ import annotations

from torch import Tensor

from ikura.nn.augmentation._base import Augmentation

__all__ = ["COLOUR", "colour"]


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
