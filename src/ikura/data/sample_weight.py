"""Weights of examples: a column of the table, or an array beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.arrays import plain_array
from ikura.data.source import Source
from ikura.data.values import numbers
from ikura.errors import DataError, nearest

__all__ = ["take_weights"]


def plain_weights(given: Any, rows: int) -> npt.NDArray[np.float64]:
    """Bring weights of any form to an array of shape (rows,).

    Raises:
        DataError: they are no numbers of at least 0, one for each row.

    Example:
        >>> plain_weights([1, 2.5], 2)
        array([1. , 2.5])
    """
    array = plain_array(given, "sample_weight")
    if array.ndim > 1 and array.size == max(array.shape):
        array = array.reshape(-1)
    if array.shape != (rows,):
        raise DataError(
            f"sample_weight of shape ({rows},) is expected, one for each row, but its shape is {array.shape}"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"sample_weight holds {array.dtype}; numbers of at least 0 are expected")
    return _checked(array.astype(np.float64), "sample_weight")


def take_weights(source: Source, weight: Any) -> Source:
    """Take the weights out of the data.

    Args:
        source: the data as they were opened, a dev and a test set of their own behind them.
        weight: name of a column, which is no feature then; or an array, for the rows of the data alone: those of a dev
            and a test set of their own count 1.

    Raises:
        DataError: there is no such column, or it cannot be weights.
    """
    if weight is None:
        return source
    if not isinstance(weight, str):
        own = len(source.target) if source.parts is None else int((source.parts == 0).sum())
        weights = np.ones(len(source.target))
        rows = len(plain_array(weight, "sample_weight"))
        weights[:rows] = plain_weights(weight, len(source.target) if rows == len(source.target) else own)
        return replace(source, weights=weights)
    if not isinstance(source.features, pd.DataFrame) or weight not in source.features.columns:
        columns = list(source.features.columns) if isinstance(source.features, pd.DataFrame) else []
        raise DataError(f"no column {weight!r} with weights{nearest(weight, columns)}; give its name, or an array")
    values = _checked(numbers(source.features[weight]), f"column {weight!r}")
    note = f"Column {weight!r} holds the weights of the examples in the loss; it is no feature."
    features = source.features.drop(columns=weight)
    return replace(source, features=features, weights=values, notes=[*source.notes, note])


def _checked(weights: npt.NDArray[np.float64], what: str) -> npt.NDArray[np.float64]:
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size:
        raise DataError(f"row {wrong[0] + 1}, {what}: a weight is a number of at least 0, not {weights[wrong[0]]:g}")
    return weights
