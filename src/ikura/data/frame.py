"""Frames of any kind as frames of few kinds: numbers, booleans, datetimes, durations, text, categories."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.notation import label
from ikura.errors import DataError

__all__ = ["plain_column", "plain_frame"]

NESTED = (list, tuple, dict, set, frozenset, np.ndarray, bytes, bytearray, pd.Series, pd.DataFrame)
PARTS = "give real and imaginary part as columns of their own"
MATTERS = "give what matters of it as columns of their own"


def plain_frame(frame: pd.DataFrame, ignored: Iterable[str] = ()) -> pd.DataFrame:
    """Bring the columns of a frame to kinds that a file can keep and that ikura reads.

    Sparse columns become dense, intervals categories, periods the moment of their beginning, Arrow's kinds those of
    pandas, and Python objects numbers, datetimes or text.

    Args:
        frame: the frame, with text as column names.
        ignored: columns that are left out; what can't be kept of them becomes missing.

    Raises:
        DataError: a column holds complex numbers, lists or the like; the message names it and says what to do.

    Example:
        >>> plain_frame(pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])})).dtypes["a"]
        dtype('int64')
    """
    skipped = set(ignored)
    columns = {}
    for name in frame.columns:
        try:
            columns[name] = plain_column(frame[name])
        except DataError:
            if name not in skipped:
                raise
            columns[name] = pd.Series(np.nan, index=frame.index)
    return pd.DataFrame(columns, index=frame.index)


def plain_column(series: pd.Series) -> pd.Series:
    """Bring one column to a kind that a file can keep; see `plain_frame`."""
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        return plain_column(pd.Series(np.asarray(series.array), index=series.index, name=series.name))
    if isinstance(dtype, pd.ArrowDtype):
        return _of_arrow(series)
    if isinstance(dtype, pd.IntervalDtype):
        return series.astype("category").pipe(plain_column)
    if isinstance(dtype, pd.PeriodDtype):
        begins: pd.Series = series.dt.to_timestamp()
        return begins
    if isinstance(dtype, pd.CategoricalDtype):
        return _of_categories(series)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "c":
            raise _refused(series, "complex numbers", PARTS)
        if dtype.kind == "V":
            raise _refused(series, f"values of type {dtype}", "give each field as a column of its own")
        if dtype.kind == "f" and dtype.itemsize not in (4, 8):
            return series.astype(np.float64)
        if dtype.kind in "biuf" and not dtype.isnative:
            return series.astype(dtype.newbyteorder("="))
        if dtype.kind == "O":
            return _of_objects(series)
    return series


def _refused(series: pd.Series, held: str, cure: str) -> DataError:
    name = str(series.name)
    return DataError(
        f"column {name!r} holds {held}, which ikura does not read; {cure}, or leave the column out "
        f"(--kind {name}=ignore; kinds={{{name!r}: 'ignore'}} in Python)"
    )


def _of_categories(series: pd.Series) -> pd.Series:
    """A category of numbers, datetimes or text; other levels become text."""
    levels = series.cat.categories
    dtype = levels.dtype
    if (isinstance(dtype, np.dtype) and dtype.kind in "biufM") or isinstance(dtype, pd.DatetimeTZDtype):
        return series
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise _refused(series, "complex numbers", PARTS)
    names = [None if pd.isna(level) else label(level) for level in levels]
    places = series.cat.codes.to_numpy()
    values = np.array([*names, None], dtype=object)[places]
    distinct = list(dict.fromkeys(name for name in names if name is not None))
    return pd.Series(pd.Categorical(values, categories=distinct), index=series.index, name=series.name)


def _of_arrow(series: pd.Series) -> pd.Series:
    cells = pa.array(series)
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    kind = cells.type
    if isinstance(kind, pa.BaseExtensionType):
        cells = cells.storage
        kind = cells.type
    if pa.types.is_run_end_encoded(kind):
        cells = pc.run_end_decode(cells)
        kind = cells.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise _refused(series, f"values of type {kind}", MATTERS)
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_interval(kind):
        raise _refused(series, f"values of type {kind}", MATTERS)
    if pa.types.is_decimal(kind) or pa.types.is_time(kind):
        cells = cells.cast(pa.string())
    elif pa.types.is_date(kind):
        cells = cells.cast(pa.timestamp("us" if pa.types.is_date32(kind) else "ms"))
    elif pa.types.is_float16(kind):
        cells = cells.cast(pa.float32())
    elif pa.types.is_null(kind):
        cells = cells.cast(pa.float64())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        cells = cells.cast(pa.large_string())
    if (pa.types.is_integer(cells.type) or pa.types.is_boolean(cells.type)) and cells.null_count:
        numpy_type = cells.type.to_pandas_dtype()
        name = "boolean" if pa.types.is_boolean(cells.type) else np.dtype(numpy_type).name.replace("int", "Int")
        return pd.Series(cells.to_pylist(), index=series.index, name=series.name, dtype=name.replace("uI", "UI"))
    found = cells.to_pandas()
    return plain_column(found.set_axis(series.index).rename(series.name))


def _of_objects(series: pd.Series) -> pd.Series:
    """Python objects as numbers, datetimes, or text."""
    given = series.dropna() if not _holds_nested(series) else series
    if any(isinstance(value, complex | np.complexfloating) for value in given):
        raise _refused(series, "complex numbers", PARTS)
    if (nested := next((value for value in given if isinstance(value, NESTED)), None)) is not None:
        raise _refused(series, f"objects of type {type(nested).__name__}", MATTERS)
    types = {type(value) for value in given}
    if types and all(issubclass(one, str) for one in types):
        return series.where(series.notna(), None).astype("str").where(series.notna())
    if types and all(issubclass(one, int) and not issubclass(one, bool) for one in types):
        try:
            return series.astype("Int64") if series.isna().any() else series.astype(np.int64)
        except (OverflowError, TypeError, ValueError):
            return _as_text(series)
    if types and all(issubclass(one, (datetime.date, np.datetime64)) for one in types):
        return _of_datetimes(series, given)
    if any(issubclass(one, Decimal) for one in types):
        return _as_text(series)
    better = series.infer_objects()
    if better.dtype != object:
        return plain_column(better)
    if not types:
        return pd.Series(np.nan, index=series.index, name=series.name)
    if types <= {bool, np.bool_}:
        return series.astype("boolean")
    if all(issubclass(one, (bool, int, float, np.number, np.bool_)) for one in types) and bool not in types:
        return series.where(series.notna(), np.nan).astype(np.float64)
    if all(issubclass(one, (datetime.timedelta, np.timedelta64)) for one in types):
        return pd.to_timedelta(series)
    if types <= {pd.Interval, pd.Period}:
        return _as_text(series).astype("category")
    return _as_text(series)


def _of_datetimes(series: pd.Series, given: pd.Series) -> pd.Series:
    zoned = given.map(lambda value: getattr(value, "tzinfo", None) is not None)
    if zoned.any() and not zoned.all():
        odd = int(np.flatnonzero(~zoned.to_numpy(dtype=bool))[0])
        row = int(np.flatnonzero(series.notna().to_numpy())[odd]) + 1
        raise DataError(
            f"row {row}, column {series.name!r}: {given.iloc[odd]} has no time zone where others have one; "
            "give all of them one, or none"
        )
    return pd.to_datetime(series, utc=bool(zoned.any()), format="mixed")


def _holds_nested(series: pd.Series) -> bool:
    return any(isinstance(value, NESTED) for value in series)


def _as_text(series: pd.Series) -> pd.Series:
    texts = series.map(_text, na_action="ignore")
    return texts.where(series.notna(), None).astype("str").where(series.notna())


def _text(value: Any) -> str:
    if isinstance(value, datetime.time):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else label(value)
