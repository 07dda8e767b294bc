"""What stands for a missing value."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from ikura.errors import DataError

__all__ = ["MISSING", "checked_words", "missing_words", "trimmed", "without_missing"]

MISSING = (
    "",
    "NA",
    "N/A",
    "n/a",
    "na",
    "n.a.",
    "N.A.",
    "NaN",
    "nan",
    "NaT",
    "<NA>",
    "null",
    "Null",
    "NULL",
    "None",
    "?",
    "-",
    "--",
    "#N/A",
    "#DIV/0!",
    "#NUM!",
    "#REF!",
    "#VALUE!",
)
"""The fields that stand for a missing value where nothing else was said; an empty one always does."""


def checked_words(words: Iterable[str] | None) -> tuple[str, ...]:
    """The words that stand for a missing value: those given, or the usual ones; an empty field always does.

    Raises:
        DataError: a word is no text.

    Example:
        >>> checked_words(["-999", " unknown "])
        ('', '-999', 'unknown')
    """
    if words is None:
        return MISSING
    if isinstance(words, str):
        raise DataError(f"missing is a list of words, such as [{words!r}], not the text {words!r}")
    found = [""]
    for word in words:
        if isinstance(word, bool) or not isinstance(word, str | int | float):
            raise DataError(f"missing is a list of words, but holds {word!r}")
        found.append(str(word).strip())
    return tuple(dict.fromkeys(found))


def trimmed(cells: pa.Array) -> pa.Array:
    """Text without blanks around it; empty text is null."""
    bare = pc.utf8_trim_whitespace(cells)
    return pc.if_else(pc.equal(pc.binary_length(bare), 0), pa.scalar(None, bare.type), bare)


def without_missing(cells: pa.Array, words: Iterable[str]) -> pa.Array:
    """Trimmed text in which the words are null."""
    marks = pc.is_in(cells, value_set=pa.array([word for word in words if word], cells.type))
    return pc.if_else(marks, pa.scalar(None, cells.type), cells)


def missing_words(cells: pa.Array, words: Iterable[str]) -> dict[str, int]:
    """How often each of the words occurs in trimmed text, the most frequent first."""
    marks = pc.is_in(cells, value_set=pa.array([word for word in words if word], cells.type))
    found = cells.filter(marks).value_counts().to_pylist()
    return {one["values"]: one["counts"] for one in sorted(found, key=lambda one: -one["counts"])}
