"""The encoder of arrays of two dimensions whose columns all stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.arrays import plain_features
from ikura.data.encoder._base import Encoder, Features
from ikura.data.encoder.array import ArrayEncoder
from ikura.data.encoder.number import Standard
from ikura.errors import DataError
from ikura.json_values import JsonObject

__all__ = ["VectorEncoder"]


@dataclass(frozen=True)
class VectorEncoder(Encoder):
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
    def fit_vector(array: npt.NDArray[Any]) -> VectorEncoder:
        """Fit to the training rows, shape (n, d)."""
        return VectorEncoder([Standard.fit(column.astype(np.float64)) for column in array.T])

    @staticmethod
    def read_form(form: Mapping[str, Any]) -> VectorEncoder:
        """The encoder that `to_dict` described."""
        return VectorEncoder([Standard(*pair) for pair in zip(form["mean"], form["std"], strict=True)])

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        mean, std = [one.mean for one in self.standards], [one.std for one in self.standards]
        return {"type": "vector", "mean": mean, "std": std}

    def transform(self, data: pd.DataFrame | npt.NDArray[Any]) -> Features:
        """Encode n examples: x, shape (n, d), and codes, shape (n, 0)."""
        plain = plain_features(data)[0]
        array = plain.to_numpy() if isinstance(plain, pd.DataFrame) else plain
        if array.ndim != 2 or array.shape[1] != len(self.standards):
            raise DataError(f"an array of shape (n, {len(self.standards)}) is expected, but its shape is {array.shape}")
        ArrayEncoder.check(array)
        x = np.empty(array.shape, dtype=np.float32)
        for place, standard in enumerate(self.standards):
            x[:, place] = standard.apply(array[:, place].astype(np.float64))
        return x, np.zeros((len(array), 0), dtype=np.int32)

    @property
    def feature_names(self) -> list[str]:
        """Names of the d columns: x0, x1 and so on."""
        return [f"x{place}" for place in range(len(self.standards))]
