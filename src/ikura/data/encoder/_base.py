"""What every encoder is: fitted on the training rows, applied to all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import Column

__all__ = ["Encoder", "Features"]

Features = tuple[npt.NDArray[Any], npt.NDArray[np.int32]]


class Encoder(ABC):
    """Turns examples into arrays, with statistics of the training set only.

    Example:
        >>> frame = pd.DataFrame({"area": [60.0, 80.0, 100.0], "city": ["Rome", "Oslo", "Rome"]})
        >>> encoder = Encoder.fit(frame)
        >>> encoder.feature_names
        ['area', 'city=Oslo', 'city=Rome']
        >>> x, codes = encoder.transform(pd.DataFrame({"area": [80.0], "city": ["Bern"]}))
        >>> x.tolist(), codes.shape
        ([[0.0, 0.0, 0.0]], (1, 0))
    """

    @staticmethod
    def fit(data: pd.DataFrame | npt.NDArray[Any], columns: Sequence[Column] | None = None) -> Encoder:
        """Fit an encoder to the training rows.

        Args:
            data: table of n rows, or array of shape (n, …).
            columns: kinds of the table's columns; found from the data when they are not given.

        Returns:
            An encoder for a table, or for an array.

        Raises:
            DataError: a value does not fit its column, or is infinite.
        """
        if isinstance(data, np.ndarray):
            from ikura.data.encoder.array import ArrayEncoder

            return ArrayEncoder.fit_array(data)
        from ikura.data.encoder.table import TableEncoder

        return TableEncoder.fit_table(data, columns)

    @staticmethod
    def from_dict(form: Mapping[str, Any]) -> Encoder:
        """The encoder that `to_dict` described; it transforms exactly as that one did."""
        if form["type"] == "array":
            from ikura.data.encoder.array import ArrayEncoder

            return ArrayEncoder.read_form(form)
        if form["type"] == "given":
            from ikura.data.encoder.given import GivenEncoder

            return GivenEncoder.read_form(form)
        if form["type"] == "vector":
            from ikura.data.encoder.vector import VectorEncoder

            return VectorEncoder.read_form(form)
        if form["type"] == "image":
            from ikura.data.encoder.image import ImageEncoder

            return ImageEncoder.read_form(form)
        from ikura.data.encoder.table import TableEncoder

        return TableEncoder.read_form(form)

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
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
    @abstractmethod
    def embedding_names(self) -> list[str]:
        """Names of the c columns of codes."""

    @property
    @abstractmethod
    def cardinalities(self) -> list[int]:
        """Number of codes of each of the c embeddings, code 0 (unseen or missing) included."""
