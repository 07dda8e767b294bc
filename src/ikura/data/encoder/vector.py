"""The encoder of arrays of two dimensions whose columns all stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data.encoder._base import ArrayLikeEncoder
from ikura.data.encoder.array import BLOCK, ArrayEncoder
from ikura.data.encoder.number import Standard
from ikura.data.memory import memory_limit
from ikura.data.network_inputs import NetworkInput
from ikura.errors import DataError
from ikura.json_values import JsonObject

__all__ = ["VectorEncoder"]


@dataclass(frozen=True)
class VectorEncoder(ArrayLikeEncoder):
    """Standardises each column by itself; a constant one becomes 0, a missing value 0, which is the mean.

    Args:
        standards: the two statistics of each column.

    Example:
        >>> encoder = VectorEncoder.fit_vector(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> encoder.transform(np.array([[2.0, 5.0], [3.0, np.nan]]))[0].tolist()
        [[0.0, 0.0], [1.0, 0.0]]
    """

    standards: list[Standard]

    @staticmethod
    def fit_vector(array: npt.NDArray[Any] | NetworkInput) -> VectorEncoder:
        """Fit to the training rows, shape (n, d); of rows on disk some columns at a time."""
        raw = array if isinstance(array, NetworkInput) else NetworkInput(array)
        if not raw.on_disk:
            return VectorEncoder([Standard.fit(column.astype(np.float64)) for column in raw.given(slice(None)).T])
        rows, columns = len(raw), raw.array.shape[1]
        standards: list[Standard] = []
        together = max(memory_limit() // (8 * max(rows, 1)), 1)
        step = max(BLOCK // max(columns, 1), 1)
        for first in range(0, columns, together):
            held = np.empty((rows, min(together, columns - first)))
            for start in range(0, rows, step):
                held[start : start + step] = raw.given(slice(start, start + step))[:, first : first + together]
            standards += [Standard.fit(column) for column in held.T]
        return VectorEncoder(standards)

    @staticmethod
    def read_form(form: Mapping[str, Any]) -> VectorEncoder:
        """The encoder that `to_dict` described."""
        return VectorEncoder([Standard(*pair) for pair in zip(form["mean"], form["std"], strict=True)])

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        mean, std = [one.mean for one in self.standards], [one.std for one in self.standards]
        return {"type": "vector", "mean": mean, "std": std}

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return (len(self.standards),)

    def encode(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Encode n examples: float32 of shape (n, d)."""
        if array.ndim != 2 or array.shape[1] != len(self.standards):
            raise DataError(f"an array of shape (n, {len(self.standards)}) is expected, but its shape is {array.shape}")
        ArrayEncoder.check(array)
        x = np.empty(array.shape, dtype=np.float32)
        for place, standard in enumerate(self.standards):
            x[:, place] = standard.apply(array[:, place].astype(np.float64))
        return x

    @property
    def feature_names(self) -> list[str]:
        """Names of the d columns: x0, x1 and so on."""
        return [f"x{place}" for place in range(len(self.standards))]
