"""Labels: the words, codes or values that name the levels of a category."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ikura.data.missing import MISSING
from ikura.data.notation._base import Notation, cells_of, is_text, uncategorised
from ikura.data.notation.boolean import BOOLEANS
from ikura.data.notation.date_time import iso
from ikura.errors import DataError

__all__ = ["LabelNotation", "label", "levels_by_value", "of_values"]


@dataclass(frozen=True)
class LabelNotation(Notation):
    """A label.

    Args:
        of: what the labels stand for: "text" just as it is written, "numbers", "truths" or "moments".

    Example:
        >>> LabelNotation().read(pd.Series(["007", " b ", "NA"])).tolist()
        ['007', 'b', nan]
        >>> LabelNotation("numbers").read(pd.Series(["7.0", "8"])).tolist()
        ['7', '8']
    """

    form: ClassVar[str] = "label"
    of: str = "text"

    def read(self, series: pd.Series, missing: tuple[str, ...] = MISSING) -> pd.Series:
        """Read a column as labels; values where text is expected stay what they are, for `levels_by_value`."""
        series = uncategorised(series)
        text = is_text(series)
        if not text:
            marks = [word for word in missing if word]
            names = series.map(label, na_action="ignore").astype(object)
            series = series.mask(names.isin(marks)) if marks else series
            if self.of == "text" and of_values(series) != "text":
                return series
            return names.mask(names.isin(marks) | series.isna()).astype("str").where(series.notna())
        cells = cells_of(series, missing).to_numpy(zero_copy_only=False)
        found = pd.Series(cells, index=series.index, name=series.name, dtype=object)
        if self.of != "text":
            places, words = pd.factorize(found)
            told = np.array([*(self._value(word) for word in words), None], dtype=object)
            found = pd.Series(told[places], index=series.index, name=series.name)
        return found.astype("str").where(found.notna())

    def _value(self, word: str) -> str:
        """The label of the value that a word stands for, or the word."""
        if self.of == "numbers":
            try:
                return str(int(word))
            except ValueError:
                pass
            try:
                return label(float(word))
            except (ValueError, OverflowError):
                return word
        if self.of == "truths":
            return str(BOOLEANS[word.lower()]) if word.lower() in BOOLEANS else word
        when = iso(word, "year")
        try:
            return word if when is None else label(pd.Timestamp(when))
        except ValueError:
            return word


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


def of_values(series: pd.Series) -> str:
    """What the labels of a column of values stand for."""
    dtype = series.cat.categories.dtype if isinstance(series.dtype, pd.CategoricalDtype) else series.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "truths"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "moments"
    return "numbers" if pd.api.types.is_numeric_dtype(dtype) else "text"


def levels_by_value(series: pd.Series, values: Sequence[Any], levels: Sequence[str]) -> dict[str, str]:
    """Find the levels, written as text in training, that values stand for.

    Args:
        series: the column, of numbers, truths or moments.
        values: its distinct values.
        levels: the levels of training.

    Returns:
        Label of a value -> its level; values without one are left out.

    Raises:
        DataError: a value could be several levels, or no value is any; the message names the column.

    Example:
        >>> levels_by_value(pd.Series([1, 3], name="code"), [1, 3], ["01", "02"])
        {'1': '01'}
    """
    kind = of_values(series)
    known: dict[str, list[str]] = {}
    for level in levels:
        known.setdefault(LabelNotation(kind)._value(level), []).append(level)
    found: dict[str, str] = {}
    for value in values:
        fitting = known.get(label(value), [])
        if len(fitting) > 1:
            raise DataError(
                f"column {series.name!r}: {value} could be {' or '.join(map(repr, fitting))}, which are text in the "
                "training data; give text here too"
            )
        if fitting:
            found[label(value)] = fitting[0]
    if len(values) and not found:
        raise DataError(
            f"column {series.name!r} holds {kind} such as {label(values[0])}, but text such as "
            f"{levels[0] if len(levels) else ''!r} in the training data; give text here too"
        )
    return found
