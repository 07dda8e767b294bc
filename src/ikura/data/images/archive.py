"""Arrays in a .npz file: x and y, or x_train, y_train, x_test and y_test."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ikura.data.images._base import Pictures, joined
from ikura.errors import DataError

__all__ = ["as_images", "read_archive", "read_array"]

CHANNELS = (1, 3)
WHOLE, DIVIDED = ("x", "y"), ("x_train", "y_train", "x_test", "y_test")


def as_images(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | None:
    """Take an array of bytes for images, if it has their shape.

    Args:
        array: shape (n, height, width), (n, channels, height, width) or (n, height, width, channels).

    Returns:
        Shape (n, channels, height, width), or None.

    Example:
        >>> as_images(np.zeros((5, 8, 9, 3), np.uint8)).shape
        (5, 3, 8, 9)
    """
    if array.dtype != np.uint8:
        return None
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[1] in CHANNELS:
        return array
    if array.ndim == 4 and array.shape[3] in CHANNELS:
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return None


def read_archive(path: Path) -> Pictures:
    """Read the arrays of a .npz file; nothing in it is ever unpickled.

    Args:
        path: the file, with x and y, or x_train and y_train and perhaps x_test and y_test.

    Returns:
        Arrays of bytes as images, others as they are; x_test is the test set.

    Raises:
        DataError: arrays are missing, hold objects, or do not fit each other.
    """
    arrays = _load(path)
    names = WHOLE if "x" in arrays else DIVIDED
    for name in names[:2]:
        if name not in arrays:
            there = ", ".join(arrays) or "nothing"
            raise DataError(f"{path}: arrays x and y, or x_train and y_train, are expected, but there is {there}")
    if names is DIVIDED and ("x_test" in arrays) != ("y_test" in arrays):
        missing = "y_test" if "x_test" in arrays else "x_test"
        raise DataError(f"{path}: there is no array {missing} beside its twin")
    pairs = [(names[i], names[i + 1]) for i in range(0, len(names), 2) if names[i] in arrays]
    for x, y in pairs:
        if arrays[y].ndim == 2 and arrays[y].shape[1] == 1:
            arrays[y] = arrays[y][:, 0]
        if arrays[x].ndim < 2 or arrays[y].ndim != 1 or len(arrays[x]) != len(arrays[y]):
            raise DataError(
                f"{path}: {x} of shape (n, …) and {y} of shape (n,) are expected, but they are of "
                f"{arrays[x].shape} and {arrays[y].shape}"
            )
        if arrays[x].shape[1:] != arrays[pairs[0][0]].shape[1:]:
            raise DataError(f"{path}: {pairs[0][0]} and {x} hold examples of different shapes")
    features, parts = joined([arrays[x] for x, _ in pairs])
    labels, _ = joined([arrays[y] for _, y in pairs])
    images = as_images(features)
    return Pictures(features if images is None else images, labels, parts)


def read_array(path: Path) -> npt.NDArray[Any]:
    """Read the array x of a .npz file, or its only one."""
    arrays = _load(path)
    if "x" not in arrays and len(arrays) != 1:
        raise DataError(f"{path}: an array x is expected, but there is {', '.join(arrays) or 'nothing'}")
    return arrays["x"] if "x" in arrays else next(iter(arrays.values()))


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except ValueError as error:
        if "pickle" in str(error):
            raise DataError(f"{path}: it holds Python objects, which are not read; save plain arrays") from None
        raise DataError(f"{path}: not a readable .npz file: {' '.join(str(error).split())}") from None
    except (OSError, EOFError, BadZipFile, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: not a readable .npz file: {' '.join(str(error).split())}") from None
