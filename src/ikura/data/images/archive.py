"""Arrays in a .npz file: x and y of the training set, and perhaps of the dev and test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ikura.data.arrays import plain_array, plain_features, plain_pair
from ikura.data.file_limits import check_archive, check_entry
from ikura.data.images._base import ImageSet
from ikura.data.images.channel_layout import arrange
from ikura.errors import DataError, nearest

__all__ = ["read_archive", "read_array"]

TRAINING = (("x", "y"), ("x_train", "y_train"))
DEV = (("x_dev", "y_dev"), ("x_val", "y_val"), ("x_valid", "y_valid"), ("x_validation", "y_validation"))
TEST = (("x_test", "y_test"),)
KNOWN = tuple(name for pair in (*TRAINING, *DEV, *TEST) for name in pair)
WANTED = "arrays x and y, or x_train and y_train"


def read_archive(path: Path, channels: str | None = None) -> ImageSet:
    """Read the arrays of a .npz file; nothing in it is ever unpickled.

    Args:
        path: the file, with x and y, or x_train and y_train, and perhaps x_dev and y_dev (or x_val and y_val), x_test
            and y_test.
        channels: see `ikura.data.images.channel_layout.arrange`.

    Returns:
        Arrays of bytes as images, others as they are; x_dev is the dev set, x_test the test set.

    Raises:
        DataError: arrays are missing, not known, hold objects, or do not fit each other.
    """
    arrays = _load(path)
    pairs = [(part, _pair(path, arrays, names)) for part, names in enumerate((TRAINING, DEV, TEST))]
    for name in arrays:
        if name not in KNOWN:
            raise DataError(
                f"{path}: the array {name!r} has no known use{nearest(name, KNOWN)} ({WANTED} are read, "
                "and x_dev, y_dev, x_test, y_test; leave others out)"
            )
    read = [(part, names, _plain(path, arrays, names)) for part, names in pairs if names is not None]
    (_, first, (features, targets)), *rest = read
    for _, names, (others, other) in rest:
        if (targets.dtype.kind in "US") != (other.dtype.kind in "US"):
            both = f"{first[1]} holds {targets.dtype} and {names[1]} {other.dtype}"
            raise DataError(f"{path}: {both}; they must be alike")
        if others.shape[1:] != features.shape[1:]:
            raise DataError(
                f"{path}: {first[0]} and {names[0]} hold examples of different shapes, {features.shape[1:]} and "
                f"{others.shape[1:]}"
            )
    whole = np.concatenate([x for _, _, (x, _) in read]) if rest else features
    labels = np.concatenate([y for _, _, (_, y) in read]) if rest else targets
    parts = np.repeat(np.array([part for part, *_ in read], np.int8), [len(y) for _, _, (_, y) in read])
    found = arrange(whole, channels)
    notes = [found.note] if found.note else []
    return ImageSet(found.array, labels, parts if rest else None, notes=notes, channels_last=found.last)


def _plain(
    path: Path, arrays: dict[str, npt.NDArray[Any]], names: tuple[str, str]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The features and targets of these names, of plain types; messages name the arrays."""
    x, y = (arrays[name] for name in names)
    if x.ndim < 2 or len(x) != y.size or y.size != max(y.shape, default=0):
        raise DataError(
            f"{path}: {names[0]} of shape (n, …) and {names[1]} of shape (n,) are expected, but they are of "
            f"{x.shape} and {y.shape}"
        )
    try:
        pair = plain_pair(x, y)
    except DataError as error:
        raise DataError(f"{path}: {names[0]}, {names[1]}: {error}") from None
    if not isinstance(pair.x, np.ndarray):
        raise DataError(f"{path}: {names[0]} holds records; numbers are expected")
    return pair.x, pair.y


def read_array(path: Path) -> npt.NDArray[Any]:
    """Read the array x of a .npz file, or its only one."""
    arrays = _load(path)
    if "x" not in arrays and len(arrays) != 1:
        raise DataError(f"{path}: an array x is expected, but there is {', '.join(arrays) or 'nothing'}")
    try:
        return np.asarray(plain_features(arrays["x"] if "x" in arrays else next(iter(arrays.values())))[0])
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _pair(
    path: Path, arrays: dict[str, npt.NDArray[Any]], names: tuple[tuple[str, str], ...]
) -> tuple[str, str] | None:
    """The names that a part's arrays have; None if the part is not there."""
    there = [pair for pair in names if pair[0] in arrays or pair[1] in arrays]
    if len(there) > 1:
        raise DataError(f"{path}: both {there[0][0]} and {there[1][0]} are there; one of them is expected")
    if not there and names is TRAINING:
        raise DataError(f"{path}: {WANTED}, are expected, but there is {', '.join(arrays) or 'nothing'}")
    for pair in there:
        for name, twin in (pair, pair[::-1]):
            if name not in arrays:
                raise DataError(f"{path}: there is no array {name} beside its twin {twin}")
    return there[0] if there else None


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    check_entry(path)
    check_archive(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: plain_array(file[name], name) for name in file.files}
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except ValueError as error:
        if "pickle" in str(error):
            raise DataError(f"{path}: it holds Python objects, which are not read; save plain arrays") from None
        raise DataError(f"{path}: not a readable .npz file: {' '.join(str(error).split())}") from None
    except MemoryError:
        raise DataError(f"{path}: its arrays are too large for this machine's memory") from None
    except (OSError, EOFError, BadZipFile, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: not a readable .npz file: {' '.join(str(error).split())}") from None
