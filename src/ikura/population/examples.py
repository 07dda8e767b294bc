"""The examples a population trains on, in the precision and on the device it trains in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.data.network_inputs import NetworkInputs
from ikura.nn.noise import key, permutation

if TYPE_CHECKING:
    from ikura.data import Part
    from ikura.data.encoder import PixelStandard

__all__ = ["Examples"]


@dataclass(frozen=True)
class Examples:
    """Training or dev examples.

    Images stay bytes, perhaps in a mapped file, until a mini-batch is made of them: then `standard` makes them numbers.
    Where networks take several inputs, or arrays that stay on disk, `x` is a `NetworkInputs`; a network of several
    inputs has no codes.

    Attributes:
        x: features, shape (rows, ...); floats, whole numbers that stay as they are, or the bytes of images; or all
            arguments of forward.
        codes: embedded categories, int32 of shape (rows, number of embeddings).
        y: targets in the precision of training, class numbers for classes, shape (rows,); of any shape (rows, ...) and
            whole numbers as they are where the loss is the caller's own.
        standard: standardises the bytes of images; None where x is standardised already.
        order: places in x of the rows in their order; None as they lie. Only for images.
        flattened: whether networks take the features of an image in one dimension.
        weights: of the examples in the loss, float64 of shape (rows,), mean 1 over the training set; None for 1 each.
        whole_targets: whether a loss of the caller's own takes the targets as whole numbers.
    """

    x: np.ndarray | NetworkInputs
    codes: np.ndarray
    y: np.ndarray
    standard: PixelStandard | None = None
    order: np.ndarray | None = None
    flattened: bool = False
    weights: np.ndarray | None = None
    whole_targets: bool = False

    @classmethod
    def of(cls, part: Part, dtype: str = "float32") -> Examples:
        """Convert a part of a data set."""
        codes, y = np.ascontiguousarray(part.codes, np.int32), np.ascontiguousarray(part.y, dtype)
        if isinstance(part.x, NetworkInputs):
            return cls(part.x.in_precision(dtype), codes, y)
        if part.standard is not None:
            return cls(part.x, codes, y, part.standard)
        whole = part.x.dtype.kind in "iu"
        return cls(np.ascontiguousarray(part.x, None if whole else dtype), codes, y)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def array(self) -> np.ndarray:
        """The features where they are one array in memory, or bytes of images; only such reach ikura's networks."""
        assert isinstance(self.x, np.ndarray)
        return self.x

    @property
    def several(self) -> bool:
        """Whether networks take other inputs than one array in memory."""
        return isinstance(self.x, NetworkInputs)

    @property
    def ready(self) -> bool:
        """Whether all features lie in memory as networks take them."""
        if isinstance(self.x, NetworkInputs):
            return all(one.ready is None for one in self.x.inputs)
        return self.standard is None

    @property
    def is_table(self) -> bool:
        """Whether the features are one array of shape (rows, columns)."""
        return isinstance(self.x, np.ndarray) and self.x.ndim == 2

    @property
    def whole_numbers(self) -> bool:
        """Whether the features are one array of whole numbers, which stay as they are."""
        return self.standard is None and isinstance(self.x, np.ndarray) and self.x.dtype.kind == "i"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the features of one example as networks take them; of several inputs that of the first."""
        if isinstance(self.x, NetworkInputs):
            return self.x.inputs[0].example_shape
        return (prod(self.x.shape[1:]),) if self.flattened else self.x.shape[1:]

    @property
    def sizes(self) -> dict[str, Any]:
        """What a factory reads of an example: `inputs`, how many numbers it has, and `shape`.

        For several inputs both are lists, one for each, or dictionaries by their names.
        """
        if isinstance(self.x, NetworkInputs):
            return {"inputs": self.x.sizes, "shape": self.x.shapes}
        return {"inputs": prod(self.shape), "shape": list(self.shape)}

    def ordered(self, seed: int, epoch: int) -> Examples:
        """Return the examples in the order of one epoch, which every member with this seed shares."""
        return self.rows(permutation(seed, epoch, len(self)))

    def rows(self, order: np.ndarray) -> Examples:
        """Return the examples in these places, in this order."""
        if self.standard is not None:
            return replace(
                self,
                codes=self.codes[order],
                y=self.y[order],
                order=order if self.order is None else self.order[order],
                weights=None if self.weights is None else self.weights[order],
            )
        weights = None if self.weights is None else self.weights[order]
        x = self.x.taken(order) if isinstance(self.x, NetworkInputs) else self.x[order]
        return replace(self, x=x, codes=self.codes[order], y=self.y[order], weights=weights)

    def flat(self) -> Examples:
        """Return the examples with features of one dimension."""
        if self.standard is not None:
            return replace(self, flattened=True)
        return replace(self, x=self.array.reshape(len(self), prod(self.array.shape[1:])))

    def head(self, rows: int) -> Examples:
        """Return the first rows."""
        weights = None if self.weights is None else self.weights[:rows]
        some = replace(self, codes=self.codes[:rows], y=self.y[:rows], weights=weights)
        if isinstance(self.x, NetworkInputs):
            return replace(some, x=self.x.sliced(slice(rows)))
        if self.order is not None:
            return replace(some, order=self.order[:rows])
        return replace(some, x=self.x[:rows])

    def sample(self, rows: int, seed: int, purpose: str) -> Examples:
        """Return at most so many examples, drawn without replacement and in their own order.

        The draw is a function of the seed, the purpose and the number of examples alone. The first rows would not do:
        those of a table may be sorted, by class or by time.
        """
        if len(self) <= rows:
            return self
        random = np.random.Generator(np.random.Philox(key=key(seed, purpose)))
        return self.rows(np.sort(random.choice(len(self), rows, replace=False)))

    def raw(self, rows: slice) -> np.ndarray:
        """Return some rows of one array as they lie in memory, in the examples' order."""
        return self.array[rows] if self.order is None else self.array[self.order[rows]]

    def inputs(self, rows: slice) -> np.ndarray:
        """Return some rows of one array as networks take them in evaluation: floats, standardised."""
        if self.standard is None:
            return self.array[rows]
        x = self.standard.apply(self.raw(rows), str(self.y.dtype))
        return x.reshape(len(x), -1) if self.flattened else x

    def arrays(self, rows: slice) -> list[np.ndarray]:
        """Return some rows as networks take them in evaluation: an array of shape (rows, ...) for each input.

        Floats are in the precision of training, whole numbers int64 (bool where several inputs hold booleans).
        """
        return self.x.read(rows) if isinstance(self.x, NetworkInputs) else [self.inputs(rows)]

    def table(self, rows: slice = slice(None)) -> np.ndarray:
        """Return all numbers of some rows side by side, without codes: shape (rows, numbers)."""
        flat = [one.reshape(len(one), -1) for one in self.arrays(rows)]
        return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1, dtype=np.float64)

    def dense(self) -> Examples:
        """Return the examples with all features in memory as standardised floats."""
        if self.standard is None:
            return self
        x = np.empty((len(self), *self.shape), self.y.dtype)
        block = 1024
        for start in range(0, len(self), block):
            rows = slice(start, start + block)
            x[rows] = self.inputs(rows)
        return replace(self, x=x, standard=None, order=None, flattened=False)
