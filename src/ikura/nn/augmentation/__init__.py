"""Augmentation: training images changed at random, each member of a population by its own strength.

Each function is written for one member, `function(x, strength, draws) -> x`: x of shape (rows, channels, height, width)
between 0 (black) and 1, the strength a tensor of no dimensions, draws of shape (rows, columns) shared by all members.
A strength of 0 gives x back to the bit; a NaN strength concerns its own member alone.
"""

from ikura.nn.augmentation._base import Augmentation, check_strength, draw
from ikura.nn.augmentation.augment import Augment
from ikura.nn.augmentation.registry import AUGMENTATIONS

__all__ = ["AUGMENTATIONS", "Augment", "Augmentation", "check_strength", "draw"]
