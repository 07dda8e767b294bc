"""The values of one column as arrays: numbers, truths, moments, labels."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.read import MISSING
from ikura.errors import DataError

__all__ = ["UNCLEAR_DATE", "label", "labels", "moments", "numbers", "truths"]

TRUTHS = {"true": 1.0, "yes": 1.0, "t": 1.0, "y": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "f": 0.0, "n": 0.0, "0": 0.0}

_DAY_FIRST = re.compile(r"^(\d\d?)\.(\d\d?)\.(\d{4})(?!\d)")
_YEAR_FIRST = re.compile(r"^(\d{4})[/.](\d\d?)[/.](\d\d?)(?!\d)")
UNCLEAR_DATE = re.compile(r"^\d\d?[/.-]\d\d?[/.-](\d\d|\d{4})(?!\d)")
"""What may be a date with the day or the month first."""


def numbers(series: pd.Series) -> npt.NDArray[np.float64]:
    """The column as numbers.

    Args:
        series: a column of n rows: numbers, truths, durations (in seconds), or text that reads as numbers.

    Returns:
        Shape (n,); NaN where the value is missing.

    Raises:
        DataError: a value is infinite or not a number; the message names its row, counted from 1, and the column.

    Example:
        >>> numbers(pd.Series(["1.5", None, "2"], name="size"))
        array([1.5, nan, 2. ])
    """
    if pd.api.types.is_timedelta64_dtype(series):
        values = series.dt.total_seconds().to_numpy(dtype=np.float64)
    elif pd.api.types.is_complex_dtype(series):
        raise DataError(f"column {series.name!r} holds complex numbers; real ones are expected")
    elif pd.api.types.is_numeric_dtype(series):
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        plain = _plain(series)
        parsed = pd.Series(pd.to_numeric(plain, errors="coerce"))
        _refuse(series, parsed.isna() & plain.notna(), "is not a number")
        values = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        _refuse(series, infinite, "is not finite; a number or an empty field is expected")
    return values


def truths(series: pd.Series) -> npt.NDArray[np.float64]:
    """The column as 0 (false) and 1 (true).

    Args:
        series: a column of n rows: booleans, 0 and 1, or words such as yes and no.

    Returns:
        Shape (n,); NaN where the value is missing.

    Raises:
        DataError: a value is neither true nor false; the message names its row, counted from 1, and the column.

    Example:
        >>> truths(pd.Series([True, None, False], name="smoker", dtype=object))
        array([ 1., nan,  0.])
    """
    codes, names = labels(series)
    known = np.array([TRUTHS.get(name.lower(), np.inf) for name in names] + [np.nan])
    values = known[codes]
    _refuse(series, np.isinf(values), "is neither true nor false")
    return values


def moments(series: pd.Series) -> pd.Series:
    """The column as moments in time, without a zone (moments with a zone become UTC).

    With dots the day may come first. With slashes it may not: 02/03/2024 is another day here than there.

    Args:
        series: a column of n rows: dates, or text such as 2024-02-29, 2024-02-29T12:30:00, 2024/02/29 or 29.02.2024.

    Returns:
        n moments; NaT where the value is missing.

    Raises:
        DataError: a value is not a date; the message names its row, counted from 1, and the column.

    Example:
        >>> moments(pd.Series(["2024-02-29", None], name="day")).dt.month.tolist()
        [2.0, nan]
    """
    if isinstance(series.dtype, pd.PeriodDtype):
        return series.dt.to_timestamp()
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(series):
        return series
    plain = _plain(series)
    if pd.api.types.is_numeric_dtype(series):
        _refuse(series, plain.notna(), "is not a date")
    parsed = pd.to_datetime(plain, format="ISO8601", utc=True, errors="coerce")
    if (parsed.isna() & plain.notna()).any():
        plain = plain.map(_year_first, na_action="ignore")
        unclear = plain.map(lambda value: isinstance(value, str) and UNCLEAR_DATE.match(value) is not None)
        _refuse(series, unclear, "has a form that leaves open which is the day; 2024-02-29 is expected")
        parsed = pd.to_datetime(plain, format="mixed", utc=True, errors="coerce")
    _refuse(series, parsed.isna() & plain.notna(), "is not a date; the form 2024-02-29 is expected")
    return parsed.dt.tz_localize(None)


def _year_first(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _DAY_FIRST.sub(r"\3-\2-\1", _YEAR_FIRST.sub(r"\1-\2-\3", value))


def labels(series: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The column as places in a list of its distinct labels.

    Args:
        series: a column of n rows of any kind.

    Returns:
        Places, shape (n,), -1 where the value is missing, and the labels, each once, in order of appearance.

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
        places.append(-1 if name in MISSING else names.setdefault(name, len(names)))
    return np.array([*places, -1], dtype=np.int64)[codes], list(names)


def label(value: Any) -> str:
    """A value as a label: whole numbers without a fraction, text without blanks around it.

    Example:
        >>> label(2007.0), label(" north "), label(True)
        ('2007', 'north', 'True')
    """
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, (datetime.date, np.datetime64)):
        return pd.Timestamp(value).isoformat()
    return str(value).strip()


def _plain(series: pd.Series) -> pd.Series:
    """Text stripped and words for missing values as missing values; other columns as they are."""
    if pd.api.types.is_numeric_dtype(series):
        return series
    stripped = series.astype(object).map(
        lambda value: value.strip() if isinstance(value, str) else value, na_action="ignore"
    )
    return stripped.mask(stripped.isin(MISSING))


def _refuse(series: pd.Series, wrong: Any, reason: str) -> None:
    rows = np.flatnonzero(np.asarray(wrong, dtype=bool))
    if rows.size:
        value = series.iloc[int(rows[0])]
        shown = repr(value) if isinstance(value, str) else str(value)
        others = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
        raise DataError(f"row {rows[0] + 1}, column {series.name!r}: {shown} {reason}{others}")
