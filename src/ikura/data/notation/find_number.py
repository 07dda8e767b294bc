"""Finding how the numbers of a column are written."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.notation._base import Doubt, Hints, as_mask
from ikura.data.notation.number import PLAIN, NumberNotation, plainly_spaced
from ikura.data.notation.units import is_currency, may_follow, may_precede

__all__ = ["find_number", "plain_doubt"]

SAMPLE = 200
LONGEST = 64
"""Characters of the longest number."""
THOUSANDS = (",", ".", "'", " ")
THREE = r"^\D*[1-9]\d{0,2}[.,]\d{3}\D*$"
"""A single mark before exactly three last digits: of thousands, or a decimal mark."""
MANY = 20
"""Numbers of exactly three decimals, beside whole ones, that are no chance."""
_GENERAL = re.compile(
    r"\(?\s*[+-]?\s*(?P<before>[^\d\s.,()+-]+(?:\s[^\d\s.,()+-]+)?|[A-Za-z]{1,4}\.)?\s*\(?\s*[+-]?"
    r"(?:\d(?:[\d.,' ]*\d)?[.,]?|[.,]\d+)(?:[eE][+-]?\d+)?"
    r"(?P<blank>\s*)(?P<after>[^\d\s.,()+-][^()+]*?)?\s*-?\s*(?:\)\s*(?P<late>[^\d\s.,()+-][^()+]*)?)?"
)


def find_number(cells: pa.Array, hints: Hints) -> NumberNotation | Doubt | None:
    """Find the one notation in which all values are numbers.

    Args:
        cells: distinct values, trimmed text, none missing.
        hints: what the caller says.

    Returns:
        The notation; a doubt where two are possible; None where there is none.

    Example:
        >>> find_number(pa.array(["$1,234.50", "$3"], pa.large_string()), Hints()).taken_off
        "',' between thousands taken off, '$' taken off"
    """
    cells = plainly_spaced(cells)
    marks = _marks(cells)
    if marks is None:
        return None
    start = _brackets(cells, marks)
    if start is None:
        return None
    found = [one for one in _candidates(cells, start) if as_mask(one.fits(cells, strict=True)).all()]
    if not found:
        return None
    if len(found) > 1:
        return _choose(cells, found, hints)
    return found[0]


def plain_doubt(cells: pa.Array, hints: Hints) -> Doubt | NumberNotation | None:
    """Ask whether the points of plain numbers are those of thousands; None where they are decimal marks.

    Args:
        cells: values, trimmed text, all plain numbers; null where missing.
        hints: what the caller says.
    """
    for part in (cells.slice(0, SAMPLE), cells):
        pointed = part.filter(pc.match_substring(part, "."))
        if not len(pointed) or not as_mask(pc.match_substring_regex(pointed, r"^-?[1-9]\d{0,2}\.\d{3}$")).all():
            return None
    example = str(pointed[0])
    readings = {".": PLAIN, ",": NumberNotation(",", ".")}
    if hints.decimal is not None:
        return readings[hints.decimal]
    bare = cells.filter(pc.invert(pc.match_substring(cells, ".")))
    short = as_mask(pc.match_substring_regex(bare, r"^-?[1-9]\d{0,2}$"))
    if len(pointed) >= MANY and short.size and short.all():
        return Doubt(example, _reason(example, readings), readings)
    return Doubt(example, "", readings)


def _marks(cells: pa.Array) -> NumberNotation | None:
    """What stands before and after all the numbers; None where that is not one thing, or part of a code."""
    if int(pc.max(pc.utf8_length(cells)).as_py() or 0) > LONGEST:
        return None
    parts = [_GENERAL.fullmatch(cell) for cell in cells.slice(0, SAMPLE).to_pylist()]
    if not all(parts):
        return None
    before = Counter((part["before"] or "").strip() for part in parts if part)
    after = Counter(((part["after"] or "").strip() or (part["late"] or "").strip()) for part in parts if part)
    plural = False
    if len(after) == 2:
        short, long = sorted(after, key=len)
        plural = bool(short) and long == short + "s"
        after = Counter([short]) if plural else after
    if len(before) > 1 or len(after) > 1:
        return None
    (first,), (last,) = before, after
    joined = any(part["after"] and not part["blank"] for part in parts if part)
    if first and not may_precede(first):
        return None
    if last and not (may_follow(last, joined, len(cells)) or (plural and may_follow(last + "s", joined, len(cells)))):
        return None
    return NumberNotation(before=first, after=last, plural=plural)


def _brackets(cells: pa.Array, marks: NumberNotation) -> NumberNotation | None:
    open_ = as_mask(pc.match_substring(cells, "("))
    if not open_.any():
        return marks
    signed = as_mask(pc.match_substring_regex(cells, r"[+-]\D*\d"))
    if open_.all():
        return replace(marks, brackets="all")
    return None if (open_ & signed).any() else replace(marks, brackets="negative")


def _candidates(cells: pa.Array, start: NumberNotation) -> list[NumberNotation]:
    """Every notation with marks that occur, the simplest first."""
    bodies = cells
    for mark in (start.before, start.after):
        bodies = pc.replace_substring(bodies, mark, "") if mark else bodies
    bodies = pc.utf8_trim_whitespace(pc.replace_substring_regex(bodies, "[()]", ""))
    here = [mark for mark in THOUSANDS if as_mask(pc.match_substring_regex(bodies, rf"\d{re.escape(mark)}\d")).any()]
    decimals = [mark for mark in (".", ",") if mark in here or as_mask(pc.match_substring(bodies, mark)).any()] or ["."]
    found = [replace(start, decimal=decimal) for decimal in decimals]
    for thousands in here:
        others = [mark for mark in decimals if mark != thousands] or ["," if thousands == "." else "."]
        found += [replace(start, decimal=mark, thousands=thousands) for mark in others]
    return found


def _choose(cells: pa.Array, found: list[NumberNotation], hints: Hints) -> NumberNotation | Doubt:
    """Of a reading with a decimal mark and one with a mark of thousands, the one that the values speak for."""
    readings = {one.decimal: one for one in found}
    if len(readings) < 2:
        return found[0]
    if hints.decimal is not None:
        return readings[hints.decimal]
    three = as_mask(pc.match_substring_regex(cells, THREE))
    with_mark = as_mask(pc.match_substring_regex(cells, r"[.,]"))
    grouped = next(one for one in found if one.thousands)
    if not three.any():
        return grouped
    whole = cells.filter(pa.array(~with_mark))
    short = as_mask(pc.match_substring_regex(whole, r"^\D*[1-9]\d{0,2}\D*$"))
    if short.size and short.all():
        return grouped
    if grouped.thousands == "," and is_currency(grouped.before) and grouped.before[-1] in "$£¥₹":
        return grouped
    example = str(cells.filter(pa.array(three))[0])
    return Doubt(example, _reason(example, readings), dict(readings))


def _reason(example: str, readings: dict[str, NumberNotation]) -> str:
    values = {mark: one.read(_series(example)).iloc[0] for mark, one in readings.items()}
    told = " or ".join(f"{values[mark]:g} (--decimal {mark})" for mark in sorted(values))
    return f"can be {told}; say which is the decimal mark (decimal=… in Python)"


def _series(text: str) -> pd.Series:
    return pd.Series([text])
