"""What every encoder is: fitted on the training rows, applied to all."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.json_values import JsonObject

__all__ = ["Encoder", "Features", "names_of_places"]

Features = tuple[npt.NDArray[Any], npt.NDArray[np.int32]]


class Encoder(ABC):
    """Turns examples into arrays, with statistics of the training set only."""

    @abstractmethod
    def to_dict(self) -> JsonObject:
        """The JSON form."""

    @abstractmethod
    def transform(self, data: pd.DataFrame | npt.NDArray[Any]) -> Features:
        """Encode examples.

        Args:
            data: n examples of the kind the encoder was fitted to; further columns of a table do not matter.

        Returns:
            x, float32, shape (n, d) or (n, …), and codes, int32, shape (n, c), one column for each embedding.
            A missing value becomes 0, which is the mean, and where training had missing values a 1 in a
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
    def embedding_names(self) -> list[str]:
        """Names of the c columns of codes; empty where examples have no categories."""
        return []

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each of the c embeddings, code 0 (unseen or missing) included."""
        return []


def names_of_places(name: str, shape: Sequence[int]) -> list[str]:
    """Name the numbers of an array.

    Example:
        >>> names_of_places("x", (1, 2))
        ['x[0, 0]', 'x[0, 1]']
    """
    return [f"{name}[{', '.join(map(str, place))}]" for place in itertools.product(*map(range, shape))]
