"""Mirrored from left to right."""

from __future__ import annotations

import torch
from torch import Tensor

from ikura.nn.augmentation._base import Augmentation

__all__ = ["FLIP", "flip"]


def flip(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Mirror an image from left to right with a probability.

    Args:
        x: shape (rows, channels, height, width).
        strength: the probability p.
        draws: u, uniform, shape (rows, 1); an image is mirrored where u < p.

    Returns:
        Shape of x.
    """
    return torch.where(draws[:, :, None, None] < strength, x.flip(-1), x)


FLIP = Augmentation("flip", flip, lambda shape: 1, 1.0, "probability")
