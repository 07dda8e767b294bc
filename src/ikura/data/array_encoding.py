"""Arrays for networks of the caller's: whole, no column left out."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.encoder import ArrayEncoder, Encoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.vector import VectorEncoder
from ikura.data.source import Source
from ikura.errors import DataError

__all__ = ["ArrayScaling", "whole_array", "whole_encoder", "whole_note"]

PIXELS = ("digits",)
"""Bundled data sets whose columns are one array."""


class ArrayScaling(Enum):
    """What becomes of arrays before they reach a network of the caller's.

    Attributes:
        FLOATS: floats are standardised, whole numbers stay as they are.
        ALL: everything is standardised.
        NONE: everything stays as it is.
    """

    FLOATS = "floats standardised"
    ALL = "standardised"
    NONE = "as given"


def whole_array(source: Source, data: Any) -> Source:
    """Return a source whose features are one array where they came as one of numbers; tables stay tables.

    Args:
        source: as it was opened; arrays of two dimensions have become tables of the columns x0, x1, …
        data: what it was opened from.
    """
    features = source.features
    if not isinstance(features, pd.DataFrame) or not len(features.columns):
        return source
    names = [f"x{place}" for place in range(features.shape[1])]
    given = isinstance(data, tuple) and not hasattr(data[0], "columns")
    if list(features.columns) != names if source.name not in PIXELS else False:
        return source
    if not (given or source.name in PIXELS or set(source.kinds) >= set(names)):
        return source
    array = features.to_numpy()
    return source if array.dtype.kind not in "biuf" else replace(source, features=array, kinds={})


def whole_encoder(array: npt.NDArray[Any], arrays: ArrayScaling, channels_last: bool = False) -> Encoder:
    """Fit the encoder of whole arrays to the training rows, shape (n, …)."""
    integers = array.dtype.kind in "biu"
    if arrays is ArrayScaling.NONE or (arrays is ArrayScaling.FLOATS and integers):
        if not integers:
            _refuse_missing(array)
        return GivenEncoder(array.shape[1:], integers, channels_last)
    if array.ndim == 2:
        return VectorEncoder.fit_vector(array)
    return ArrayEncoder.fit_array(array, channels_last)


def whole_note(encoder: Encoder, arrays: ArrayScaling) -> str:
    """Say what becomes of an array, and how to have it otherwise.

    Example:
        >>> whole_note(GivenEncoder((2,), True), ArrayScaling.FLOATS)
        'x holds whole numbers: they reach your network as they are; standardise=True standardises them.'
    """
    if isinstance(encoder, GivenEncoder):
        if encoder.integers and arrays is ArrayScaling.FLOATS:
            return "x holds whole numbers: they reach your network as they are; standardise=True standardises them."
        return "x reaches your network as it is, not standardised."
    each = "each column by itself" if isinstance(encoder, VectorEncoder) else "all its numbers together"
    return f"x is standardised, {each}, by the training rows; standardise=False leaves it as it is."


def _refuse_missing(array: npt.NDArray[Any]) -> None:
    missing = np.argwhere(np.isnan(array))
    if len(missing):
        row, *place = missing[0].tolist()
        where = ", ".join(map(str, place))
        raise DataError(
            f"x[{where}] of training row {row + 1} is missing, and x is not to be standardised; fill missing values, "
            "or leave standardise=False out: then they count as the mean"
        )
