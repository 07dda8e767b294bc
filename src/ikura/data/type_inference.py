"""The one reader of types: what the values of a table's columns are, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.missing import missing_words
from ikura.data.notation import (
    PLAIN,
    BooleanNotation,
    DatetimeNotation,
    Doubt,
    DurationNotation,
    Hints,
    LabelNotation,
    Notation,
    NumberNotation,
    are_booleans,
    cells_of,
    find_datetime,
    find_duration,
    find_number,
    is_text,
    label,
    of_values,
    plain_doubt,
    plain_numbers,
)
from ikura.data.notation._base import as_mask
from ikura.errors import DataError

__all__ = ["CODES", "LARGE", "PLUS", "Found", "decimals_of", "find_notation", "notation_as", "resolved", "settled"]

LARGEST_WHOLE = 2**53
CODES = "leading zeros"
PLUS = "plus signs"
LARGE = "whole numbers beyond 2^53"
CLOCKS = (1, 10**6)
"""How many times larger than days alone dates of digits are: without a time, with one."""


@dataclass(frozen=True)
class Found:
    """What was found about a column.

    Args:
        notation: how its values are written; a doubt where two readings are possible.
        why: why numbers are taken for labels, or an empty string.
        said: what was taken off plain numbers, or an empty string.
        example: a value as it is written.
        decimal: the decimal mark that its numbers show beyond doubt, or an empty string.
        missing: word that stands for a missing value -> rows.
    """

    notation: Notation | Doubt
    why: str = ""
    said: str = ""
    example: str = ""
    decimal: str = ""
    missing: dict[str, int] = field(default_factory=dict)


def find_notation(series: pd.Series, hints: Hints) -> Found:
    """Find how the values of a column are written.

    Args:
        series: the column, as `plain_column` makes it.
        hints: what the caller says.

    Example:
        >>> find_notation(pd.Series(["1,5", "2,25", "NA"]), Hints()).notation.taken_off
        "decimal mark ','"
        >>> find_notation(pd.Series(["00501", "02134"]), Hints()).why
        'leading zeros'
    """
    if not is_text(series):
        return _of_values(series)
    every = cells_of(series, None)
    cells = cells_of(series, hints.missing)
    missing = missing_words(every, hints.missing) if cells.null_count > every.null_count else {}
    given = cells.drop_null()
    if not len(given):
        return Found(LabelNotation(), missing=missing)
    example = str(given[0])
    values = plain_numbers(given)
    if values is not None:
        return _plain(given, values, hints, missing)
    distinct = given.unique()
    if are_booleans(distinct):
        return Found(BooleanNotation(), missing=missing)
    number = find_number(distinct, hints)
    if isinstance(number, NumberNotation):
        if number.plain and _are_codes(distinct):
            return Found(LabelNotation(), CODES, example=example, missing=missing)
        if (large := _beyond(distinct, number)) is not None:
            return Found(LabelNotation(), LARGE, example=str(distinct[large]), missing=missing)
        mark = number.decimal if number.decimal == "," or _shows(distinct, number) else ""
        return Found(number, example=example, decimal=mark, missing=missing)
    if number is not None:
        return Found(number, example=example, missing=missing)
    moment = find_datetime(distinct, hints) or find_duration(distinct)
    return Found(moment or LabelNotation(), example=example, missing=missing)


def _of_values(series: pd.Series) -> Found:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return Found(LabelNotation(of_values(series)))
    if pd.api.types.is_bool_dtype(series):
        return Found(BooleanNotation())
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        return Found(DatetimeNotation(zone=isinstance(series.dtype, pd.DatetimeTZDtype)))
    if pd.api.types.is_timedelta64_dtype(series):
        return Found(DurationNotation())
    if _are_compact(series.dropna().to_numpy()):
        return Found(DatetimeNotation("compact"), example=label(series.dropna().iloc[0]))
    if pd.api.types.is_integer_dtype(series) and series.notna().any():
        low, high = int(series.min()), int(series.max())
        if max(-low, high) > LARGEST_WHOLE:
            return Found(LabelNotation("numbers"), LARGE, example=str(high))
    return Found(PLAIN)


def _plain(given: pa.Array, values: np.ndarray, hints: Hints, missing: dict[str, int]) -> Found:
    """Plain numbers, unless they are codes, have more digits than a number holds, or points between thousands."""
    example = str(given[0])
    whole = values.dtype.kind == "i"
    with np.errstate(invalid="ignore"):
        whole = whole or bool((np.mod(values, 1) == 0).all())
    if whole:
        zeros = as_mask(pc.match_substring_regex(given, r"^[+-]?0\d+(?:\.0*)?$"))
        digits = pc.match_substring_regex(given, r"^[+-]?\d+(?:\.0*)?$")
        if zeros.any() and as_mask(digits).all():
            return Found(LabelNotation(), CODES, example=str(given.filter(pa.array(zeros))[0]), missing=missing)
        if np.abs(values.astype(np.float64)).max() > LARGEST_WHOLE and as_mask(digits).all():
            large = int(np.abs(values.astype(np.float64)).argmax())
            return Found(LabelNotation(), LARGE, example=str(given[large]), missing=missing)
        if as_mask(pc.match_substring_regex(given, r"^\+\d{7,}$")).all():
            return Found(LabelNotation(), PLUS, example=example, missing=missing)
        if _are_compact(values):
            return Found(DatetimeNotation("compact"), example=example, missing=missing)
    if values.dtype.kind == "i":
        return Found(PLAIN, missing=missing)
    doubt = plain_doubt(given, hints)
    if doubt is None:
        shown = as_mask(pc.match_substring(given.slice(0, 1000), ".")).any()
        said = _said(given)
        return Found(PLAIN, said=said, example=example, decimal="." if shown else "", missing=missing)
    return Found(doubt, example=example, missing=missing)


def _said(given: pa.Array) -> str:
    """What is not plain about plain numbers: powers of ten that may be letters of codes, leading zeros."""
    power = as_mask(pc.match_substring_regex(given, r"^[+-]?\d+[eE]\d+$"))
    if power.any():
        text = str(given[int(power.argmax())])
        return f"the E of {text} is taken for a power of ten, {float(text):g}"
    zeros = as_mask(pc.match_substring_regex(given, r"^[+-]?0\d"))
    return f"leading zeros taken off ({given[int(zeros.argmax())]})" if zeros.any() else ""


def _are_compact(values: np.ndarray) -> bool:
    """Whether numbers are dates such as 20240229, or with a time such as 20240229123000."""
    if values.dtype.kind not in "iuf" or values.size < 2:
        return False
    distinct = np.unique(values)
    low, high = float(distinct[0]), float(distinct[-1])
    scale = next((scale for scale in CLOCKS if 19_000_101 * scale <= low <= high < 21_000_000 * scale), 0)
    if distinct.size < 2 or not scale or (distinct % 1).any():
        return False
    dates, clocks = np.divmod(distinct.astype(np.int64), scale)
    month, day = dates // 100 % 100, dates % 100
    begin = (12 * (dates // 10_000 - 1970) + month - 1).astype("datetime64[M]")
    days = ((begin + 1).astype("datetime64[D]") - begin.astype("datetime64[D]")).astype(np.int64)
    fits = (month >= 1) & (month <= 12) & (day >= 1) & (day <= days)
    return bool((fits & (clocks < 240_000) & (clocks // 100 % 100 < 60) & (clocks % 100 < 60)).all())


def _beyond(distinct: pa.Array, number: NumberNotation) -> int | None:
    """Place of a whole number that a float does not hold exactly, where all are whole and written in full."""
    if as_mask(pc.match_substring_regex(distinct, r"\d[eE][+-]?\d")).any():
        return None
    values = number.read(pd.Series(distinct.to_pandas())).to_numpy()
    large = int(np.abs(values).argmax())
    return large if abs(values[large]) > LARGEST_WHOLE and not (values % 1).any() else None


def _are_codes(distinct: pa.Array) -> bool:
    return bool(
        as_mask(pc.match_substring_regex(distinct, r"^[+-]?0\d+$")).any()
        and as_mask(pc.match_substring_regex(distinct, r"^[+-]?\d+$")).all()
    )


def _shows(distinct: pa.Array, number: NumberNotation) -> bool:
    return bool(number.thousands == "," or as_mask(pc.match_substring(distinct, ".")).any())


def notation_as(series: pd.Series, kind: str, hints: Hints) -> Notation | Doubt:
    """How the values of a column are written if they are of a kind.

    Args:
        series: the column, as `plain_column` makes it.
        kind: numeric, category, boolean, datetime or ignore.
        hints: what the caller says.
    """
    if kind == "boolean":
        return BooleanNotation()
    if kind in ("category", "ignore"):
        return LabelNotation(of_values(series))
    if not is_text(series):
        zoned = isinstance(series.dtype, pd.DatetimeTZDtype)
        if kind == "numeric":
            return DurationNotation() if pd.api.types.is_timedelta64_dtype(series) else PLAIN
        return DatetimeNotation("compact" if _are_compact(series.dropna().to_numpy()) else "year", zone=zoned)
    given = cells_of(series, hints.missing).drop_null()
    if kind == "numeric":
        if plain_numbers(given) is not None:
            found = plain_doubt(given, hints) if len(given) else None
            return PLAIN if found is None or (isinstance(found, Doubt) and not found.reason) else found
        return find_number(given.unique(), hints) or find_duration(given.unique()) or PLAIN
    return find_datetime(given.unique(), hints) or DatetimeNotation()


def resolved(doubt: Doubt, decimals: set[str]) -> Notation | None:
    """The reading that the decimal marks of other columns speak for; None where they do not decide.

    A doubt without a reason is one that only other columns can raise: alone its points are decimal marks.
    """
    marks = decimals & set(doubt.readings)
    if len(marks) == 1 and doubt.readings:
        return doubt.readings[marks.pop()]
    return None if doubt.reason else doubt.readings["."]


def settled(series: pd.Series, found: Notation | Doubt, hints: Hints) -> Notation:
    """The notation.

    Raises:
        DataError: it is a doubt; the message names row and column, and says what to write.
    """
    if isinstance(found, Notation):
        return found
    cells = cells_of(series, hints.missing)
    place = pc.index(cells, pa.scalar(found.example, cells.type)).as_py()
    row = f"row {place + 1}, " if place >= 0 else ""
    raise DataError(f"{row}column {series.name!r}: {found.example!r} {found.reason}")


def decimals_of(found: Mapping[str, Found]) -> set[str]:
    """The decimal marks that the columns of a table show beyond doubt."""
    return {one.decimal for one in found.values() if one.decimal}
