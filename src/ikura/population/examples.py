"""The examples a population trains on, in the precision and on the device it trains in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ikura.nn.noise import key, permutation

if TYPE_CHECKING:
    from ikura.data import Part
    from ikura.data.encoder import PixelStandard

__all__ = ["Examples"]


@dataclass(frozen=True)
class Examples:
    """Training or dev examples.

    Images stay bytes, perhaps in a mapped file, until a mini-batch is made of them: then `standard` makes them numbers.

    Attributes:
        x: features, shape (rows, ...); floats, whole numbers that stay as they are, or the bytes of images.
        codes: embedded categories, int32 of shape (rows, number of embeddings).
        y: targets in the precision of training, class numbers for classes, shape (rows,); of any shape (rows, ...) and
            whole numbers as they are where the loss is the caller's own.
        standard: standardises the bytes of images; None where x is standardised already.
        order: places in x of the rows in their order; None as they lie. Only for images.
        flattened: whether networks take the features of an image in one dimension.
        weights: of the examples in the loss, float64 of shape (rows,), mean 1 over the training set; None for 1 each.
        whole_targets: whether a loss of the caller's own takes the targets as whole numbers.
    """

    x: np.ndarray
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
        if part.standard is not None:
            return cls(part.x, codes, y, part.standard)
        whole = part.x.dtype.kind in "iu"
        return cls(np.ascontiguousarray(part.x, None if whole else dtype), codes, y)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the features of one example as networks take them."""
        return (prod(self.x.shape[1:]),) if self.flattened else self.x.shape[1:]

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
        return replace(self, x=self.x[order], codes=self.codes[order], y=self.y[order], weights=weights)

    def flat(self) -> Examples:
        """Return the examples with features of one dimension."""
        if self.standard is not None:
            return replace(self, flattened=True)
        return replace(self, x=self.x.reshape(len(self), prod(self.x.shape[1:])))

    def head(self, rows: int) -> Examples:
        """Return the first rows."""
        weights = None if self.weights is None else self.weights[:rows]
        some = replace(self, codes=self.codes[:rows], y=self.y[:rows], weights=weights)
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
        """Return some rows of x as they lie in memory, in the examples' order."""
        return self.x[rows] if self.order is None else self.x[self.order[rows]]

    def inputs(self, rows: slice) -> np.ndarray:
        """Return some rows as networks take them in evaluation: floats, standardised."""
        if self.standard is None:
            return self.x[rows]
        x = self.standard.apply(self.raw(rows), str(self.y.dtype))
        return x.reshape(len(x), -1) if self.flattened else x

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
