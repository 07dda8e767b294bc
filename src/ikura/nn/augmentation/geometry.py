"""Augmentations that move pixels: crop, flip, rotation."""

from __future__ import annotations

from math import pi

from ikura.lazy_torch import Tensor, functional, torch
from ikura.nn.augmentation._base import Augmentation

__all__ = ["CROP", "FLIP", "ROTATION", "crop", "flip", "rotation"]


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
    turned = functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return torch.where(strength == 0, x, turned.clamp(0, 1))


ROTATION = Augmentation("rotation", rotation, lambda shape: 1, 180.0, "degrees")


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
