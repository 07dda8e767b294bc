"""How the values of a column are written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.missing import MISSING, checked_words, trimmed, without_missing
from ikura.errors import DataError, nearest
from ikura.json_values import JsonObject

__all__ = [
    "DATES",
    "DECIMALS",
    "Doubt",
    "Hints",
    "Notation",
    "as_mask",
    "cells_of",
    "is_text",
    "refuse",
    "uncategorised",
]

DECIMALS = (".", ",")
DATES = ("dayfirst", "monthfirst")


@dataclass(frozen=True)
class Hints:
    """What the caller says about how values are written.

    Args:
        missing: words that stand for a missing value.
        decimal: the decimal mark where two readings are possible, "." or ","; None if that was not said.
        dates: "dayfirst" or "monthfirst" where both are possible; None if that was not said.
        said: whether the caller named the words for missing values.
    """

    missing: tuple[str, ...] = MISSING
    decimal: str | None = None
    dates: str | None = None
    said: bool = False

    @classmethod
    def of(cls, missing: Any = None, decimal: str | None = None, dates: str | None = None) -> Hints:
        """Check what the caller said.

        Raises:
            DataError: it is none of what is possible.
        """
        if decimal is not None and decimal not in DECIMALS:
            raise DataError(f"decimal must be '.' or ',', but is {decimal!r}")
        if dates is not None and dates not in DATES:
            raise DataError(f"dates must be {' or '.join(DATES)}, but is {dates!r}{nearest(str(dates), DATES)}")
        return cls(checked_words(missing), decimal, dates, missing is not None)


@dataclass(frozen=True)
class Doubt:
    """Two readings of a column that are both possible.

    Args:
        example: a value as it is written.
        reason: what it can be, and what to write to say which.
        readings: decimal mark -> the notation it gives, where the decimal mark of other columns may decide.
    """

    example: str
    reason: str
    readings: Mapping[str, Notation]


class Notation(ABC):
    """How the values of a column are written, and so what they are."""

    form: ClassVar[str]

    @abstractmethod
    def read(self, series: pd.Series, missing: tuple[str, ...] = MISSING) -> pd.Series:
        """Read a column of n rows, of text or of values.

        Args:
            series: the column, as `plain_column` makes it.
            missing: words that stand for a missing value.

        Returns:
            n values: numbers, booleans, datetimes (datetime64 without a zone) or labels (text).

        Raises:
            DataError: a value is not written like this; the message names its row, counted from 1, and the column.
        """

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        return {"form": self.form, **asdict(self)}  # type: ignore[call-overload]


def uncategorised(series: pd.Series) -> pd.Series:
    """A categorical column as its values; other columns as they are."""
    if not isinstance(series.dtype, pd.CategoricalDtype):
        return series
    dtype = series.cat.categories.dtype
    if series.isna().any() and dtype.kind in "iub":
        return series.astype("boolean" if dtype.kind == "b" else "Int64")
    return series.astype(dtype)


def is_text(series: pd.Series) -> bool:
    """Whether a column holds text."""
    return pd.api.types.is_string_dtype(series) and not isinstance(series.dtype, pd.CategoricalDtype)


def cells_of(series: pd.Series, missing: tuple[str, ...] | None = MISSING) -> pa.Array:
    """A column of text as an Arrow array, trimmed; null where it is empty or a word for a missing value."""
    cells = pa.array(series, type=pa.large_string(), from_pandas=True)
    cells = trimmed(cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells)
    return cells if missing is None else without_missing(cells, missing)


def refuse(series: pd.Series, wrong: Any, reason: str) -> None:
    """Refuse a column for the first of its wrong values.

    Raises:
        DataError: a value is wrong; the message names its row, counted from 1, and the column.
    """
    rows = np.flatnonzero(np.asarray(wrong, dtype=bool))
    if rows.size:
        value = series.iloc[int(rows[0])]
        shown = repr(value) if isinstance(value, str) else str(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
        others = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
        raise DataError(f"row {rows[0] + 1}, column {series.name!r}: {shown} {reason}{others}")


def as_mask(chunk: pa.Array) -> np.ndarray:
    """Booleans as a NumPy array; null is false."""
    mask: np.ndarray = pc.fill_null(chunk, False).to_numpy(zero_copy_only=False)
    return mask
