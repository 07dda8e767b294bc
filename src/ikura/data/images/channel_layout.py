"""Where arrays of images have their channels: first or last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.errors import DataError, UsageError, nearest

__all__ = ["CHANNELS", "LAYOUTS", "arrange", "check_layout", "looks_last"]

CHANNELS = (1, 3)
"""Channels of grey and of colour images."""

LAYOUTS = ("first", "last")
MOST_CHANNELS = 4
"""Channels that a picture has at most: red, green, blue, transparency."""


@dataclass(frozen=True)
class Arranged:
    """An array with its channels first.

    Args:
        array: shape (n, channels, height, width) for images; any other shape for what is none.
        images: whether it is taken for images: bytes of 1 or 3 channels.
        last: whether its channels were last.
        note: a sentence for the user, or an empty string.
    """

    array: npt.NDArray[Any]
    images: bool
    last: bool = False
    note: str = ""


def arrange(array: npt.NDArray[Any], channels: str | None = None) -> Arranged:
    """Take an array of bytes for images, if it has their shape, and bring channels to the front.

    Args:
        array: shape (n, …). Bytes of shape (n, height, width), (n, channels, height, width) or (n, height, width,
            channels) are images.
        channels: "first" or "last", for bytes whose shape leaves that open, and for arrays of other numbers.

    Returns:
        The array, arranged.

    Raises:
        DataError: channels may be first or last.

    Example:
        >>> found = arrange(np.zeros((5, 8, 9, 3), np.uint8))
        >>> found.array.shape, found.last
        ((5, 3, 8, 9), True)
    """
    check_layout(channels)
    if channels is not None and array.ndim != 4:
        raise DataError(
            f"channels={channels!r} is for arrays of four dimensions, (n, height, width, channels) or (n, channels, "
            f"height, width), but the shape is {array.shape}; leave it out"
        )
    if array.dtype == np.uint8 and array.ndim == 3:
        height, width = array.shape[1:]
        return Arranged(array[:, None], True, note=_note(array, "grey", height, width, ""))
    if array.ndim != 4:
        return Arranged(array, False)
    last = channels == "last"
    if channels is None and array.dtype == np.uint8:
        first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
        if first and last and array.shape[1:] != (1, 1, 1):
            raise DataError(
                f"images of shape {array.shape} may have their channels first or last; say which, channels='first' or "
                "channels='last' (--channels)"
            )
        last = last and not first
    moved = np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if last else array
    images = array.dtype == np.uint8 and moved.shape[1] in CHANNELS
    note = ""
    if images:
        colour = "grey" if moved.shape[1] == 1 else "colour"
        note = _note(array, colour, moved.shape[2], moved.shape[3], ", channels last") if last else ""
    return Arranged(np.ascontiguousarray(moved) if images else moved, images, last, note)


def looks_last(shape: tuple[int, ...]) -> bool:
    """Whether one example of shape (a, height, width) may rather be (height, width, channels).

    Example:
        >>> looks_last((28, 28, 1)), looks_last((3, 28, 28)), looks_last((3, 28, 3))
        (True, False, True)
    """
    return len(shape) == 3 and shape[2] <= MOST_CHANNELS and shape != (1, 1, 1)


def check_layout(channels: str | None) -> None:
    """Refuse a layout that is none."""
    if channels is not None and channels not in LAYOUTS:
        raise UsageError(f"channels is first or last, but is {channels!r}{nearest(str(channels), LAYOUTS)}")


def _note(array: npt.NDArray[Any], colour: str, height: int, width: int, where: str) -> str:
    return (
        f"The bytes of shape {array.shape} are taken for {colour} images of {width} x {height} pixels{where}; "
        "numbers that are no images are given as floats."
    )
