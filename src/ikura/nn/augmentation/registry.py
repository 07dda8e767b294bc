"""All augmentations, in the order in which they are applied."""

from __future__ import annotations

from ikura.nn.augmentation._base import Augmentation
from ikura.nn.augmentation.erasing import ERASING
from ikura.nn.augmentation.geometry import CROP, FLIP, ROTATION
from ikura.nn.augmentation.intensity import COLOUR, CONTRAST, NOISE

__all__ = ["AUGMENTATIONS"]

AUGMENTATIONS: dict[str, Augmentation] = {
    one.name: one for one in (FLIP, ROTATION, CROP, COLOUR, CONTRAST, NOISE, ERASING)
}
"""Name -> augmentation."""
