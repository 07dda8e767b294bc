"""What an augmentation is, and the draws it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, pi
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Tensor, torch
from ikura.nn.noise import bits, key

__all__ = ["Augmentation", "check_strength", "draw"]

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Augmentation:
    """A way to change training images at random.

    Args:
        name: of the hyperparameter that is its strength.
        function: `function(x, strength, draws) -> x` for one member.
        columns: how many draws one image of a shape (channels, height, width) needs.
        high: the largest strength; the smallest is 0.
        unit: what the strength is measured in.
        normal: whether draws are standard normal, otherwise uniform on [0, 1).
    """

    name: str
    function: Callable[[Tensor, Tensor, Tensor], Tensor]
    columns: Callable[[Shape], int]
    high: float
    unit: str
    normal: bool = False


def check_strength(augmentations: Mapping[str, Augmentation], name: str, value: Any) -> None:
    """Refuse a strength that an augmentation cannot have.

    Raises:
        UsageError: the value is no number from 0 to the augmentation's largest strength.
    """
    one = augmentations[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= one.high or value == inf:
        end = "" if one.high == inf else f" and at most {one.high:g}"
        raise UsageError(f"{name} ({one.unit}) must be a number of at least 0{end}, but is {value!r}")


def draw(one: Augmentation, shape: Shape, rows: int, seed: int, epoch: int, first: int = 0) -> Tensor:
    """Draw what an augmentation needs for one mini-batch: keyed noise, the same for every member.

    Args:
        one: the augmentation.
        shape: (channels, height, width) of an image.
        rows: images in the mini-batch.
        seed, epoch: the key.
        first: position of the first image in the epoch; draws do not depend on how rows are grouped.

    Returns:
        Uniform or standard normal numbers, float32 of shape (rows, columns).

    Example:
        >>> from ikura.nn.augmentation import AUGMENTATIONS
        >>> whole = draw(AUGMENTATIONS["flip"], (1, 8, 8), 4, seed=0, epoch=3)
        >>> bool((draw(AUGMENTATIONS["flip"], (1, 8, 8), 2, seed=0, epoch=3, first=2) == whole[2:]).all())
        True
    """
    columns = one.columns(shape)

    def uniform(purpose: str) -> Tensor:
        table = bits(key(seed, purpose, epoch), rows, columns, first) >> 8
        return torch.from_numpy(table.view("int32")).float()

    if not one.normal:
        return uniform(one.name) * 2.0**-24
    radius = (uniform(one.name) + 0.5) * 2.0**-24
    angle = uniform(f"{one.name}, angle") * (2 * pi * 2.0**-24)
    return radius.log_().mul_(-2).sqrt_().mul_(angle.cos_())
