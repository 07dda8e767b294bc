"""Arrays of a study in its run folder: one file of them, and where those lie that stay in files of the caller's."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import TypedDict

from ikura.data.network_inputs import NetworkInput, NetworkInputs
from ikura.errors import DataError, RunError
from ikura.files import shown
from ikura.schema import Digits, Name, Whole

__all__ = ["MappedRecord", "mapped_again", "packed_arrays", "unpacked_arrays"]

HASHED = 1 << 30
PIECES, PIECE = 1024, 1 << 16
"""Of larger files so many pieces of so many bytes, evenly spaced, are hashed."""


class MappedRecord(TypedDict):
    """An array that stays in a file of the caller's."""

    path: Name
    offset: Whole
    dtype: Name
    shape: list[Whole]
    sha256: Digits


def packed_arrays(x: npt.NDArray[Any] | NetworkInputs, y: npt.NDArray[Any]) -> tuple[bytes, dict[str, MappedRecord]]:
    """Put (x, y) into the form of a .npz file; arrays that stay on disk are described instead.

    Several inputs are called x_0, x_1, … or x_NAME, padded sequences x and their lengths x_lengths.

    Returns:
        The file, and by name what is not in it.

    Raises:
        DataError: an array on disk does not lie in one piece.
    """
    inputs = x if isinstance(x, NetworkInputs) else NetworkInputs((NetworkInput(x),))
    held: dict[str, npt.NDArray[Any]] = {}
    mapped: dict[str, MappedRecord] = {}
    for name, one in zip(_keys(inputs), inputs.inputs, strict=True):
        assert isinstance(one.array, np.ndarray)
        if one.on_disk:
            mapped[name] = _describe(one.array, name)
        else:
            held[name] = one.array
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, y=y, **held)
    return buffer.getvalue(), mapped


def unpacked_arrays(
    arrays: Mapping[str, npt.NDArray[Any]],
) -> tuple[npt.NDArray[Any] | NetworkInputs, npt.NDArray[Any]]:
    """Find (x, y) among the arrays of a file and those that stayed outside.

    Example:
        >>> x, y = unpacked_arrays({"x_b": np.zeros((3, 1)), "x_a": np.ones(3), "y": np.arange(3)})
        >>> x.names, x.shapes
        (('b', 'a'), {'b': [1], 'a': []})
    """
    names = [name for name in arrays if name != "y"]
    if names == ["x"] and not isinstance(arrays["x"], np.memmap):
        return arrays["x"], arrays["y"]
    if set(names) <= {"x", "x_lengths"}:
        there = tuple(NetworkInput(arrays[name]) for name in ("x", "x_lengths") if name in names)
        return NetworkInputs(there, sequences=len(there) > 1), arrays["y"]
    short = [name.removeprefix("x_") for name in names]
    if all(name.isdigit() for name in short):
        names = sorted(names, key=lambda name: int(name.removeprefix("x_")))
        return NetworkInputs(tuple(NetworkInput(arrays[name]) for name in names)), arrays["y"]
    return NetworkInputs(tuple(NetworkInput(arrays[name]) for name in names), tuple(short)), arrays["y"]


def mapped_again(record: Mapping[str, Any], run: Path) -> npt.NDArray[Any]:
    """Map an array from its file again.

    Raises:
        RunError: the file is gone or has changed.
    """
    path = Path(record["path"])
    if not path.is_file():
        raise RunError(f"{path}: the data of {shown(run)} are no longer there")
    shape, dtype = tuple(record["shape"]), np.dtype(record["dtype"])
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if path.stat().st_size < record["offset"] + size or _digest(path, record["offset"], size) != record["sha256"]:
        raise RunError(f"{path}: the data have changed since {shown(run)} began; bring the old file back to go on")
    return np.memmap(path, dtype, "r", record["offset"], shape)


def _keys(inputs: NetworkInputs) -> list[str]:
    if inputs.names is not None:
        return [f"x_{name}" for name in inputs.names]
    if inputs.sequences:
        return ["x", "x_lengths"]
    return ["x"] if len(inputs.inputs) == 1 else [f"x_{place}" for place in range(len(inputs.inputs))]


def _describe(array: npt.NDArray[Any], name: str) -> MappedRecord:
    """Where a mapped array, perhaps a part of a larger one, lies in its file."""
    root: Any = array
    while not isinstance(root.base, mmap.mmap):
        root = root.base
    if not array.flags.c_contiguous or root.filename is None:
        raise DataError(f"{name} lies in a file, but not in one piece; map whole rows of it, in the order of the file")
    path, start = Path(root.filename), array.ctypes.data - root.ctypes.data + root.offset
    dtype = array.dtype.newbyteorder("=") if array.dtype.isnative else array.dtype
    return {
        "path": str(path.absolute()),
        "offset": int(start),
        "dtype": dtype.str,
        "shape": list(array.shape),
        "sha256": _digest(path, int(start), array.nbytes),
    }


def _digest(path: Path, start: int, size: int) -> str:
    digest = hashlib.sha256(f"{size}".encode())
    with path.open("rb") as file:
        if size <= HASHED:
            pieces = [(start + place, min(1 << 24, size - place)) for place in range(0, size, 1 << 24)]
        else:
            pieces = [(start + place * (size - PIECE) // (PIECES - 1), PIECE) for place in range(PIECES)]
        for place, length in pieces:
            file.seek(place)
            digest.update(file.read(length))
    return digest.hexdigest()
