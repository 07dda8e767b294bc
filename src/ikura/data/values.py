"""The values of one column as arrays: numbers, booleans, datetimes, labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.frame import plain_column
from ikura.data.notation import PLAIN, BooleanNotation, DatetimeNotation, Hints, Notation, label
from ikura.data.type_inference import notation_as
from ikura.errors import DataError

__all__ = ["booleans", "datetimes", "label", "labels", "numbers"]


def numbers(series: pd.Series) -> npt.NDArray[np.float64]:
    """The column as numbers.

    Args:
        series: a column of n rows: numbers, booleans, durations (in seconds), or text that reads as numbers.

    Returns:
        Shape (n,); NaN where the value is missing.

    Raises:
        DataError: a value is infinite or not a number; the message names its row, counted from 1, and the column.

    Example:
        >>> numbers(pd.Series(["1.5", None, "2"], name="size"))
        array([1.5, nan, 2. ])
    """
    return PLAIN.read(plain_column(series)).to_numpy(dtype=np.float64, na_value=np.nan)


def booleans(series: pd.Series) -> npt.NDArray[np.float64]:
    """The column as 0 (false) and 1 (true).

    Args:
        series: a column of n rows: booleans, 0 and 1, or words such as yes and no.

    Returns:
        Shape (n,); NaN where the value is missing.

    Raises:
        DataError: a value is neither true nor false; the message names its row, counted from 1, and the column.

    Example:
        >>> booleans(pd.Series([True, None, False], name="smoker", dtype=object))
        array([ 1., nan,  0.])
    """
    return BooleanNotation().read(plain_column(series)).to_numpy(dtype=np.float64, na_value=np.nan)


def datetimes(series: pd.Series) -> pd.Series:
    """The column as datetimes, without a zone (datetimes with a zone become UTC).

    Args:
        series: a column of n rows: dates, or text such as 2024-02-29, 2024-02-29T12:30:00, 2024/02/29 or 29.02.2024,
            all of one order.

    Returns:
        n datetimes; NaT where the value is missing.

    Raises:
        DataError: a value is not a date; the message names its row, counted from 1, and the column.

    Example:
        >>> datetimes(pd.Series(["2024-02-29", None], name="day")).dt.month.tolist()
        [2.0, nan]
    """
    plain = plain_column(series)
    hints = Hints()
    notation = notation_as(plain, "datetime", hints)
    if not isinstance(notation, Notation):
        DatetimeNotation().read(plain)
        raise DataError(f"column {series.name!r}: {notation.example!r} {notation.reason}")
    when = notation.read(plain)
    return when.dt.tz_localize(None) if isinstance(when.dtype, pd.DatetimeTZDtype) else when


def labels(series: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The column as places in a list of its distinct labels.

    Args:
        series: a column of n rows of any kind.

    Returns:
        Places, shape (n,), -1 where the value is missing or empty text, and the labels, each once, in order of
        appearance.

    Raises:
        DataError: the values are lists, dicts, or other objects that cannot be told apart.

    Example:
        >>> labels(pd.Series(["b", "a", None, "b"]))
        (array([ 0,  1, -1,  0]), ['b', 'a'])
    """
    try:
        codes, values = pd.factorize(series)
    except TypeError:
        held = type(series.dropna().iloc[0]).__name__
        raise DataError(f"column {series.name!r} holds objects of type {held}; numbers or text are expected") from None
    names: dict[str, int] = {}
    places = []
    for value in values:
        name = label(value)
        places.append(names.setdefault(name, len(names)) if name else -1)
    return np.array([*places, -1], dtype=np.int64)[codes], list(names)
