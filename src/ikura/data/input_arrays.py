"""Several inputs in one of many forms, and sequences of different lengths, as plain arrays."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data.arrays import Pair, names_of, plain_array, plain_pair, plain_target
from ikura.data.memory import memory_limit
from ikura.data.network_inputs import NetworkInput, NetworkInputs, is_on_disk
from ikura.errors import DataError, listed, nearest

__all__ = ["padded", "pair_of", "plain_inputs", "stays_on_disk"]


def stays_on_disk(array: Any) -> bool:
    """Whether an array is mapped from a file and too large to be held in memory."""
    return isinstance(array, np.ndarray) and is_on_disk(array) and array.nbytes > memory_limit()


def are_inputs(x: Any, rows: int | None = None) -> bool:
    """Whether x is a tuple or a dictionary of several inputs, each with a value for each example.

    A tuple may also be rows; its elements are inputs where they are arrays, or have as many rows as there are examples.

    Args:
        x: what was given.
        rows: how many examples there are; None where that is not known.

    Example:
        >>> are_inputs(({1: 2}, np.ones(3))), are_inputs((np.ones(3), np.ones((3, 2))), 3), are_inputs(((1, 2), (3, 4)))
        (False, True, False)
    """
    if isinstance(x, Mapping):
        return not hasattr(x, "columns")
    if not isinstance(x, tuple) or hasattr(x, "_fields") or not x:
        return False
    arrays = [hasattr(one, "shape") and len(one.shape) > 0 for one in x]
    if all(arrays):
        return rows is None or len(x) != rows or all(len(one) == rows for one in x)
    held = [len(one) if isinstance(one, list | tuple) or there else -1 for one, there in zip(x, arrays, strict=True)]
    return any(arrays) and rows is not None and len(x) != rows and set(held) == {rows}


def pair_of(x: Any, y: Any) -> Pair:
    """Bring (x, y) of any form to plain ones.

    Args:
        x: as for `ikura.data.arrays.plain_pair`; or a tuple or a dictionary of arrays, one for each argument of an own
            network's forward; or a list of sequences of different lengths; or an array mapped from a file.
        y: a target for each example.

    Raises:
        DataError: one of them cannot be read with certainty, or they do not fit each other.

    Example:
        >>> pair_of((np.zeros((3, 2)), np.arange(3)), [0, 1, 1]).x.shapes
        [[2], []]
        >>> pair_of([[1, 2, 3], [4]], [0, 1]).x.shapes
        [3]
    """
    rows = len(y) if hasattr(y, "__len__") else None
    ragged = not isinstance(x, NetworkInputs) and are_sequences(x)
    if not (ragged or isinstance(x, NetworkInputs) or stays_on_disk(x) or are_inputs(x, rows)):
        return plain_pair(x, y)
    inputs = NetworkInputs((_plain(x, "x"),)) if stays_on_disk(x) else plain_inputs(x)
    target, name = plain_target(y)
    if len(target) != len(inputs):
        raise DataError(f"{inputs.labels[0]} has {len(inputs)} rows and y has {len(target)}; they must have the same")
    if not len(target):
        raise DataError("x and y have no rows")
    notes = []
    if ragged:
        lengths = inputs.inputs[1].read()
        notes.append(
            f"x holds {len(inputs)} sequences of {lengths.min()} to {lengths.max()} steps, padded with zeros at the "
            "end; beside them forward is given what it names: lengths, mask (true at steps) or padding_mask."
        )
    return Pair(inputs, target, name, notes, names_of(y))


def are_sequences(x: Any) -> bool:
    """Whether x is a list of arrays or lists of one kind that differ in their lengths alone.

    Example:
        >>> are_sequences([[1, 2], [3]]), are_sequences([[1, 2], [3, 4]]), are_sequences([[1], [[2], [3]]])
        (True, False, False)
    """
    if isinstance(x, np.ndarray) and x.dtype == object and x.ndim == 1:
        x = list(x)
    if not isinstance(x, list) or not x or not all(hasattr(one, "__len__") and not isinstance(one, str) for one in x):
        return False
    if len({len(one) for one in x}) < 2:
        return False
    shapes = {np.shape(one)[1:] if hasattr(one, "shape") else _inner(one) for one in x if len(one)}
    return len(shapes) == 1 and None not in shapes


def _inner(value: Sequence[Any]) -> tuple[int, ...] | None:
    """Shape of the elements of a list; None where they differ."""
    try:
        return np.shape(np.asarray(value))[1:]
    except ValueError:
        return None


def padded(x: Sequence[Any], steps: int = 0) -> NetworkInputs:
    """Pad sequences with zeros behind their ends.

    Args:
        x: n sequences, arrays of shape (length, …).
        steps: length to which they are padded at least.

    Returns:
        Two inputs: the sequences, shape (n, steps, …), and their lengths, shape (n,).

    Raises:
        DataError: their elements are no numbers of one shape.

    Example:
        >>> both = padded([[1, 2, 3], [4]])
        >>> [one.array.tolist() for one in both.inputs]
        [[[1, 2, 3], [4, 0, 0]], [3, 1]]
    """
    arrays = [plain_array(one, f"x[{place}]") for place, one in enumerate(x)]
    filled = [one for one in arrays if len(one)]
    if not filled:
        raise DataError("all sequences of x are empty")
    for place, one in enumerate(arrays):
        if one.dtype.kind not in "biuf":
            raise DataError(f"x[{place}] holds {one.dtype}; sequences of numbers are expected, such as ids of tokens")
        if len(one) and one.shape[1:] != filled[0].shape[1:]:
            raise DataError(f"x[{place}] has steps of shape {one.shape[1:]}, and x[0] of {filled[0].shape[1:]}")
    lengths = np.array([len(one) for one in arrays], np.int64)
    kind = np.result_type(*{one.dtype for one in filled})
    found = np.zeros((len(arrays), max(steps, int(lengths.max())), *filled[0].shape[1:]), kind)
    for place, one in enumerate(arrays):
        if len(one):
            found[place, : len(one)] = one
    return NetworkInputs((NetworkInput(found), NetworkInput(lengths)), sequences=True)


def plain_inputs(x: Any, expected: NetworkInputs | None = None) -> NetworkInputs:
    """Bring several inputs of any form to plain arrays; nothing that stays on disk is read.

    Args:
        x: a tuple or a dictionary of arrays, tensors or lists, a list of sequences, or `NetworkInputs`.
        expected: names and shapes of what a model was trained on; None in training.

    Raises:
        DataError: one cannot be read as an array of numbers, or they do not have the same number of rows.

    Example:
        >>> plain_inputs({"ids": [[1, 2], [3, 4]], "age": [0.5, 0.7]}).shapes
        {'ids': [2], 'age': []}
    """
    if isinstance(x, NetworkInputs):
        found = x
    elif expected is not None and expected.sequences:
        found = _sequences(x, expected)
    elif isinstance(x, Mapping):
        names = [_name(one) for one in x]
        parts = (_plain(one, f"x[{name!r}]") for name, one in zip(names, x.values(), strict=True))
        found = NetworkInputs(tuple(parts), tuple(names))
    elif isinstance(x, tuple):
        found = NetworkInputs(tuple(_plain(one, f"x[{place}]") for place, one in enumerate(x)))
    elif isinstance(x, list) or expected is None:
        found = padded(x)
    else:
        what = listed(expected.labels)
        raise DataError(f"the network takes {len(expected.inputs)} inputs, {what}; a {type(x).__name__} is given")
    if not found.inputs:
        raise DataError("x holds no input at all")
    rows = [len(one) for one in found.inputs]
    for label, count in zip(found.labels, rows, strict=True):
        if count != rows[0]:
            raise DataError(f"{label} has {count} rows and {found.labels[0]} has {rows[0]}; they must have the same")
    return found if expected is None else _ordered(found, expected)


def _sequences(x: Any, expected: NetworkInputs) -> NetworkInputs:
    """Sequences for a model that was trained on such, padded as far at least; rows of an array are sequences too."""
    steps = expected.inputs[0].example_shape[0]
    if isinstance(x, tuple) and len(x) == 2:
        return NetworkInputs(tuple(_plain(one, "x") for one in x), sequences=True)
    if not isinstance(x, list | np.ndarray) and not hasattr(x, "shape"):
        raise DataError(f"a list of sequences is expected, but x is {type(x).__name__}")
    return padded(list(x), steps)


def _ordered(found: NetworkInputs, expected: NetworkInputs) -> NetworkInputs:
    """Inputs in the order of training."""
    if (found.names is None) != (expected.names is None) or found.sequences != expected.sequences:
        kinds = {True: "a tuple", False: f"a dictionary of {listed(expected.names or ())}"}
        raise DataError(f"x was {kinds[expected.names is None]} in training; give it so")
    if expected.names is None:
        if len(found.inputs) != len(expected.inputs):
            raise DataError(f"x has {len(found.inputs)} inputs, but had {len(expected.inputs)} in training")
        return found
    known = dict(zip(found.names or (), found.inputs, strict=True))
    for name in expected.names:
        if name not in known:
            raise DataError(f"x has no input {name!r}{nearest(name, known)} (inputs: {listed(known)})")
    for name in known:
        if name not in expected.names:
            raise DataError(f"x has an input {name!r} that training had not; leave it out")
    return NetworkInputs(tuple(known[name] for name in expected.names), expected.names)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise DataError(
            f"x is a dictionary whose keys are names of forward's arguments, but {name!r} can be none; a table is "
            "given as a pandas.DataFrame"
        )
    return name


def _plain(value: Any, what: str) -> NetworkInput:
    if are_sequences(value):
        raise DataError(
            f"{what} holds sequences of different lengths; give them alone, x=[…], to have them padded, or pad them "
            "to one length and give their lengths or a mask as an input of its own"
        )
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array: npt.NDArray[Any] = value if stays_on_disk(value) else plain_array(value, what)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} holds {array.dtype}; an input of a network holds numbers or booleans")
    if not array.ndim:
        raise DataError(f"{what} is a single value; give one for each example")
    if not all(array.shape[1:]):
        raise DataError(f"{what} of shape {array.shape} holds no numbers")
    return NetworkInput(array)
