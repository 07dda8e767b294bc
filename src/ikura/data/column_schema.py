"""The schema of a table: the kinds of its columns, and how their values are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import ASKABLE, USED, Column, kind_of
from ikura.data.error_location import located
from ikura.data.frame import plain_column
from ikura.data.missing import MISSING
from ikura.data.notation import Doubt, DurationNotation, Hints, Notation, NumberNotation
from ikura.data.notation.duration import seconds
from ikura.data.type_inference import LARGE, Found, decimals_of, find_notation, notation_as, resolved, settled
from ikura.errors import DataError, nearest

__all__ = ["Schema", "describe_columns", "read_schema"]


@dataclass(frozen=True)
class Schema:
    """What a table's columns are.

    Args:
        frame: the table, its values read: numbers, booleans, datetimes, and labels as text.
        columns: the kind of each column.
        notations: column -> how its values are written, for those that the network sees.
        missing: words that stand for a missing value.
        notes: sentences for the user.
    """

    frame: pd.DataFrame
    columns: list[Column]
    notations: dict[str, Notation]
    missing: tuple[str, ...] = MISSING
    notes: list[str] = field(default_factory=list)


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
    return read_schema(frame, kinds).columns


def read_schema(
    frame: pd.DataFrame,
    kinds: Mapping[str, str] | None = None,
    hints: Hints | None = None,
    parts: npt.NDArray[np.int8] | None = None,
    part_names: Mapping[int, str] | None = None,
) -> Schema:
    """Find what a table's columns are and how their values are written, and read them.

    Args:
        frame: the table, without its target, of text or of values.
        kinds: name -> kind, for the columns to be read otherwise.
        hints: what the caller says about how values are written.
        parts: part of each row; the training rows, 0, decide how the others are read.
        part_names: part -> what it is called in a message, where it comes from elsewhere.

    Raises:
        DataError: `kinds` names an unknown column or kind, a value does not fit its column's kind, or a column has two
            possible readings; the message names row and column and says what to write.

    Example:
        >>> read_schema(pd.DataFrame({"price": ["$1,250.00", "$80.50", "NA"]})).notes
        ["Column 'price' is read as numbers: ',' between thousands taken off, '$' taken off; --kind price=category \
keeps the text.", "'NA' stands for a missing value in 'price' (1 row); --missing says otherwise."]
    """
    kinds, hints = dict(kinds or {}), hints or Hints()
    _check_kinds(frame, kinds)
    plain: dict[str, pd.Series] = {}
    unreadable: dict[str, Column] = {}
    for name in frame.columns:
        try:
            plain[name] = plain_column(frame[name])
        except DataError:
            if kinds.get(name) in USED:
                raise
            unreadable[name] = _unreadable(frame[name])
    others = sorted(part_names or {}) if parts is not None else []
    deciding = ~np.isin(parts, others) if parts is not None and others else slice(None)
    found = {name: _found(series[deciding], kinds.get(name), hints) for name, series in plain.items()}
    decimals = decimals_of(found)
    read: dict[str, pd.Series] = {}
    columns, notations, notes = [], {}, []
    for name in frame.columns:
        if name in unreadable:
            columns.append(unreadable[name])
            read[name] = frame[name]
            continue
        series, one = plain[name], found[name]
        notation = one.notation
        if isinstance(notation, Doubt):
            notation = resolved(notation, decimals) or settled(series, notation, hints)
        assert isinstance(notation, Notation)
        pieces = [notation.read(series[deciding], hints.missing)]
        for part in others:
            with located((part_names or {})[part]):
                pieces.append(notation.read(series[parts == part].reset_index(drop=True), hints.missing))
        read[name] = pieces[0] if not others else pd.concat(pieces, ignore_index=True)
        levels = isinstance(series.dtype, pd.CategoricalDtype)
        column, said = kind_of(read[name], kinds.get(name), hints, category=levels)
        columns.append(_explained(column, one))
        notations[name] = notation
        if column.used:
            notes += [said] if said else _note(column, notation, one)
    notes += _missing_notes({name: one.missing for name, one in found.items()})
    return Schema(pd.DataFrame(read, index=frame.index), columns, notations, hints.missing, notes)


def _check_kinds(frame: pd.DataFrame, kinds: Mapping[str, str]) -> None:
    for name, kind in kinds.items():
        if name not in frame.columns:
            raise DataError(f"kinds names the column {name!r}, which the table lacks{nearest(name, frame.columns)}")
        if kind not in ASKABLE:
            hint = nearest(str(kind), ASKABLE)
            raise DataError(f"column {name!r}: there is no kind {kind!r}{hint} (there are {', '.join(ASKABLE)})")


def _found(series: pd.Series, asked: str | None, hints: Hints) -> Found:
    if asked is None:
        return find_notation(series, hints)
    return Found(notation_as(series, asked, hints))


def _unreadable(series: pd.Series) -> Column:
    given = series[series.map(lambda value: value is not None)]
    held = "complex numbers" if series.dtype.kind == "c" else f"objects of type {type(given.iloc[0]).__name__}"
    return Column(str(series.name), "text", len(series) - len(given), 0, f"it holds {held}")


def _explained(column: Column, found: Found) -> Column:
    """Say of a column of codes that is left out how to have it as numbers."""
    if not found.why or column.kind != "text":
        return column
    note = f"{column.note}; its {found.why} ({found.example}) make it no number"
    return Column(column.name, "identifier", column.missing, column.distinct, note)


def _note(column: Column, notation: Notation, found: Found) -> list[str]:
    """How a column is read, where that is not as it is written."""
    name = column.name
    if found.why and column.kind == "category":
        what = "names" if found.why == LARGE else "codes"
        return [
            f"Column {name!r} is a category: its {found.why} ({found.example}) are those of {what}; "
            f"--kind {name}=numeric reads numbers."
        ]
    if isinstance(notation, NumberNotation) and (notation.taken_off or found.said):
        taken = notation.taken_off or found.said
        return [f"Column {name!r} is read as numbers: {taken}; --kind {name}=category keeps the text."]
    if isinstance(notation, DurationNotation) and found.example:
        value = f"{found.example} is {seconds(found.example):g}"
        return [f"Column {name!r} is read as durations in seconds ({value}); --kind {name}=category keeps the text."]
    order = getattr(notation, "order", "year")
    if order == "compact":
        return [f"Column {name!r} is read as dates ({found.example}); --kind {name}=numeric reads numbers."]
    if order != "year":
        what = {"day": "the day", "month": "the month", "short-year": "the year", "clock": ""}[order]
        read = f"dates with {what} first" if what else "times of the day"
        return [f"Column {name!r} is read as {read} ({found.example}); --kind {name}=category keeps the text."]
    return []


def _missing_notes(found: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Which words stand for missing values, in which columns."""
    by_word: dict[str, list[str]] = {}
    for name, words in found.items():
        for word, rows in words.items():
            by_word.setdefault(word, []).append(f"{name!r} ({rows} row{'s' * (rows > 1)})")
    notes = []
    for word, places in by_word.items():
        more = f" and {len(places) - 5} more columns" if len(places) > 5 else ""
        shown = ", ".join(places[:5]) + more
        notes.append(f"{word!r} stands for a missing value in {shown}; --missing says otherwise.")
    return notes
