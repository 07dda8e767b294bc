"""The values of the target: numbers to be predicted, or the classes as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ikura.data.frame import plain_column
from ikura.data.missing import MISSING, missing_words, without_missing
from ikura.data.notation import (
    PLAIN,
    BooleanNotation,
    DatetimeNotation,
    Doubt,
    DurationNotation,
    Hints,
    LabelNotation,
    NumberNotation,
    cells_of,
    find_majority,
    is_text,
)
from ikura.data.task import is_measured
from ikura.data.type_inference import LARGE, Found, find_notation, resolved, settled
from ikura.errors import DataError

__all__ = ["read_target"]

MOST_ODD = 0.5
"""Share of the rows up to which values that are no numbers make a target of numbers wrong, and not one of words."""
MOST_CLASSES = 1000


@dataclass(frozen=True)
class TargetValues:
    """The target, read.

    Args:
        values: numbers, booleans or text, n rows; missing where there is no target.
        notes: sentences for the user.
    """

    values: pd.Series
    notes: list[str] = field(default_factory=list)


def read_target(
    series: pd.Series, task: str = "auto", hints: Hints | None = None, decimals: set[str] | None = None
) -> TargetValues:
    """Read a target column.

    Words are classes, all of them unless the caller says which stand for a missing value; an empty field is missing.
    Among numbers a word for a missing value is one.

    Args:
        series: the column, of text or of values.
        task: auto, binary, multiclass, regression or classification.
        hints: what the caller says about how values are written.
        decimals: decimal marks that other columns show.

    Raises:
        DataError: a value among numbers is none, or two readings are possible; the message names the row.

    Example:
        >>> read_target(pd.Series(["NA", "EU"] * 10)).values.unique().tolist()
        ['NA', 'EU']
        >>> read_target(pd.Series(["1.5", "n/a", "2"], name="price")).notes
        ["'n/a' stands for a missing value in the target 'price' (1 row, first row 2); --missing says otherwise."]
    """
    hints = hints or Hints()
    series = plain_column(series)
    task = "regression" if task == "own" else task
    asked_classes = task not in ("auto", "regression")
    if not is_text(series):
        if pd.api.types.is_timedelta64_dtype(series) and not asked_classes:
            return TargetValues(DurationNotation().read(series), [_in_seconds(series)])
        if pd.api.types.is_datetime64_any_dtype(series) and not asked_classes:
            return TargetValues(series, _dates(series, task))
        if pd.api.types.is_numeric_dtype(series) and hints.said:
            return TargetValues(PLAIN.read(series, hints.missing))
        return TargetValues(series)
    words = hints.missing if hints.said else ()
    cells = cells_of(series, words)
    if not len(cells.drop_null()):
        return TargetValues(_text(series, cells))
    marks = {} if hints.said else missing_words(cells, MISSING)
    rest = without_missing(cells, MISSING) if marks else cells
    found = find_notation(_text(series, rest), Hints((), hints.decimal, hints.dates))
    if isinstance(found.notation, DurationNotation) and not asked_classes:
        values = found.notation.read(_text(series, rest), ())
        return TargetValues(values, [_in_seconds(series), *_left_out(series, cells, marks)])
    number = _number(series, found, task, hints, decimals or set())
    if number is not None:
        values = number.read(_text(series, rest), ())
        measured = task == "regression" or (not asked_classes and is_measured(values.to_numpy(dtype=np.float64)))
        if (measured or number.plain) and not (marks and not measured and _are_classes(marks, values)):
            return TargetValues(values, [*_taken_off(series, number, found), *_left_out(series, cells, marks)])
    elif not asked_classes and _are_dates(found):
        said = _dates(_text(series, rest), task)
        return TargetValues(_text(series, cells), [*said, *_classes(series, cells, marks, found, task)])
    elif not asked_classes and len(rest.drop_null()):
        _refuse_odd(series, rest, task, hints)
    if not marks and found.notation == BooleanNotation():
        return TargetValues(BooleanNotation().read(series, words))
    return TargetValues(_text(series, cells), _classes(series, cells, marks, found, task))


def _text(series: pd.Series, cells: pa.Array) -> pd.Series:
    return pd.Series(cells.to_pandas().array, index=series.index, name=series.name)


def _number(series: pd.Series, found: Found, task: str, hints: Hints, decimals: set[str]) -> NumberNotation | None:
    """How the target's numbers are written; None where it is none."""
    notation = found.notation
    if isinstance(notation, Doubt) and notation.readings:
        settling = resolved(notation, decimals)
        if settling is None and task in ("binary", "multiclass", "classification"):
            return None
        notation = settling or settled(series, notation, hints)
    if isinstance(notation, LabelNotation) and found.why and task == "regression":
        return PLAIN
    if notation == DatetimeNotation("compact"):
        return PLAIN
    return notation if isinstance(notation, NumberNotation) else None


def _are_dates(found: Found) -> bool:
    notation = found.notation
    return isinstance(notation, DatetimeNotation) or (isinstance(notation, Doubt) and not notation.readings)


def _dates(series: pd.Series, task: str) -> list[str]:
    """What is to be said of a target of dates that are few enough to be classes.

    Raises:
        DataError: they are not; a date is no number.
    """
    if not series.notna().any():
        return []
    example = str(series.dropna().iloc[0])
    held = f"the target {str(series.name)!r} holds dates or times ({example})"
    if task == "regression" or is_measured(pd.factorize(series)[0].astype(np.float64)):
        raise DataError(
            f"{held}; give numbers, such as the days or seconds since the first, or say that they are classes "
            "(--task multiclass)"
        )
    return [f"{held[0].upper()}{held[1:]}, which are classes."]


def _in_seconds(series: pd.Series) -> str:
    return f"The target {series.name!r} is read as durations in seconds."


def _are_classes(marks: dict[str, int], values: pd.Series) -> bool:
    """Whether words for missing values are as frequent among whole numbers as these, so that they may be classes."""
    return max(marks.values()) >= int(values.value_counts().min())


def _refuse_odd(series: pd.Series, rest: pa.Array, task: str, hints: Hints) -> None:
    """Refuse a target of numbers for the first value that is none."""
    given = rest.drop_null()
    distinct = given.unique()
    odd = find_majority(distinct, hints)
    if odd is None or odd.notation is None or odd.fits.all():
        return
    others = distinct.filter(pa.array(~odd.fits))
    wrong = pc.is_in(rest, value_set=others)
    share = pc.sum(wrong).as_py() / len(given)
    fitting = given.filter(pc.invert(pc.is_in(given, value_set=others)))
    values = odd.notation.read(pd.Series(fitting.to_pandas()), ())
    if share > MOST_ODD or not (task == "regression" or is_measured(values.to_numpy(dtype=np.float64))):
        return
    row = pc.index(wrong, True).as_py() + 1
    word = rest[row - 1].as_py()
    more = pc.sum(wrong).as_py() - 1
    also = f" (and {more} more)" if more else ""
    raise DataError(
        f"row {row}, column {series.name!r}: {word!r} is not a number as most of the target's values are{also}; "
        f"mend it, leave it empty, say that it stands for a missing value (--missing {word!r}), or that all are "
        "classes (--task multiclass)"
    )


def _taken_off(series: pd.Series, number: NumberNotation, found: Found) -> list[str]:
    taken = number.taken_off or found.said
    return [f"The target {series.name!r} is read as numbers: {taken}."] if taken else []


def _left_out(series: pd.Series, cells: pa.Array, marks: dict[str, int]) -> list[str]:
    notes = []
    for word, rows in marks.items():
        first = pc.index(cells, pa.scalar(word, cells.type)).as_py() + 1
        count = f"{rows} row{'s' * (rows > 1)}, first row {first}"
        notes.append(
            f"{word!r} stands for a missing value in the target {series.name!r} ({count}); --missing says otherwise."
        )
    return notes


def _classes(series: pd.Series, cells: pa.Array, marks: dict[str, int], found: Found, task: str) -> list[str]:
    notes = [
        f"{word!r} is a class of the target {series.name!r} ({rows} row{'s' * (rows > 1)}); "
        f"--missing {word!r} counts it as missing."
        for word, rows in marks.items()
    ]
    if found.why and task == "auto":
        what = "names" if found.why == LARGE else "codes"
        notes.append(
            f"The target {series.name!r} holds {what} ({found.example}), which are classes; "
            "--task regression reads numbers."
        )
    return [*notes, *_alike(series, cells)]


def _alike(series: pd.Series, cells: pa.Array) -> list[str]:
    """Classes that differ in capitals only, where there are not too many classes to be told."""
    distinct = cells.drop_null().unique()
    if len(distinct) > MOST_CLASSES:
        return []
    known: dict[str, str] = {}
    for word in distinct.to_pylist():
        other = known.setdefault(word.casefold(), word)
        if other != word:
            return [
                f"Classes {other!r} and {word!r} of the target {series.name!r} differ in capitals only; they are two."
            ]
    return []
