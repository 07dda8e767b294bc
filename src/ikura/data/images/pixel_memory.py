"""Room for many images: in memory, or mapped from a temporary file when they are too large for it."""

from __future__ import annotations

import os
import tempfile
from math import prod

import numpy as np
import numpy.typing as npt

from ikura.data.memory import memory_limit
from ikura.data.network_inputs import is_on_disk
from ikura.errors import StorageError

__all__ = ["BLOCK", "allocate", "is_mapped", "take_rows"]

BLOCK = 4096


def allocate(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Make room for pixels, mapped from a file without a name if it is more than `memory_limit`.

    The file lies in the folder for temporary files (TMPDIR) and vanishes with the process, however that ends.

    Args:
        shape: shape of the array.

    Returns:
        uint8 of that shape, not yet filled.

    Raises:
        StorageError: the disk has not that much room.
    """
    size = prod(shape)
    if size <= memory_limit():
        return np.empty(shape, np.uint8)
    folder = tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(prefix="ikura-images-") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)
    except OSError as error:
        raise StorageError(
            f"{folder}: no room for {size / 1e9:.1f} GB of decoded images ({error.strerror or error}); "
            "set TMPDIR to a folder on a larger disk, or choose a smaller image size"
        ) from error


def is_mapped(array: npt.NDArray[np.uint8]) -> bool:
    """Whether an array, or what it is a view of, lies in a file."""
    return is_on_disk(array)


def take_rows(array: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Take some rows: a view where they lie together, otherwise a copy, which is mapped where it is too large.

    Args:
        array: shape (n, …).
        rows: places, in order, shape (m,).

    Returns:
        Shape (m, …).
    """
    if rows.size and rows[-1] - rows[0] + 1 == rows.size and (np.diff(rows) == 1).all():
        return array[rows[0] : rows[-1] + 1]
    taken = allocate((rows.size, *array.shape[1:]))
    for start in range(0, rows.size, BLOCK):
        np.take(array, rows[start : start + BLOCK], axis=0, out=taken[start : start + BLOCK], mode="clip")
    return taken
