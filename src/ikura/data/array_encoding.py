"""Arrays for networks of the caller's: whole, no column left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.encoder import ArrayEncoder, Encoder, ImageEncoder
from ikura.data.encoder._base import ArrayLikeEncoder
from ikura.data.encoder.array import BLOCK
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.several_inputs import steps_of
from ikura.data.encoder.vector import VectorEncoder
from ikura.data.images.channel_layout import CHANNELS
from ikura.data.network_inputs import NetworkInput, NetworkInputs
from ikura.data.source import Source
from ikura.errors import DataError

__all__ = ["ArrayScaling", "input_encoders", "input_notes", "whole_array", "whole_encoder", "whole_note"]

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


def input_encoders(train: NetworkInputs, arrays: ArrayScaling, channels: str | None) -> tuple[ArrayLikeEncoder, ...]:
    """Fit the encoders of several inputs, or of an array on disk, to the training rows, each by itself.

    Floats are standardised, unless they are zeros and ones alone, which mark something; bytes of the shape of images
    are standardised by channel; whole numbers and booleans stay as they are.

    Args:
        train: the training rows as they are given.
        arrays: what becomes of arrays.
        channels: "first" or "last", where arrays of four dimensions have their channels.
    """
    encoders = []
    for place, (label, raw) in enumerate(zip(train.labels, train.inputs, strict=True)):
        asked = ArrayScaling.NONE if train.sequences and place == 1 else arrays
        one = NetworkInput(raw.given(slice(None))[steps_of(train)]) if train.sequences and not place else raw
        try:
            encoders.append(_input_encoder(one, asked, channels, alone=len(train.inputs) == 1))
        except DataError as error:
            raise DataError(f"{label}: {error}") from None
    return tuple(encoders)


def _input_encoder(raw: NetworkInput, arrays: ArrayScaling, channels: str | None, alone: bool) -> ArrayLikeEncoder:
    shape, kind = raw.array.shape[1:], raw.array.dtype.kind
    last = channels == "last" and len(shape) == 3
    if raw.array.dtype == np.uint8 and len(shape) in (2, 3):
        if len(shape) == 3 and channels is None:
            first, last = shape[0] in CHANNELS, shape[2] in CHANNELS
            if first and last:
                raise DataError(
                    f"images of shape {raw.array.shape} may have their channels first or last; say channels=…"
                )
        if len(shape) == 2 or (shape[2] if last else shape[0]) in CHANNELS:
            return ImageEncoder.fit_input(raw, last)
    moved = (shape[-1], *shape[:-1]) if last else shape
    if kind == "b" and not alone:
        return GivenEncoder(moved, False, last, booleans=True)
    integers = kind in "biu"
    if arrays is ArrayScaling.NONE or (arrays is ArrayScaling.FLOATS and (integers or (not alone and _marks(raw)))):
        if not integers:
            _refuse_missing_input(raw)
        return GivenEncoder(moved, integers, last)
    return VectorEncoder.fit_vector(raw) if len(shape) == 1 else ArrayEncoder.fit_array(raw, last)


def _pieces(raw: NetworkInput) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """The rows of an input, some at a time, and the place of the first."""
    step = max(BLOCK // max(prod(raw.array.shape[1:]), 1), 1)
    return ((start, raw.given(slice(start, start + step))) for start in range(0, len(raw), step))


def _marks(raw: NetworkInput) -> bool:
    """Whether floats are zeros and ones alone: a mask."""
    return all(bool(np.isin(block, (0, 1)).all()) for _, block in _pieces(raw))


def _refuse_missing_input(raw: NetworkInput) -> None:
    for start, block in _pieces(raw):
        _refuse_missing(block, start)


def input_notes(labels: Sequence[str], encoders: Sequence[Encoder], arrays: ArrayScaling) -> list[str]:
    """Say what becomes of several inputs, and how to have it otherwise.

    Example:
        >>> input_notes(["x['ids']"], [GivenEncoder((2,), True)], ArrayScaling.FLOATS)
        ["x['ids']: whole numbers reach your network as they are; standardise=True standardises them."]
    """
    return [_input_note(*pair, arrays) for pair in zip(labels, encoders, strict=True)]


def _input_note(label: str, encoder: Encoder, arrays: ArrayScaling) -> str:
    if isinstance(encoder, ImageEncoder):
        return f"{label}: bytes are taken for images, channels first, and standardised by channel."
    if isinstance(encoder, GivenEncoder):
        if encoder.booleans:
            return f"{label}: booleans reach your network as they are."
        what = "whole numbers reach" if encoder.integers else "numbers reach"
        more = (
            "; standardise=True standardises them" if arrays is ArrayScaling.FLOATS and "lengths" not in label else ""
        )
        return f"{label}: {what} your network as they are{more}."
    each = "each column by itself" if isinstance(encoder, VectorEncoder) else "all its numbers together"
    return f"{label}: standardised, {each}, by the training rows; standardise=False leaves it as it is."


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


def _refuse_missing(array: npt.NDArray[Any], first: int = 0) -> None:
    missing = np.argwhere(np.isnan(array))
    if len(missing):
        row, *place = missing[0].tolist()
        where = ", ".join(map(str, place))
        raise DataError(
            f"x[{where}] of training row {first + row + 1} is missing, and x is not to be standardised; fill missing "
            "values, or leave standardise=False out: then they count as the mean"
        )
