"""Datetimes: dates, times of the day, and both."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.missing import MISSING
from ikura.data.notation._base import Doubt, Hints, Notation, as_mask, cells_of, is_text, refuse, uncategorised
from ikura.errors import DataError

__all__ = ["DatetimeNotation", "find_datetime"]

MONTHS = {
    name: place
    for place, names in enumerate(
        (
            "jan january",
            "feb february",
            "mar march",
            "apr april",
            "may",
            "jun june",
            "jul july",
            "aug august",
            "sep sept september",
            "oct october",
            "nov november",
            "dec december",
        ),
        start=1,
    )
    for name in names.split()
}
EXPECTED = {
    "year": "2024-02-29",
    "day": "29/02/2024",
    "month": "02/29/2024",
    "short-year": "24-02-29",
    "clock": "17:45",
    "compact": "20240229",
}
"""Order of a date -> an example."""
SAMPLE = 50
LONGEST = 64
"""Characters of the longest date."""
_TIME = (
    r"(?:(?:[T,]\s*|\s+)(?P<h>\d\d?):(?P<min>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<frac>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?"
)
_YEAR_FIRST = re.compile(r"(?P<y>\d{4})(?P<mark>[-/.])(?P<m>\d\d?)(?:(?P=mark)(?P<d>\d\d?))?" + _TIME)
_TRIPLE = re.compile(r"(?P<a>\d\d?)(?P<mark>[-/. ])\s?(?P<b>\d\d?)(?P=mark)\s?(?P<c>\d{4}|\d\d)" + _TIME)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_NAMED = re.compile(
    _WEEKDAY + r"(?:(?P<d>\d\d?)(?:st|nd|rd|th)?[-/. ]*\s?(?P<name>[a-z]{3,9})|"
    r"(?P<name2>[a-z]{3,9})\.?[-/. ]\s?(?P<d2>\d\d?)(?:st|nd|rd|th)?)[-/., ]+(?P<y>\d{4}|\d\d)(?!\d)" + _TIME,
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?P<h>\d\d?):(?P<min>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<frac>\d{1,9}))?)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_CTIME = re.compile(
    _WEEKDAY + r"(?P<name>[a-z]{3,9})\s+(?P<d>\d\d?)\s+(?P<time>\d\d?:\d\d(?::\d\d)?)\s+(?P<zone>UTC\s+|GMT\s+)?"
    r"(?P<y>\d{4})",
    re.IGNORECASE,
)
_MONTH = re.compile(
    r"(?:(?P<m>\d\d?/|\d\d-)(?P<y>\d{4})|(?P<name>[a-z]{3,9})\.?[-/ ,]\s*(?P<y2>\d{4})|"
    r"(?P<y3>\d{4})[-/ ]?Q(?P<q>[1-4])|Q(?P<q2>[1-4])[-/ ]?(?P<y4>\d{4}))",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)(?:T?(?P<h>\d\d)(?P<min>\d\d)(?P<s>\d\d)(?P<zone>Z)?)?(?:\.0*)?"
)
_ISO = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?$"
_ZONE = r"(?:\d(?:Z|\s?UTC|\s?GMT)|\d\d:\d\d\S*\s?[+-]\d\d:?(?:\d\d)?)$"


@dataclass(frozen=True)
class DatetimeNotation(Notation):
    """A date, a time of the day, or both.

    Args:
        order: what comes first in a date of numbers alone: "year", "day", "month", "short-year" (of two digits);
            "compact" for dates of digits alone, such as 20240229 or 20240229123000; "clock" for times of the day.
        zone: whether the values have a time zone; they become UTC.

    Example:
        >>> DatetimeNotation("month").read(pd.Series(["12/25/2024", None])).dt.day.tolist()
        [25.0, nan]
    """

    form: ClassVar[str] = "moment"
    order: str = "year"
    zone: bool = False

    def read(self, series: pd.Series, missing: tuple[str, ...] = MISSING) -> pd.Series:
        """Read a column of text or datetimes; those of a zone become UTC, times of the day those of 1 January 1970."""
        series = uncategorised(series)
        if self.order == "compact" and pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            series = series.map(label_of_number, na_action="ignore").astype("str").where(series.notna())
        if not is_text(series):
            return self._of_values(series)
        cells = cells_of(series, missing)
        given = as_mask(pc.is_valid(cells))
        distinct = cells.drop_null().unique()
        if self.order == "year" and as_mask(pc.match_substring_regex(distinct, _ISO)).all():
            texts: list[str | None] = distinct.to_pylist()
        else:
            texts = [iso(text, self.order) for text in distinct.to_pylist()]
        zoned = np.array([text is not None and re.search(_ZONE, text) is not None for text in texts], bool)
        parsed = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
        parsed = parsed.dt.tz_localize(None)
        places = pc.index_in(cells, value_set=distinct)
        places = pc.fill_null(places, len(distinct)).to_numpy(zero_copy_only=False)
        when = pd.concat([parsed, pd.Series([pd.NaT], dtype=parsed.dtype)], ignore_index=True).iloc[places]
        when = when.set_axis(series.index).rename(series.name)
        wrong = given & when.isna().to_numpy()
        open_ = self.order == "year" and wrong.any() and _TRIPLE.fullmatch(cells[int(wrong.argmax())].as_py())
        reason = "has a form that leaves open which is the day" if open_ else "is not a date"
        refuse(series, wrong, f"{reason}; the form {EXPECTED[self.order]} is expected")
        zones = np.append(zoned, False)[places]
        if self.order != "clock":
            self._same_zone(series, given & (zones != self.zone))
        read: pd.Series = when.dt.tz_localize("UTC") if self.zone else when
        return read

    def _of_values(self, series: pd.Series) -> pd.Series:
        given = series.notna().to_numpy(dtype=bool)
        if not given.any():
            kind = "datetime64[us, UTC]" if self.zone else "datetime64[us]"
            return pd.Series(pd.NaT, index=series.index, name=series.name, dtype=kind)
        if isinstance(series.dtype, pd.PeriodDtype):
            series = series.dt.to_timestamp()
        zoned = isinstance(series.dtype, pd.DatetimeTZDtype)
        if not zoned and not pd.api.types.is_datetime64_dtype(series):
            refuse(series, given, f"is not a date; the form {EXPECTED[self.order]} is expected")
        if self.order == "clock":
            other = given & (series.dt.normalize() != pd.Timestamp("1970-01-01")).to_numpy() if not zoned else given
            refuse(series, other, "is a date; a time of the day is expected")
        self._same_zone(series, given if zoned != self.zone else np.zeros(0, bool))
        return series.dt.tz_convert("UTC") if zoned else series

    def _same_zone(self, series: pd.Series, wrong: np.ndarray) -> None:
        """Refuse a moment of a zone where there was none before, or the other way round."""
        if not wrong.any():
            return
        if self.zone:
            refuse(series, wrong, "has no time zone where others have one; give it one (dt.tz_localize in pandas)")
        refuse(
            series,
            wrong,
            "has a time zone where others have none; take it off in the clock they were written in "
            "(dt.tz_convert, then dt.tz_localize(None) in pandas)",
        )


def iso(text: str, order: str) -> str | None:
    """Write a date as ISO 8601 does; None where it is none, or has another order.

    Example:
        >>> iso("5 Jan 2024 5:30 pm", "year"), iso("25/12/24", "day"), iso("25/12/24", "month")
        ('2024-01-05T17:30:00', '2024-12-25T00:00:00', None)
    """
    if len(text) > LONGEST:
        return None
    if order == "clock":
        match = _CLOCK.fullmatch(text)
        clock = None if match is None else _time(match)
        return None if clock is None else f"1970-01-01T{clock}"
    if order == "compact":
        match = _COMPACT.fullmatch(text)
        return None if match is None else _written(match, match["y"], match["m"], match["d"])
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match["y"], match["m"], match["d"] or "1"
        if match["d"] is None and (match["mark"] == "." or not 1700 <= int(year) <= 2200 or len(month) < 2):
            return None
    elif match := _NAMED.fullmatch(text):
        name = (match["name"] or match["name2"]).lower()
        year, month, day = match["y"], str(MONTHS.get(name, 0)), match["d"] or match["d2"]
    elif match := _TRIPLE.fullmatch(text):
        a, b, c = match["a"], match["b"], match["c"]
        if order == "year" or (order == "short-year" and len(c) > 2):
            return None
        year, month, day = {"day": (c, b, a), "month": (c, a, b), "short-year": (a, b, c)}[order]
    elif match := _CTIME.fullmatch(text):
        zone = " UTC" if match["zone"] else ""
        return iso(f"{match['d']} {match['name']} {match['y']} {match['time']}{zone}", order)
    elif match := _MONTH.fullmatch(text):
        return _of_month(match)
    else:
        return None
    return _written(match, year, month, day)


def _of_month(match: re.Match[str]) -> str | None:
    """The first day of a month or a quarter."""
    year = match["y"] or match["y2"] or match["y3"] or match["y4"]
    quarter = match["q"] or match["q2"]
    if quarter:
        month = 3 * int(quarter) - 2
    else:
        month = MONTHS.get(match["name"].lower(), 0) if match["name"] else int(match["m"][:-1])
    return f"{year}-{month:02d}-01T00:00:00" if 1700 <= int(year) <= 2200 and 1 <= month <= 12 else None


def _written(match: re.Match[str], year: str, month: str, day: str) -> str | None:
    """A date, and the time that the match holds, as ISO 8601 writes them; None where there is no such moment."""
    if len(year) < 4:
        year = str(int(year) + (1900 if int(year) >= 69 else 2000))
    try:
        datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
    clock = _time(match)
    if clock is None:
        return None
    zone = match["zone"] or ""
    zone = "Z" if zone in ("UTC", "GMT") else zone
    return f"{year}-{int(month):02d}-{int(day):02d}T{clock}{zone}"


def label_of_number(value: float) -> str:
    """A number as text: whole ones without a fraction.

    Example:
        >>> label_of_number(20240229.0)
        '20240229'
    """
    return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)


def _time(match: re.Match[str]) -> str | None:
    fields = match.groupdict()
    hour, minute, second = (int(fields[name] or 0) for name in ("h", "min", "s"))
    if half := fields.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half in "Pp")
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = f".{fields['frac'][:6]}" if fields.get("frac") else ""
    return f"{hour:02d}:{minute:02d}:{second:02d}{fraction}"


def looks_like_datetime(texts: list[str]) -> list[bool]:
    """Which texts are dates or times of the day in some order."""
    return [any(iso(text, order) is not None for order in EXPECTED) for text in texts]


def find_datetime(cells: pa.Array, hints: Hints) -> DatetimeNotation | Doubt | None:
    """Find the one order in which all values are datetimes.

    Args:
        cells: distinct values, trimmed text, none missing.
        hints: what the caller says.

    Returns:
        The notation; a doubt where day and month may come first; None where the values are no datetimes.

    Example:
        >>> find_datetime(pa.array(["03/02/2024", "25/12/2024"], pa.large_string()), Hints())
        DatetimeNotation(order='day', zone=False)
    """
    first = cells.slice(0, SAMPLE).to_pylist()
    if not all(looks_like_datetime(first)):
        return None
    texts = first if len(cells) <= SAMPLE else None
    if as_mask(pc.match_substring_regex(cells, _ISO)).all():
        orders = ["year"]
    else:
        texts = cells.to_pylist()
        orders = [order for order in EXPECTED if all(iso(text, order) is not None for text in texts)]
    if not orders:
        return None
    if "year" in orders or orders == ["clock"] or len(orders) == 1:
        order = orders[0]
    elif hints.dates is not None and hints.dates.removesuffix("first") in orders:
        order = hints.dates.removesuffix("first")
    elif all("." in text.split()[0] for text in texts or []):
        order = "day"
    else:
        example = next(text for text in texts or [] if _TRIPLE.fullmatch(text))
        return Doubt(
            example,
            "has a form that leaves open which is the day, and so have the others; say it by --dates dayfirst or "
            "--dates monthfirst (dates=… in Python)",
            {},
        )
    zone = bool(as_mask(pc.match_substring_regex(cells, _ZONE)).any()) and order != "clock"
    notation = DatetimeNotation(order, zone)
    try:
        notation.read(pd.Series(cells.to_pandas()))
    except DataError:
        return None
    return notation
