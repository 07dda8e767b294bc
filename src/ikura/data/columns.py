"""Columns and their kinds."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from ikura.data.notation import Hints, find_majority, find_mixture, is_text
from ikura.data.values import label, labels
from ikura.json_values import JsonObject

__all__ = ["ASKABLE", "KINDS", "Column", "kind_of", "names_rows"]

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
LARGEST_WHOLE = 2**53
RARE = 0.05
"""Share of the rows up to which values that are no numbers, among numbers, are said to be odd."""
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

    def as_dict(self) -> JsonObject:
        """The JSON form."""
        return asdict(self)


def kind_of(series: pd.Series, asked: str | None, hints: Hints, category: bool = False) -> tuple[Column, str]:
    """The kind of a column, and a sentence about it where it is used otherwise than it seems.

    Args:
        series: the column as its notation reads it.
        asked: the kind that was asked for, if any.
        hints: what the caller says about values.
        category: whether its labels are not to be taken for free text.
    """
    missing, distinct = int(series.isna().sum()), int(series.nunique())

    def column(kind: str, note: str = "") -> Column:
        return Column(str(series.name), kind, missing, distinct, note)

    if asked == "ignore":
        return column("ignore", "left out as told"), ""
    if distinct == 0:
        return column("missing", "it has no value in any row"), ""
    if distinct == 1 and not missing:
        some = series.dropna().iloc[0]
        return column("constant", f"every row holds {repr(some) if isinstance(some, str) else label(some)}"), ""
    if asked:
        return column(asked), ""
    if pd.api.types.is_bool_dtype(series):
        return column("boolean"), ""
    if pd.api.types.is_datetime64_any_dtype(series):
        return column("datetime"), ""
    if pd.api.types.is_numeric_dtype(series):
        return column(*_number_or_identifier(series)), ""
    if category or distinct == 1:
        return column("category"), ""
    kind, note, said = _category_or_text(series, hints)
    return column(kind, note), said


def _number_or_identifier(series: pd.Series) -> tuple[str, str]:
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.abs(values) < LARGEST_WHOLE
    if not whole.all() or (values % 1).any() or np.unique(values).size < values.size:
        return "numeric", ""
    if names_rows(str(series.name)):
        return "identifier", "it names the row: another whole number in every row"
    if values.size >= COUNTER_ROWS and values.max() - values.min() + 1 == values.size:
        return "identifier", f"it numbers the rows, from {values.min():.0f} to {values.max():.0f}"
    return "numeric", ""


def _category_or_text(series: pd.Series, hints: Hints) -> tuple[str, str, str]:
    """Kind, why it is left out, and what is odd about a category."""
    codes, levels = labels(series)
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    odd = find_majority(pa.array(levels, pa.large_string()), hints) if is_text(series) else None
    if odd is not None and not odd.fits.all():
        wrong = int(np.flatnonzero(~odd.fits)[0])
        row = int(np.flatnonzero(codes == wrong)[0]) + 1
        shown = f"row {row} holds {levels[wrong]!r}"
        cure = f"mend that value, leave it empty, or say that it stands for a missing one (--missing {levels[wrong]!r})"
        if len(levels) >= 10 and odd.fits.mean() >= 0.9:
            looks = "it looks numeric" if odd.what == "numbers" else "it looks like dates"
            return "text", f"{looks}, but {shown}; {cure}", ""
        if odd.fits.sum() > 2 and counts[~odd.fits].sum() <= RARE * counts.sum():
            name = str(series.name)
            return "category", "", f"Column {name!r} is a category and not {odd.what}, because {shown}; {cure}."
    mixed = _mixture(codes, levels, hints) if is_text(series) and len(levels) > 2 else ""
    alone = int((counts == 1).sum())
    if alone > counts.sum() / 2 and len(levels) > 2:
        return "text", mixed or f"{alone} of {counts.sum()} values occur in one row only", ""
    return "category", "", f"Column {str(series.name)!r} is a category: {mixed}." if mixed else ""


def _mixture(codes: np.ndarray, levels: list[str], hints: Hints) -> str:
    """What to do about numbers or dates that are not all written in one way; an empty string where there are none."""
    found = find_mixture(pa.array(levels, pa.large_string()), hints)
    if found is None:
        return ""
    what, *places = found
    (row, text), (other, word) = sorted((int(np.flatnonzero(codes == one)[0]) + 1, levels[one]) for one in places)
    looks = "looks numeric" if what == "numbers" else "looks like dates"
    ways = f"row {row}: {text!r}, row {other}: {word!r}"
    return f"it {looks}, but its values are written in more than one way ({ways}); write all of them in one"


def names_rows(name: str) -> bool:
    """Whether a column is called as what names or numbers rows.

    Example:
        >>> names_rows("patientID"), names_rows("year")
        (True, False)
    """
    return re.search(IDENTIFIER, _snake(name)) is not None


def _snake(name: str) -> str:
    """Words in lower case with underscores: patient_id for patientID."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()
