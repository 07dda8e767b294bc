"""Delimited text: what is wrong with a file, and in which line."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ikura.errors import DataError

__all__ = ["Layout", "check_names", "find_fault", "find_field", "inspect_text", "is_packed"]

DELIMITERS = (",", ";", "\t", "|")
CHUNK = 1 << 20
SAMPLE_LINES = 50
LONGEST_FIELD = 2**31 - 1
LONGEST_NAME = 10_000
"""Characters of the longest name of a column."""


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out.

    Args:
        delimiter: the character between two fields.
        header: the column names of the first line; a nameless column is called by its place, e.g. "unnamed_1".
        odd_quotes: whether the number of quotation marks is odd, so that one may never be closed.
    """

    delimiter: str
    header: list[str]
    odd_quotes: bool


def is_packed(path: Path) -> bool:
    """Whether a file is gzip-compressed, by its content."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked when it is gzip-compressed."""
    return gzip.open(path, "rb") if is_packed(path) else path.open("rb")  # type: ignore[return-value]


def inspect_text(path: Path) -> Layout:
    """Find the layout of a delimited text file; the whole file is decoded once, piece by piece.

    Raises:
        DataError: the file is empty, not text, not UTF-8, or its first line does not name the columns.
    """
    odd_quotes = _check_encoding(path)
    with _open_text(path) as file:
        lines = list(itertools.islice(file, SAMPLE_LINES))
    sample = [line for line in lines if line.strip()]
    if not sample:
        raise DataError(f"{path}: the file is empty; its first line must name the columns")
    delimiter = "\t" if ".tsv" in path.suffixes else _sniff(sample)
    first = lines.index(sample[0]) + 1
    header = _header(path, first, next(_records(sample, delimiter)))
    return Layout(delimiter, header, odd_quotes)


def find_fault(path: Path, layout: Layout) -> str | None:
    """Walk through the records and describe the first one that does not fit the header.

    Returns:
        One line that names the file and the line, or None when every record fits.
    """
    with _open_text(path) as file:
        reader = _records(file, layout.delimiter)
        end = 0
        record: list[str] = []
        try:
            for record in reader:
                start, end = end + 1, reader.line_num
                if record and len(record) != len(layout.header):
                    if end > start:
                        return f"{path}: line {start}: a quotation mark is opened and not closed"
                    return f"{path}: line {start} has {len(record)} fields where the header has {len(layout.header)}"
        except csv.Error:
            return f"{path}: line {end + 1}: a quotation mark is opened and not closed"
        text = record[-1] if record else ""
        if layout.odd_quotes and end > start and text.endswith("\n"):
            return f"{path}: line {start}: a quotation mark is opened and not closed"
    return None


def find_field(path: Path, layout: Layout, longest: int) -> str:
    """Describe the first field of more than `longest` characters."""
    with _open_text(path) as file:
        for row, record in enumerate(_records(file, layout.delimiter)):
            for name, text in zip(layout.header, record, strict=False):
                if len(text) > longest:
                    return f"{path}: row {row}, column {name!r}: the field has {len(text):,} characters; shorten it"
    return f"{path}: a row is longer than {longest:,} characters; shorten it"


def _records(lines: Iterable[str], delimiter: str) -> Any:
    """The records of lines, whose fields may have any length."""
    if csv.field_size_limit() < LONGEST_FIELD:
        csv.field_size_limit(LONGEST_FIELD)
    return csv.reader(lines, delimiter=delimiter)


def _open_text(path: Path) -> IO[str]:
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")


def _check_encoding(path: Path) -> bool:
    """Decode the whole file as UTF-8, and tell whether it holds an odd number of quotation marks."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, quotes, empty = 1, 0, True
    pending = b""
    try:
        with open_bytes(path) as file:
            while chunk := file.read(CHUNK):
                if empty and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise DataError(f"{path}: line 1: the text is UTF-16; save it as UTF-8")
                if b"\0" in chunk:
                    raise DataError(f"{path}: not a table but binary data; a table is .csv, .csv.gz, .tsv or .parquet")
                empty = False
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as error:
                    data = pending + chunk
                    line += data[: error.start].count(b"\n")
                    raise DataError(
                        f"{path}: line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
                    ) from None
                pending = decoder.getstate()[0]
                line += chunk.count(b"\n")
                quotes += chunk.count(b'"')
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is damaged: {error}") from None
    if pending:
        raise DataError(f"{path}: line {line}: the file ends in the middle of a UTF-8 character; save it as UTF-8")
    return quotes % 2 == 1


def _sniff(sample: list[str]) -> str:
    """The delimiter under which most lines have as many fields as the first, and that is more than one."""

    def quality(delimiter: str) -> tuple[int, int]:
        widths = [len(record) for record in _records(sample, delimiter)]
        return (sum(width == widths[0] for width in widths) if widths[0] > 1 else 0, widths[0])

    return max(DELIMITERS, key=quality)


def check_names(names: Iterable[str], before: str = "") -> None:
    """Refuse names of columns that no message can hold.

    Raises:
        DataError: a name is longer than `LONGEST_NAME`; the message names its place, counted from 1.
    """
    for place, name in enumerate(names, start=1):
        if len(name) > LONGEST_NAME:
            raise DataError(
                f"{before}the name of column {place} ({name[:20]}…) has {len(name):,} characters; shorten it to "
                f"{LONGEST_NAME:,}"
            )


def _header(path: Path, line: int, fields: list[str]) -> list[str]:
    names = [field.strip() or f"unnamed_{place}" for place, field in enumerate(fields, start=1)]
    check_names(names, f"{path}: line {line}: ")
    fractions = [name for name in names if re.fullmatch(r"[+-]?\d*\.\d+(e[+-]?\d+)?", name.lower())]
    if fractions:
        raise DataError(
            f"{path}: line {line} must name the columns, but holds the number {fractions[0]}; put a header line first"
        )
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(f"{path}: line {line}: two columns are named {name!r}; every column needs its own name")
    return names
