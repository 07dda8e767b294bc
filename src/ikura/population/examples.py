"""The examples a population trains on, in the precision and on the device it trains in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ikura.nn.noise import permutation

if TYPE_CHECKING:
    from ikura.data import Part

__all__ = ["Examples"]


@dataclass(frozen=True)
class Examples:
    """Training or dev examples.

    Attributes:
        x: features, shape (rows, ...).
        codes: embedded categories, int32 of shape (rows, number of embeddings).
        y: targets in the precision of x, class numbers for classes, shape (rows,).
    """

    x: np.ndarray
    codes: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, part: Part, dtype: str = "float32") -> Examples:
        """Convert a part of a data set."""
        return cls(
            np.ascontiguousarray(part.x, dtype),
            np.ascontiguousarray(part.codes, np.int32),
            np.ascontiguousarray(part.y, dtype),
        )

    def __len__(self) -> int:
        return len(self.y)

    def ordered(self, seed: int, epoch: int) -> Examples:
        """Return the examples in the order of one epoch, which every member with this seed shares."""
        order = permutation(seed, epoch, len(self))
        return Examples(self.x[order], self.codes[order], self.y[order])

    def flat(self) -> Examples:
        """Return the examples with features of one dimension."""
        return Examples(self.x.reshape(len(self), prod(self.x.shape[1:])), self.codes, self.y)

    def head(self, rows: int) -> Examples:
        """Return the first rows."""
        return Examples(self.x[:rows], self.codes[:rows], self.y[:rows])
