"""Columns and their kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikura.data.values import UNCLEAR_DATE, label, labels, moments, numbers, truths
from ikura.errors import DataError, nearest

__all__ = ["KINDS", "Column", "describe_columns", "names_rows"]

KINDS: dict[str, str] = {
    "numeric": "a number",
    "category": "one of several levels",
    "boolean": "true or false",
    "datetime": "a moment, split into year, month, day, weekday, hour, minute, second",
    "identifier": "left out: it names the row",
    "text": "left out: nearly every row has its own value",
    "constant": "left out: every row has the same value",
    "missing": "left out: no row has a value",
    "ignore": "left out as told",
}
"""Kind -> what it stands for."""

USED = ("numeric", "category", "boolean", "datetime")
ASKABLE = (*USED, "ignore")
COUNTER_ROWS = 20
PROBE = 100
LARGEST_WHOLE = 2**53
IDENTIFIER = r"(^|_)(id|uuid|key)(_|$)|^(row_)?(index|number|nr|no)$|^unnamed_\d+$"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Args:
        name: its name.
        kind: one of `KINDS`.
        missing: rows without a value.
        distinct: distinct values.
        note: why it is left out, or an empty string.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    note: str = ""

    @property
    def used(self) -> bool:
        """Whether the network sees the column."""
        return self.kind in USED

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def describe_columns(frame: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> list[Column]:
    """Find the kind of every column.

    Integers stay numeric however few their values are, unless `kinds` says otherwise. Left out are columns
    without a value or with a single one, text where most rows hold a value of their own, and whole numbers
    that number the rows.

    Args:
        frame: the table, without its target.
        kinds: name -> one of numeric, category, boolean, datetime, ignore, for the columns to be read otherwise.

    Returns:
        One column for each of the frame's, in its order.

    Raises:
        DataError: `kinds` names an unknown column or kind, or a value does not fit its column's kind.

    Example:
        >>> frame = pd.DataFrame({"area": [81, 64, 49], "city": ["Rome", "Oslo", "Rome"], "planet": "Earth"})
        >>> [(column.name, column.kind) for column in describe_columns(frame)]
        [('area', 'numeric'), ('city', 'category'), ('planet', 'constant')]
    """
    kinds = dict(kinds or {})
    for name, kind in kinds.items():
        if name not in frame.columns:
            raise DataError(f"kinds names the column {name!r}, which the table lacks{nearest(name, frame.columns)}")
        if kind not in ASKABLE:
            hint = nearest(str(kind), ASKABLE)
            raise DataError(f"column {name!r}: there is no kind {kind!r}{hint} (there are {', '.join(ASKABLE)})")
    return [_describe(frame[name], kinds.get(name)) for name in frame.columns]


def _describe(series: pd.Series, asked: str | None) -> Column:
    name = str(series.name)
    try:
        missing, distinct, some = _count(series)
    except DataError:
        if asked in USED:
            raise
        held = type(series.dropna().iloc[0]).__name__
        return Column(name, "text", int(series.isna().sum()), 0, f"it holds objects of type {held}")

    def column(kind: str, note: str = "") -> Column:
        return Column(name, kind, missing, distinct, note)

    if asked == "ignore":
        return column("ignore", "left out as told")
    if distinct == 0:
        return column("missing", "it has no value in any row")
    if distinct == 1 and not missing:
        return column("constant", f"every row holds {some}")
    kind, note = (asked, "") if asked else _detect(series, distinct)
    if kind == "numeric":
        numbers(series)
    elif kind == "boolean":
        truths(series)
    elif kind == "datetime":
        moments(series)
    return column(kind, note)


def _count(series: pd.Series) -> tuple[int, int, str]:
    """Missing values, distinct values, and the value where there is but one."""
    if pd.api.types.is_numeric_dtype(series):
        distinct = int(series.nunique())
        return int(series.isna().sum()), distinct, label(series.dropna().iloc[0]) if distinct == 1 else ""
    codes, levels = labels(series)
    return int((codes < 0).sum()), len(levels), repr(levels[0]) if len(levels) == 1 else ""


def _detect(series: pd.Series, distinct: int) -> tuple[str, str]:
    """The kind of a column with at least one value, and why it is left out, if it is."""
    if distinct == 1:
        return "category", ""
    if pd.api.types.is_bool_dtype(series):
        return "boolean", ""
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        return "datetime", ""
    if pd.api.types.is_complex_dtype(series):
        return "text", "it holds complex numbers"
    if pd.api.types.is_numeric_dtype(series) or pd.api.types.is_timedelta64_dtype(series):
        return _number_or_identifier(series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return "category", ""
    codes, levels = labels(series)
    if set(levels) <= {"True", "False"}:
        return "boolean", ""
    if _reads_as(numbers, levels):
        return _number_or_identifier(pd.Series(numbers(series), name=series.name))
    if _is_date(levels[0]) and _reads_as(moments, levels):
        return "datetime", ""
    return _category_or_text(codes, levels)


def _number_or_identifier(series: pd.Series) -> tuple[str, str]:
    values = numbers(series)
    whole = np.abs(values) < LARGEST_WHOLE
    if not whole.all() or (values % 1).any() or np.unique(values).size < values.size:
        return "numeric", ""
    if names_rows(str(series.name)):
        return "identifier", "it names the row: another whole number in every row"
    if values.size >= COUNTER_ROWS and values.max() - values.min() + 1 == values.size:
        return "identifier", f"it numbers the rows, from {values.min():.0f} to {values.max():.0f}"
    return "numeric", ""


def _category_or_text(codes: np.ndarray, levels: list[str]) -> tuple[str, str]:
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    alone = int((counts == 1).sum())
    parsed = pd.to_numeric(pd.Series(levels, dtype=object), errors="coerce")
    if len(levels) >= 10 and parsed.notna().mean() >= 0.9:
        wrong = int(np.flatnonzero(parsed.isna())[0])
        row = int(np.flatnonzero(codes == wrong)[0]) + 1
        return "text", f"it looks numeric, but row {row} holds {levels[wrong]!r}; mend that value or leave it empty"
    if alone > counts.sum() / 2 and len(levels) > 2:
        if UNCLEAR_DATE.match(levels[0]):
            return "text", f"the form of {levels[0]} leaves open which is the day; write dates as 2024-02-29"
        return "text", f"{alone} of {counts.sum()} values occur in one row only"
    return "category", ""


def _reads_as(reader: Any, levels: list[str]) -> bool:
    """Whether all levels can be read so; a few are tried before all."""
    try:
        reader(pd.Series(levels[:PROBE], dtype=object))
        reader(pd.Series(levels, dtype=object))
    except DataError:
        return False
    return True


def _is_date(text: str) -> bool:
    return re.match(r"\d{4}([-/.])\d\d?\1\d\d?|\d\d?\.\d\d?\.\d{4}", text) is not None


def names_rows(name: str) -> bool:
    """Whether a column is called as what names or numbers rows.

    Example:
        >>> names_rows("patientID"), names_rows("year")
        (True, False)
    """
    return re.search(IDENTIFIER, _snake(name)) is not None


def _snake(name: str) -> str:
    """patientID -> patient_id"""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()
