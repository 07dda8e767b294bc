"""Durations, in seconds."""

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
from ikura.data.notation.number import PLAIN

__all__ = ["DurationNotation", "find_duration", "seconds"]

SAMPLE = 50
LONGEST = 64
"""Characters of the longest duration."""
_NUMBER = r"\d+(?:[.,]\d+)?"
_CLOCK = re.compile(
    r"(?P<sign>[+-])?\s*(?:(?P<d>\d+)\s*d(?:ays?)?\s*,?\s*(?P<inner>[+-])?)?"
    r"(?P<h>\d+):(?P<m>\d\d)(?::(?P<s>\d\d(?:[.,]\d+)?))?"
)
_ISO = re.compile(
    rf"(?P<sign>[+-])?P(?=[\dT])(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=\d)(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?"
)
_WORDS = re.compile(
    rf"(?P<sign>[+-])?\s*(?:(?P<w>{_NUMBER})\s*w(?:eeks?|ks?)?\.?[,\s]*)?"
    rf"(?:(?P<d>{_NUMBER})\s*d(?:ays?)?\.?[,\s]*)?(?:(?P<h>{_NUMBER})\s*h(?:(?:ou)?rs?)?\.?[,\s]*)?"
    rf"(?:(?P<m>{_NUMBER})\s*m(?:in(?:ute)?s?)?\.?[,\s]*)?(?:(?P<s>{_NUMBER})\s*s(?:ec(?:ond)?s?)?\.?)?",
    re.IGNORECASE,
)
SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True)
class DurationNotation(Notation):
    """A duration: days and a clock, ISO 8601, or numbers with their units; in seconds.

    Example:
        >>> DurationNotation().read(pd.Series(["1 days 05:00:00", "30:12:33", "1h 30min", None])).tolist()
        [104400.0, 108753.0, 5400.0, nan]
    """

    form: ClassVar[str] = "duration"

    def read(self, series: pd.Series, missing: tuple[str, ...] = MISSING) -> pd.Series:
        """Read a column of text, durations or seconds as seconds; clocks of two numbers are minutes and seconds."""
        series = uncategorised(series)
        if not is_text(series):
            return PLAIN.read(series, missing)
        cells = cells_of(series, missing)
        distinct = cells.drop_null().unique()
        read = [seconds(text) for text in distinct.to_pylist()]
        values = np.array([*(np.nan if value is None else value for value in read), np.nan])
        places = pc.fill_null(pc.index_in(cells, value_set=distinct), len(distinct)).to_numpy(zero_copy_only=False)
        found = values[places]
        wrong = np.isnan(found) & as_mask(pc.is_valid(cells))
        refuse(series, wrong, "is no duration; the form 1 days 05:00:00 is expected")
        return pd.Series(found, index=series.index, name=series.name)


def seconds(text: str) -> float | None:
    """A duration in seconds; None where the text is none.

    Example:
        >>> seconds("-1 days +23:00:00"), seconds("PT1H30M"), seconds("3:45"), seconds("1:75:00")
        (-3600.0, 5400.0, 225.0, None)
    """
    if len(text) > LONGEST or not any(mark.isdigit() for mark in text):
        return None
    if match := _CLOCK.fullmatch(text):
        return _of_clock(match)
    match = _ISO.fullmatch(text) or _WORDS.fullmatch(text)
    if match is None:
        return None
    total = sum(SECONDS[unit] * float(match[unit].replace(",", ".")) for unit in SECONDS if match[unit])
    return -total if match["sign"] == "-" else total


def _of_clock(match: re.Match[str]) -> float | None:
    """Days and a clock: a sign before the days is theirs alone, where the clock follows them."""
    hours, minutes = int(match["h"]), int(match["m"])
    if match["s"] is None and match["d"] is None:
        hours, minutes, last = 0, hours, float(minutes)
        if last >= 60:
            return None
    else:
        last = float((match["s"] or "0").replace(",", "."))
        if minutes > 59 or last >= 60:
            return None
    clock = 3600.0 * hours + 60.0 * minutes + last
    sign = -1.0 if match["sign"] == "-" else 1.0
    if match["d"] is None:
        return sign * clock
    return sign * SECONDS["d"] * int(match["d"]) + (-clock if match["inner"] == "-" else clock)


def find_duration(cells: pa.Array) -> DurationNotation | None:
    """Find whether all values are durations.

    Args:
        cells: distinct values, trimmed text, none missing.

    Example:
        >>> find_duration(pa.array(["05:12:33", "31:00:07"], pa.large_string()))
        DurationNotation()
    """
    for texts in (cells.slice(0, SAMPLE).to_pylist(), cells.to_pylist()):
        if any(seconds(text) is None for text in texts):
            return None
    return DurationNotation()
