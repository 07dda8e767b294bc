"""Reading a torch `Dataset`, or something else that gives its items one by one, into arrays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.arrays import plain_array
from ikura.data.memory import memory_limit
from ikura.data.task import NAMES
from ikura.errors import DataError, StorageError, listed

__all__ = ["is_item_source", "read_items"]

LABELS = (*NAMES, "labels", "targets")
"""Names under which an item that is a dictionary holds its target."""


def is_item_source(data: Any) -> bool:
    """Whether data give items one by one: a `Dataset`, a `DataLoader`, or an object with a length.

    Example:
        >>> is_item_source([(1, 2)]), is_item_source("iris"), is_item_source(np.zeros((3, 2)))
        (False, False, False)
    """
    plain = isinstance(data, str | bytes | os.PathLike | tuple | list | Mapping | np.ndarray | pd.DataFrame | pd.Series)
    if plain or hasattr(data, "__array__") or hasattr(data, "__arrow_c_stream__") or hasattr(data, "columns"):
        return False
    return hasattr(data, "__getitem__") or hasattr(data, "__iter__")


def read_items(data: Any, target: str | None = None) -> tuple[Any, Any, list[str]]:
    """Read all items once, in their order.

    Args:
        data: map style (`__getitem__` and `__len__`) or iterable, of items (x, y), where x may be a tuple or a
            dictionary; of more values, of which the last is the target; or dictionaries with the target among them. Of
            a `DataLoader` the dataset is read, by as many worker processes as it has.
        target: name of the target in items that are dictionaries.

    Returns:
        x, y, and sentences for the user. x is an array, a tuple or a dictionary of arrays, or a list of sequences where
        items differ in their lengths; too large arrays lie in a temporary file.

    Raises:
        DataError: an item cannot be read, or is otherwise than those before; the message names it, counted from 1.

    Example:
        >>> class Squares:
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, place):
        ...         return np.array([place, 1.0]), place**2
        >>> x, y, _ = read_items(Squares())
        >>> x.tolist(), y.tolist()
        ([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], [0, 1, 4])
    """
    reader = ItemReader(type(data).__name__, target)
    notes: list[str] = []
    if _is_loader(data):
        notes.append(
            f"Of the DataLoader its dataset is read ({data.num_workers or 'no'} worker processes): its order, "
            "batch_size and collate_fn are not used; the size of mini-batches is the hyperparameter batch_size."
        )
    source, count = _items(data)
    for item in source:
        reader.add(item, count)
    x, y = reader.done()
    if _differs(data, reader):
        notes.append(
            f"The items of the {reader.name} differ from one reading to the next (random transforms?): each is read "
            "once, and that one is trained on."
        )
    return x, y, [f"{reader.rows} items were read once from the {reader.name}.", *notes, *reader.notes]


def _is_loader(data: Any) -> bool:
    return all(hasattr(data, name) for name in ("dataset", "batch_size", "num_workers", "collate_fn"))


def _same(item: Any) -> Any:
    return item


def _items(data: Any) -> tuple[Iterable[Any], int | None]:
    """The items in their order, and how many there are if that is known."""
    if _is_loader(data):
        if not data.num_workers or not hasattr(data.dataset, "__getitem__"):
            return _items(data.dataset)
        from torch.utils.data import DataLoader

        loader: DataLoader[Any] = DataLoader(
            data.dataset, batch_size=None, num_workers=data.num_workers, collate_fn=_same,
            multiprocessing_context=data.multiprocessing_context, worker_init_fn=data.worker_init_fn,
        )  # fmt: skip
        return loader, len(data.dataset)
    count = len(data) if hasattr(data, "__len__") else None
    if hasattr(data, "__getitem__") and not _only_iterates(data):
        if count is None:
            raise DataError(f"the {type(data).__name__} has no length; give it __len__, or an iterable in its place")
        return _by_place(data, count), count
    return _iterated(data), count


def _only_iterates(data: Any) -> bool:
    """Whether a dataset is an iterable one, which has a `__getitem__` that only refuses."""
    return any(one.__name__ == "IterableDataset" for one in type(data).__mro__)


def _by_place(data: Any, count: int) -> Iterator[Any]:
    for place in range(count):
        try:
            yield data[place]
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(f"item {place + 1} of the {type(data).__name__} cannot be read: {reason}") from error


def _iterated(data: Any) -> Iterator[Any]:
    try:
        yield from data
    except DataError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"the items of the {type(data).__name__} cannot be read: {reason}") from error


def _differs(data: Any, reader: ItemReader) -> bool:
    """Whether the first item, read again, is another."""
    data = data.dataset if _is_loader(data) else data
    if not hasattr(data, "__getitem__") or _only_iterates(data):
        return False
    again = ItemReader(reader.name, reader.target)
    again.add(data[0], 1)
    return any(not np.array_equal(one, reader.first[name], equal_nan=_floats(one)) for name, one in again.first.items())


def _floats(array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind == "f"


class ItemReader:
    """Puts items together, value by value.

    Args:
        name: of what gives them, for messages.
        target: name of the target where items are dictionaries.
    """

    def __init__(self, name: str, target: str | None = None) -> None:
        self.name, self.target = name, target
        self.rows = 0
        self.notes: list[str] = []
        self.first: dict[str | int, npt.NDArray[Any]] = {}
        """The values of the first item; the target is called "y"."""
        self.kind: type | None = None
        """What x is: a tuple, a dictionary, or None for a single array."""
        self.held: dict[str | int, npt.NDArray[Any]] = {}
        self.ragged: dict[str | int, list[npt.NDArray[Any]]] = {}
        self.texts: list[Any] = []

    def add(self, item: Any, count: int | None) -> None:
        """Take an item.

        Raises:
            DataError: it is no (x, y), or of other values than those before.
        """
        x, y = self._parted(item)
        values: dict[str | int, npt.NDArray[Any]] = {}
        kind = dict if isinstance(x, Mapping) else tuple if isinstance(x, tuple | list) and _holds_arrays(x) else None
        parts = dict(x) if isinstance(x, Mapping) else dict(enumerate(x)) if kind is tuple else {"x": x}
        for name, one in parts.items():
            values[name] = plain_array(one, f"item {self.rows + 1} of the {self.name}: {_label(name, kind)}")
        values["y"] = np.asarray(y) if isinstance(y, str) else plain_array(y, f"item {self.rows + 1}: y")
        if not self.rows:
            self.first, self.kind = values, kind
        elif set(values) != set(self.first) or kind is not self.kind:
            now, before = listed(map(str, values)), listed(map(str, self.first))
            raise DataError(f"item {self.rows + 1} of the {self.name} holds {now}, and the first {before}")
        for name, one in values.items():
            self._put(name, one, count)
        self.rows += 1

    def _parted(self, item: Any) -> tuple[Any, Any]:
        if isinstance(item, Mapping):
            named = [name for name in item if name == self.target or (self.target is None and name in LABELS)]
            if len(named) != 1:
                raise DataError(
                    f"the items of the {self.name} are dictionaries of {listed(item)}; say which is to be predicted, "
                    "target=…"
                )
            rest = {name: one for name, one in item.items() if name != named[0]}
            return (rest if len(rest) > 1 else next(iter(rest.values()), None)), item[named[0]]
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise DataError(
                f"item {self.rows + 1} of the {self.name} is a {type(item).__name__}; (x, y) is expected, where x may "
                "be a tuple or a dictionary of inputs"
            )
        if len(item) > 2:
            if not self.rows:
                self.notes.append(
                    f"The last of the {len(item)} values of an item is the target, those before are the inputs of the "
                    "network."
                )
            return tuple(item[:-1]), item[-1]
        return item[0], item[1]

    def _put(self, name: str | int, value: npt.NDArray[Any], count: int | None) -> None:
        if name in self.ragged:
            self.ragged[name].append(value)
            return
        if name not in self.held:
            if value.dtype.kind not in "biuf":
                self.ragged[name] = [value]
                return
            self.held[name] = _room((count or 1024, *value.shape), value.dtype)
        array = self.held[name]
        if value.shape != array.shape[1:] or value.dtype != array.dtype:
            same = value.ndim == array.ndim - 1 and value.shape[1:] == array.shape[2:] and value.ndim > 0
            if value.dtype.kind in "biuf" and value.shape == array.shape[1:]:
                self.held[name] = array = array.astype(np.result_type(array, value))
            elif not same or name == "y":
                raise DataError(
                    f"item {self.rows + 1} of the {self.name}: {_label(name, self.kind)} is of shape {value.shape} and "
                    f"holds {value.dtype}, but those before are of shape {array.shape[1:]} and {array.dtype}; "
                    "all must be alike, but for the length of sequences"
                )
            else:
                self.ragged[name] = [*(np.array(one) for one in array[: self.rows]), value]
                del self.held[name]
                return
        if self.rows == len(array):
            more = _room((2 * len(array), *array.shape[1:]), array.dtype)
            more[: len(array)] = array
            self.held[name] = array = more
        array[self.rows] = value

    def done(self) -> tuple[Any, Any]:
        """x and y of all items."""
        if not self.rows:
            raise DataError(f"the {self.name} has no items")
        found: dict[str | int, Any] = {name: self.held[name][: self.rows] for name in self.held}
        found |= {name: _gathered(name, values) for name, values in self.ragged.items()}
        y = found.pop("y")
        if self.kind is None:
            return found["x"], y
        ordered = {name: found[name] for name in self.first if name != "y"}
        if self.kind is dict:
            return ordered, y
        return tuple(ordered.values()) if len(ordered) > 1 else ordered[0], y


def _holds_arrays(x: tuple[Any, ...] | list[Any]) -> bool:
    """Whether an item's x is several inputs rather than a row of numbers."""
    return any(hasattr(one, "shape") and len(one.shape) > 0 for one in x) or (
        isinstance(x, tuple) and any(hasattr(one, "shape") for one in x)
    )


def _label(name: str | int, kind: type | None) -> str:
    return str(name) if kind is None or name == "y" else f"x[{name!r}]"


def _gathered(name: str | int, values: list[npt.NDArray[Any]]) -> Any:
    """Words, or sequences of different lengths."""
    if all(not one.ndim for one in values):
        return np.array([one.item() for one in values])
    return list(values)


def _room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array to be filled, mapped from a file without a name where it is too large for memory."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size <= memory_limit():
        return np.empty(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="ikura-items-") as file:
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise StorageError(
            f"{tempfile.gettempdir()}: no room for {size / 1e9:.1f} GB of items ({error.strerror or error}); set "
            "TMPDIR to a folder on a larger disk"
        ) from error
