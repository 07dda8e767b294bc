"""Arrays in a .npz file: x and y of the training set, and perhaps of the dev and test set."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from ikura.data.arrays import plain_array, plain_features, plain_pair, plain_target
from ikura.data.file_limits import check_archive, check_entry
from ikura.data.images._base import ImageSet
from ikura.data.images.channel_layout import arrange
from ikura.data.input_arrays import plain_inputs
from ikura.data.network_inputs import NetworkInput, NetworkInputs
from ikura.errors import DataError, listed, nearest

__all__ = ["inputs_of_archive", "read_archive", "read_array", "read_inputs"]

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


def inputs_of_archive(path: Path) -> dict[int, tuple[NetworkInputs, npt.NDArray[Any]]] | None:
    """Read the arrays of a .npz file where networks take several inputs; nothing in it is ever unpickled.

    The inputs of training are called x_NAME, or x_0, x_1, … where forward takes them by place; those of the dev set
    x_dev_NAME, of the test set x_test_NAME. x and x_lengths are padded sequences and their lengths.

    Returns:
        Part (0 training, 1 dev, 2 test) -> (x, y); None where a part has one input.

    Raises:
        DataError: inputs or targets are missing, or parts have others than training.
    """
    if not any(_part_and_input(name)[1] for name in names_in(path)):
        return None
    arrays = _load(path)
    found: dict[int, tuple[NetworkInputs, npt.NDArray[Any]]] = {}
    for part in range(3):
        inputs = {name: one for name in arrays for place, one in [_part_and_input(name)] if place == part}
        targets = [name for name in arrays if name[:1] == "y" and _part_and_input(f"x{name[1:]}") == (part, "")]
        if not inputs and not targets:
            continue
        if len(targets) != 1:
            raise DataError(
                f"{path}: there must be one array of targets beside {listed(inputs)}, {WANTED_TARGETS[part]}"
            )
        y = plain_target(arrays[targets[0]])[0]
        try:
            found[part] = _as_inputs({short: arrays[name] for name, short in inputs.items()}, listed(inputs)), y
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
    if 0 not in found:
        raise DataError(f"{path}: the inputs of training, x_NAME, are expected, but there is {listed(arrays)}")
    for name in arrays:
        if _part_and_input(name)[0] is None and name[:1] != "y":
            raise DataError(
                f"{path}: the array {name!r} has no known use (x_NAME, x_dev_NAME, x_test_NAME, y are read)"
            )
    return found


def read_inputs(path: Path) -> NetworkInputs:
    """Read the inputs x_NAME, or x_0, x_1, …, of a .npz file to predict; targets in it do not matter."""
    arrays = _load(path)
    inputs = {one: array for name, array in arrays.items() for part, one in [_part_and_input(name)] if part == 0}
    if not inputs:
        raise DataError(f"{path}: inputs x_NAME are expected, but there is {listed(arrays) or 'nothing'}")
    try:
        return _as_inputs(inputs, listed(arrays))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def names_in(path: Path) -> list[str]:
    """The names of the arrays of a .npz file, without reading them; none where it cannot be read."""
    check_entry(path)
    try:
        with ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, BadZipFile):
        return []


PART_NAMES = {"train": 0, "dev": 1, "val": 1, "valid": 1, "validation": 1, "test": 2}
WANTED_TARGETS = ("y or y_train", "y_dev", "y_test")


def _part_and_input(name: str) -> tuple[int | None, str]:
    """What an array is called for: the part, None if it is no input, and the input, empty for the only one.

    Example:
        >>> _part_and_input("x_dev_tokens"), _part_and_input("x_tokens"), _part_and_input("x_test")
        ((1, 'tokens'), (0, 'tokens'), (2, ''))
    """
    head, *rest = name.split("_")
    if head != "x":
        return None, ""
    if rest and rest[0] in PART_NAMES:
        return PART_NAMES[rest[0]], "_".join(rest[1:])
    return 0, "_".join(rest)


def _as_inputs(arrays: dict[str, npt.NDArray[Any]], given: str) -> NetworkInputs:
    """Inputs by name or by place, or padded sequences."""
    if set(arrays) == {"", "lengths"}:
        lengths, steps = arrays["lengths"], arrays[""]
        if (
            lengths.ndim != 1
            or lengths.dtype.kind not in "iu"
            or steps.ndim < 2
            or lengths.max(initial=0) > steps.shape[1]
        ):
            raise DataError(f"x_lengths holds how many of the {steps.shape[1:2]} steps of x count, whole numbers")
        return plain_inputs(NetworkInputs((NetworkInput(steps), NetworkInput(lengths.astype(np.int64))), None, True))
    if "" in arrays:
        raise DataError(f"one input has a name and another has none ({given}); call each x_NAME, or x_0, x_1, …")
    if all(name.isdigit() for name in arrays):
        return plain_inputs(tuple(arrays[name] for name in sorted(arrays, key=int)))
    return plain_inputs(arrays)


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
