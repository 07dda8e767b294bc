"""A part left out."""

from __future__ import annotations

from ikura.lazy_torch import Tensor, torch
from ikura.nn.augmentation._base import Augmentation

__all__ = ["ERASING", "erasing"]


def erasing(x: Tensor, strength: Tensor, draws: Tensor) -> Tensor:
    """Blacken a rectangle at a random place.

    Its sides are √(s r) of the height and √(s / r) of the width, r = 2^(2u - 1) between ½ and 2; where one would be
    longer than the image it is as long, and the other one s of its side. Pixels whose centres lie inside are black.

    Args:
        x: shape (rows, channels, height, width).
        strength: s, the share of the image's area.
        draws: uniform, shape (rows, 3): u of the ratio, place from top to bottom, place from left to right.

    Returns:
        Shape of x.

    References:
        Zhong et al. 2017, Random erasing data augmentation, arXiv:1708.04896.
    """
    _, _, height, width = x.shape
    ratio = torch.exp2(2 * draws[:, 0] - 1)
    tall = torch.maximum(torch.sqrt(strength * ratio), strength).clamp(max=1)
    wide = torch.maximum(torch.sqrt(strength / ratio), strength).clamp(max=1)
    top, left = draws[:, 1] * (1 - tall), draws[:, 2] * (1 - wide)

    def covered(size: int, begin: Tensor, share: Tensor) -> Tensor:
        centre = (torch.arange(size, device=x.device, dtype=x.dtype) + 0.5) / size
        return (centre >= begin[:, None]) & (centre < (begin + share)[:, None])

    hole = covered(height, top, tall)[:, None, :, None] & covered(width, left, wide)[:, None, None, :]
    return torch.where(hole, torch.zeros_like(x), x)


ERASING = Augmentation("erasing", erasing, lambda shape: 3, 1.0, "share of the area")
