"""Turned about the centre."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ikura.nn.augmentation._base import Augmentation

__all__ = ["ROTATION", "rotation"]


def rotation(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Turn an image about its centre by an angle that is uniform on [-d, d]; bilinear, black outside.

    Args:
        x: shape (rows, channels, height, width).
        strength: d in degrees.
        draws: u, uniform, shape (rows, 1); the angle is (2u - 1) d, counter-clockwise where positive.

    Returns:
        Shape of x.
    """
    rows, _, height, width = x.shape
    angle = ((2 * draws[:, 0] - 1) * strength * (pi / 180))[:, None, None]
    down = (torch.arange(height, device=x.device, dtype=x.dtype) - (height - 1) / 2)[None, :, None]
    right = (torch.arange(width, device=x.device, dtype=x.dtype) - (width - 1) / 2)[None, None, :]
    cosine, sine = torch.cos(angle), torch.sin(angle)
    from_right = (cosine * right - sine * down) * (2 / width)
    from_down = (sine * right + cosine * down) * (2 / height)
    grid = torch.stack([from_right, from_down], -1).expand(rows, height, width, 2)
    turned = grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return torch.where(strength == 0, x, turned.clamp(0, 1))


ROTATION = Augmentation("rotation", rotation, lambda shape: 1, 180.0, "degrees")
