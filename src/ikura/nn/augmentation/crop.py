"""Padded with black and cropped to its size at a random place."""

from __future__ import annotations

import torch
from torch import Tensor

from ikura.nn.augmentation._base import Augmentation

__all__ = ["CROP", "crop"]


def crop(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Pad an image with p black pixels on every side and cut its size out at random: shift it by up to p pixels.

    The shift is ⌊(2u - 1)(p + ½) + ½⌋ in each direction: for whole p every shift from -p to p is as likely as another;
    between whole numbers the outermost shifts become likelier as p grows.

    Args:
        x: shape (rows, channels, height, width).
        strength: p in pixels.
        draws: u, uniform, shape (rows, 2).

    Returns:
        Shape of x.
    """
    rows, channels, height, width = x.shape
    shift = torch.floor((2 * draws - 1) * (strength + 0.5) + 0.5)
    most = torch.tensor([height, width], dtype=x.dtype, device=x.device)
    shift = torch.nan_to_num(shift).clamp(-most, most).long()
    down = torch.arange(height, device=x.device) - shift[:, :1]
    right = torch.arange(width, device=x.device) - shift[:, 1:]
    inside = ((down >= 0) & (down < height))[:, :, None] & ((right >= 0) & (right < width))[:, None, :]
    place = down.clamp(0, height - 1)[:, :, None] * width + right.clamp(0, width - 1)[:, None, :]
    index = place.reshape(rows, 1, -1).expand(rows, channels, height * width)
    moved = torch.gather(x.reshape(rows, channels, -1), 2, index).reshape(x.shape)
    return torch.where(inside[:, None], moved, torch.zeros_like(x))


CROP = Augmentation("crop", crop, lambda shape: 2, float("inf"), "pixels of padding")
