"""What an own network's forward takes where that is not one array in memory: several inputs, or arrays on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["JoinedRows", "NetworkInput", "NetworkInputs", "is_on_disk"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class JoinedRows:
    """Arrays whose rows follow each other, none of them copied: what is read of an array, read of several.

    Example:
        >>> joined = JoinedRows((np.zeros((2, 1)), np.ones((3, 1))))
        >>> joined.shape, joined[np.array([4, 0])].tolist(), joined[1:3].tolist()
        ((5, 1), [[1.0], [0.0]], [[0.0], [1.0]])
    """

    arrays: tuple[npt.NDArray[Any], ...]

    def __len__(self) -> int:
        return sum(map(len, self.arrays))

    def __getitem__(self, rows: slice | Rows) -> npt.NDArray[Any]:
        places = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        found = np.empty((len(places), *self.shape[1:]), self.dtype)
        first = 0
        for array in self.arrays:
            here = np.flatnonzero((places >= first) & (places < first + len(array)))
            found[here] = array[places[here] - first]
            first += len(array)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all together."""
        return (len(self), *self.arrays[0].shape[1:])

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.arrays[0].ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """What they hold."""
        return np.result_type(*(one.dtype for one in self.arrays))

    @property
    def nbytes(self) -> int:
        """Bytes of all together."""
        return sum(one.nbytes for one in self.arrays)


def is_on_disk(array: Any) -> bool:
    """Whether an array, or what it is a view of, lies in a file."""
    if isinstance(array, JoinedRows):
        return any(map(is_on_disk, array.arrays))
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


@dataclass(frozen=True)
class NetworkInput:
    """One argument of a network's forward for n examples, read when it is needed.

    Args:
        array: shape (N, …), in memory or mapped from a file.
        order: places of the n examples in it, in their order, shape (n,); None as they lie.
        ready: makes of some of its rows what networks take; None where they are that already.
        shape: shape of one example as networks take it; None where it is that of the array.
        dtype: precision in which floats are read; None as they are.

    Example:
        >>> taken = NetworkInput(np.arange(8).reshape(4, 2)).taken(np.array([3, 1]))
        >>> len(taken), taken.read(slice(1)).tolist()
        (2, [[6, 7]])
    """

    array: npt.NDArray[Any] | JoinedRows
    order: Rows | None = None
    ready: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None

    def __len__(self) -> int:
        return len(self.array if self.order is None else self.order)

    @property
    def on_disk(self) -> bool:
        """Whether the array stays in a file."""
        return is_on_disk(self.array)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example as networks take it."""
        return self.array.shape[1:] if self.shape is None else self.shape

    def taken(self, order: Rows) -> NetworkInput:
        """The examples in these places, in this order: a copy of an array that is ready, otherwise nothing is read."""
        if self.ready is None and self.order is None and not self.on_disk:
            return replace(self, array=self.array[order])
        return replace(self, order=order if self.order is None else self.order[order])

    def sliced(self, rows: slice) -> NetworkInput:
        """Some of the examples, not read."""
        if self.order is None and isinstance(self.array, np.ndarray):
            return replace(self, array=self.array[rows])
        order = np.arange(len(self.array)) if self.order is None else self.order
        return replace(self, order=order[rows])

    def given(self, rows: slice) -> npt.NDArray[Any]:
        """Read some of the examples as they were given."""
        if self.order is None:
            return self.array[rows]
        places = self.order[rows]
        if not self.on_disk:
            return np.asarray(self.array[places])
        # Files are read from front to back.
        ascending = np.argsort(places, kind="stable")
        found = np.empty((len(places), *self.array.shape[1:]), self.array.dtype)
        found[ascending] = self.array[places[ascending]]
        return found

    def read(self, rows: slice = slice(None)) -> npt.NDArray[Any]:
        """Read some of the examples as networks take them, shape (rows, …)."""
        block = self.given(rows)
        block = block if self.ready is None else self.ready(block)
        return np.ascontiguousarray(block, self.dtype if block.dtype.kind == "f" else None)


@dataclass(frozen=True)
class NetworkInputs:
    """The arguments of a network's forward for n examples.

    Args:
        inputs: one for each argument, in their order.
        names: of the arguments, which are given by name; None where they are given by place.
        sequences: whether the first input are padded sequences and the second their lengths, int64 of shape (n,), or
            what forward asks for in their place.

    Example:
        >>> inputs = NetworkInputs((NetworkInput(np.zeros((3, 2))), NetworkInput(np.arange(3))), ("table", "place"))
        >>> [one.tolist() for one in inputs.read(slice(1))], inputs.shapes
        ([[[0.0, 0.0]], [0]], {'table': [2], 'place': []})
    """

    inputs: tuple[NetworkInput, ...]
    names: tuple[str, ...] | None = None
    sequences: bool = False

    def __len__(self) -> int:
        return len(self.inputs[0])

    def taken(self, order: Rows) -> NetworkInputs:
        """The examples in these places, in this order."""
        return replace(self, inputs=tuple(one.taken(order) for one in self.inputs))

    def sliced(self, rows: slice) -> NetworkInputs:
        """Some of the examples, not read."""
        return replace(self, inputs=tuple(one.sliced(rows) for one in self.inputs))

    def read(self, rows: slice = slice(None)) -> list[npt.NDArray[Any]]:
        """Read some of the examples as networks take them: an array of shape (rows, …) for each input."""
        return [one.read(rows) for one in self.inputs]

    def in_precision(self, dtype: str) -> NetworkInputs:
        """The same inputs, floats read in this precision."""
        return replace(self, inputs=tuple(replace(one, dtype=dtype) for one in self.inputs))

    @property
    def labels(self) -> list[str]:
        """What each input is called in a message."""
        if self.names is not None:
            return [f"x[{name!r}]" for name in self.names]
        if self.sequences:
            return ["x", "the lengths of x"]
        return [f"x[{place}]" for place in range(len(self.inputs))] if len(self.inputs) > 1 else ["x"]

    @property
    def shapes(self) -> Any:
        """The shape of one example: of each input by its name or place; of the only one, or of sequences, alone."""
        found = [list(one.example_shape) for one in self.inputs]
        return self._arranged(found)

    @property
    def sizes(self) -> Any:
        """How many numbers one example has, arranged as `shapes`."""
        return self._arranged([prod(one.example_shape) for one in self.inputs])

    def _arranged(self, found: list[Any]) -> Any:
        if self.names is not None:
            return dict(zip(self.names, found, strict=True))
        return found[0] if self.sequences or len(found) == 1 else found
