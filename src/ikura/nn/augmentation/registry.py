"""All augmentations, in the order in which they are applied."""

from __future__ import annotations

from ikura.nn.augmentation._base import Augmentation
from ikura.nn.augmentation.colour import COLOUR
from ikura.nn.augmentation.contrast import CONTRAST
from ikura.nn.augmentation.crop import CROP
from ikura.nn.augmentation.erasing import ERASING
from ikura.nn.augmentation.flip import FLIP
from ikura.nn.augmentation.noise import NOISE
from ikura.nn.augmentation.rotation import ROTATION

__all__ = ["AUGMENTATIONS"]

AUGMENTATIONS: dict[str, Augmentation] = {
    one.name: one for one in (FLIP, ROTATION, CROP, COLOUR, CONTRAST, NOISE, ERASING)
}
"""Name -> augmentation."""
