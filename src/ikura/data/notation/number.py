"""Numbers: decimal and thousands marks, what stands before and after them, brackets for negative ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.missing import MISSING
from ikura.data.notation._base import Notation, as_mask, cells_of, is_text, refuse, uncategorised
from ikura.errors import DataError

__all__ = ["PLAIN", "NumberNotation", "plainly_spaced"]

PROBE = 100
BLANKS = "[\u00a0\u2007\u2009\u202f]"


def plainly_spaced(cells: pa.Array) -> pa.Array:
    """Text with one kind of blank, of minus and of apostrophe."""
    for odd, plain in ((BLANKS, " "), ("[−‒–]", "-"), ("’", "'")):
        cells = pc.replace_substring_regex(cells, odd, plain)
    return cells


@dataclass(frozen=True)
class NumberNotation(Notation):
    """A number, and what is taken off it.

    Args:
        decimal: the decimal mark, "." or ",".
        thousands: what stands between groups of three digits, or an empty string.
        before: what stands before, such as "$".
        after: what stands after, such as "%" or "kg".
        plural: whether `after` has an s where the number is not one.
        brackets: "" for none, "negative" where (5) is -5, "all" where every number has them.

    Example:
        >>> NumberNotation(",", ".", after="€").read(pd.Series(["1.234,50 €", "-3,00 €", None])).tolist()
        [1234.5, -3.0, nan]
    """

    form: ClassVar[str] = "number"
    decimal: str = "."
    thousands: str = ""
    before: str = ""
    after: str = ""
    plural: bool = False
    brackets: str = ""

    @property
    def plain(self) -> bool:
        """Whether nothing is taken off and the decimal mark is a point."""
        return self == PLAIN

    def pattern(self, strict: bool = False) -> str:
        """What a value matches, for RE2; strictly with what stands before and after it."""
        mark, group = re.escape(self.decimal), re.escape(self.thousands)
        whole = r"\d+"
        if group:
            whole = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|[1-9]\d?(?:{group}\d\d)*{group}\d{{3}}|\d+)"
        digits = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
        often = "" if strict else "?"
        before = rf"(?:{re.escape(self.before)}\s*){often}" if self.before else ""
        after = rf"(?:\s*{re.escape(self.after)}{'s?' if self.plural else ''}){often}" if self.after else ""
        bare = rf"{before}{digits}{after}"
        signed = rf"(?:[+-]\s*{bare}|{before}[+-]?{digits}{after}|{bare}-)"
        if self.brackets == "all":
            return rf"^(?:\(\s*{signed}\s*\))$"
        outside = rf"|{before}\(\s*{digits}\s*\){after}" if self.before or self.after else ""
        bracketed = rf"|\(\s*{bare}\s*\){outside}" if self.brackets else ""
        return rf"^(?:{signed}{bracketed})$"

    def fits(self, cells: pa.Array, strict: bool = False) -> pa.Array:
        """Whether each cell, plainly spaced, is written like this; strictly with what stands before and after it."""
        return pc.match_substring_regex(cells, self.pattern(strict))

    def read(self, series: pd.Series, missing: tuple[str, ...] = MISSING) -> pd.Series:
        """Read a column of text, numbers, booleans or durations (in seconds) as numbers."""
        if not is_text(series):
            return _of_values(series, missing)
        cells = cells_of(series, missing)
        if self.plain and (found := plain_numbers(cells)) is not None:
            values = found
        else:
            values, wrong = self._parse(cells)
            refuse(series, wrong, "is not a number" if self.plain else f"is not a number written like {self.example}")
        _refuse_infinite(series, values)
        return pd.Series(values, index=series.index, name=series.name)

    def _parse(self, cells: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Numbers, NaN where there is none, and where a cell is no number."""
        cells = plainly_spaced(cells)
        words = pc.match_substring_regex(cells, r"^[+-]?(?i:inf|infinity)$")
        fits = pc.or_(self.fits(cells), words)
        bare = pc.if_else(fits, cells, pa.scalar(None, cells.type))
        for mark in (self.before, self.after + "s" if self.plural else "", self.after):
            if mark:
                bare = pc.replace_substring(bare, mark, "")
        if self.thousands.strip():
            bare = pc.replace_substring(bare, self.thousands, "")
        bare = pc.replace_substring_regex(bare, r"\s", "")
        if self.decimal != ".":
            bare = pc.replace_substring(bare, self.decimal, ".")
        bracketed = pc.starts_with(bare, "(")
        bare = pc.replace_substring_regex(pc.replace_substring_regex(bare, r"[()]", ""), r"^(.*)-$", r"-\1")
        values = pc.cast(bare, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        wrong = as_mask(pc.invert(fits)) & as_mask(pc.is_valid(cells))
        return np.where(as_mask(bracketed), -values, values), wrong

    @property
    def example(self) -> str:
        """1234.5, written like this."""
        text = f"1{self.thousands}234{self.decimal}5"
        blank = " " if len(self.after) > 1 else ""
        text = f"{self.before}{text}{blank}{self.after}"
        return f"({text})" if self.brackets == "all" else text

    @property
    def taken_off(self) -> str:
        """What the note says of it; an empty string for plain numbers."""
        parts = []
        if self.decimal != ".":
            parts.append(f"decimal mark {self.decimal!r}")
        if self.thousands:
            parts.append(f"{self.thousands!r} between thousands taken off")
        parts += [f"{mark!r} taken off" for mark in (self.before, self.after) if mark]
        if self.brackets:
            parts.append("brackets for negative numbers")
        return ", ".join(parts)


PLAIN = NumberNotation()
"""Numbers as programming languages write them."""


def plain_numbers(cells: pa.Array) -> np.ndarray | None:
    """Cells as int64 (where none is missing and all are whole) or float64; None where one is not a plain number."""
    whole = None if cells.null_count else _cast(cells, pa.int64())
    if whole is not None and not as_mask(pc.match_substring_regex(cells, "[xX]")).any():
        return whole
    found = _cast(cells, pa.float64())
    return None if found is None else found.astype(np.float64)


def _cast(cells: pa.Array, kind: pa.DataType) -> np.ndarray | None:
    """Cells as numbers; None where one is none. A few are tried first, because failing is slow."""
    try:
        pc.cast(cells.slice(0, PROBE), kind)
        numbers: np.ndarray = pc.cast(cells, kind).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return numbers


def _of_values(series: pd.Series, missing: tuple[str, ...]) -> pd.Series:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return PLAIN.read(uncategorised(series), missing)
    if pd.api.types.is_timedelta64_dtype(series):
        seconds: pd.Series = series.dt.total_seconds()
        return seconds
    if pd.api.types.is_complex_dtype(series):
        raise DataError(f"column {series.name!r} holds complex numbers; real ones are expected")
    if not pd.api.types.is_numeric_dtype(series):
        refuse(series, series.notna(), "is not a number")
        return pd.Series(np.nan, index=series.index, name=series.name)
    plain = pd.api.types.is_integer_dtype(series) and isinstance(series.dtype, np.dtype)
    values = series.to_numpy() if plain else series.to_numpy(dtype=np.float64, na_value=np.nan)
    marks = [float(word) for word in missing if _is_number(word)]
    if marks and np.isin(values, marks).any():
        values = np.where(np.isin(values, marks), np.nan, values.astype(np.float64))
    _refuse_infinite(series, values)
    return pd.Series(values, index=series.index, name=series.name)


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _refuse_infinite(series: pd.Series, values: np.ndarray) -> None:
    if values.dtype.kind == "f" and (infinite := np.isinf(values)).any():
        refuse(series, infinite, "is not finite; a number or an empty field is expected")
