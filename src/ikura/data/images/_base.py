"""What every reader of images gives: pixels, classes, parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.errors import UsageError, nearest

__all__ = ["CHOICES", "PARTS", "ImageSet", "check_choices", "describe_mode"]

CHOICES = ("refuse", "skip")
"""What may be done with files that cannot be read."""

PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class ImageSet:
    """Images as they were read.

    Args:
        pixels: uint8, shape (n, channels, height, width), 1 channel (grey) or 3 (red, green, blue); floats of any shape
            (n, …) for arrays that are no images. Perhaps mapped from a file.
        labels: class of each, or a number for a regression, shape (n,).
        parts: part of each, 0 training, 1 dev, 2 test, int8 of shape (n,); None if no parts are given.
        resized: whether images of any size are brought to this one.
        broken: files that could not be read and were skipped.
        notes: sentences for the user.
        channels_last: whether the channels of arrays were last.
    """

    pixels: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    parts: npt.NDArray[np.int8] | None = None
    resized: bool = False
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    channels_last: bool = False


def check_choices(image_size: int | None, broken: str) -> None:
    """Refuse a size that is no positive whole number, and what cannot be done with broken files.

    Raises:
        UsageError: naming what was given.
    """
    whole = isinstance(image_size, int) and not isinstance(image_size, bool)
    if image_size is not None and not (whole and 1 <= image_size <= 4096):
        raise UsageError(f"image_size must be a whole number of pixels from 1 to 4096, but is {image_size!r}")
    if broken not in CHOICES:
        hint = nearest(str(broken), CHOICES)
        raise UsageError(f"broken must be one of {', '.join(CHOICES)}, but is {broken!r}{hint}")


def describe_mode(channels: int) -> str:
    """Name the kind of image by its number of channels.

    Example:
        >>> describe_mode(1), describe_mode(3)
        ('grey', 'colour')
    """
    return "grey" if channels == 1 else "colour"
