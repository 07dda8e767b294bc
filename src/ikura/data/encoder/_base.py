"""What every encoder is: fitted on the training rows, applied to all."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.arrays import plain_features
from ikura.data.network_inputs import NetworkInputs
from ikura.errors import DataError
from ikura.json_values import JsonObject

__all__ = ["ArrayLikeEncoder", "Encoder", "Features", "check_shape", "names_of_places"]

Features = tuple[npt.NDArray[Any] | NetworkInputs, npt.NDArray[np.int32]]


class Encoder(ABC):
    """Turns examples into arrays, with statistics of the training set only."""

    @abstractmethod
    def to_dict(self) -> JsonObject:
        """The JSON form."""

    @abstractmethod
    def transform(self, data: Any) -> Features:
        """Encode examples.

        Args:
            data: n examples of the kind the encoder was fitted to; further columns of a table do not matter.

        Returns:
            x, float32, shape (n, d) or (n, …), or several inputs, and codes, int32, shape (n, c), one column for each
            embedding. A missing value becomes 0, which is the mean, and where training had missing values a 1 in a
            column of its own.

        Raises:
            DataError: a column is missing, or a value does not fit its column or is infinite; the message
                names the row, counted from 1, and the column.
        """

    def numbers(self, x: npt.NDArray[Any], dtype: str = "float32") -> npt.NDArray[Any]:
        """What networks take of the x that `transform` returned, some rows at a time; the same unless x are bytes."""
        return x.astype(dtype, copy=False)

    def names(self, data: Any) -> list[str] | None:
        """What each example is called, such as its file; None where examples have no names."""
        return None

    @property
    @abstractmethod
    def feature_names(self) -> list[str]:
        """Names of the d columns of x."""

    @property
    def numeric_columns(self) -> list[tuple[int, int]]:
        """Columns of x that hold numbers of a table, which networks may encode further.

        Each comes with the column that is 1 where its value is missing, -1 for none.
        """
        return []

    @property
    def embedding_names(self) -> list[str]:
        """Names of the c columns of codes; empty where examples have no categories."""
        return []

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each of the c embeddings, code 0 (unseen or missing) included."""
        return []


class ArrayLikeEncoder(Encoder):
    """An encoder of examples that are one array, each of the same shape."""

    @property
    @abstractmethod
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example as networks take it."""

    @abstractmethod
    def encode(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Encode an array of n examples as they are given; images stay bytes.

        Raises:
            DataError: the shape is another, or a value cannot be used; rows are counted from 1.
        """

    def ready(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Encode some examples to what networks take."""
        return self.numbers(self.encode(array))

    def transform(self, data: Any) -> Features:
        """Encode n examples: x, shape (n, …), and codes, shape (n, 0)."""
        plain = plain_features(data)[0]
        x = self.encode(plain.to_numpy() if isinstance(plain, pd.DataFrame) else plain)
        return x, np.zeros((len(x), 0), dtype=np.int32)


def names_of_places(name: str, shape: Sequence[int]) -> list[str]:
    """Name the numbers of an array.

    Example:
        >>> names_of_places("x", (1, 2))
        ['x[0, 0]', 'x[0, 1]']
    """
    return [f"{name}[{', '.join(map(str, place))}]" for place in itertools.product(*map(range, shape))]


def check_shape(array: npt.NDArray[Any], shape: tuple[int, ...], channels_last: bool) -> None:
    """Refuse an array whose examples have another shape than this, in which channels come first.

    Raises:
        DataError: the shape is another.
    """
    given = (*shape[1:], shape[0]) if channels_last else shape
    if array.shape[1:] != given:
        expected = ", ".join(map(str, given))
        raise DataError(f"an array of shape (n, {expected}) is expected, but its shape is {array.shape}")
