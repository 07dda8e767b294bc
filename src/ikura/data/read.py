"""Reading tables from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from ikura.built_in import FORMATS
from ikura.data.file_limits import check_entry, check_packed, check_size
from ikura.data.frame import plain_frame
from ikura.data.missing import MISSING
from ikura.data.notation import DatetimeNotation, Doubt, Hints, LabelNotation
from ikura.data.text import check_names, find_fault, find_field, inspect_text, is_packed
from ikura.data.type_inference import decimals_of, find_notation, resolved
from ikura.errors import DataError, UsageError, nearest
from ikura.wording import one_line

__all__ = ["MISSING", "as_format", "open_table", "read_frame", "read_parquet", "read_table", "read_text"]

Reader = Callable[[Path], pd.DataFrame]

BLOCK = 16 << 20
LARGEST_BLOCK = 1 << 30
LEAST = 1
"""Bytes that a value takes in memory at least."""


def open_table(
    source: str | os.PathLike[str] | pd.DataFrame, ignored: Iterable[str] = (), wanted: Iterable[str] = ()
) -> pd.DataFrame:
    """Open a table: the cells of a text file as they are written, the columns of a frame as plain ones.

    Text is UTF-8, with a header line, and fields between commas, semicolons, tabs or bars.

    Args:
        source: path of a .csv, .csv.gz, .tsv or .parquet file, or one of a format that was registered; or a frame.
        ignored: columns that are left out, whatever they hold.
        wanted: the columns that matter, if not all do; the table has them alone where it has them all.

    Returns:
        The table, one row an example, with text as column names and rows numbered from 0; empty fields are missing.

    Raises:
        DataError: there is no such file, or it is not a table; the message names file and line.
    """
    if isinstance(source, pd.DataFrame):
        return plain_frame(_only(_check_frame(source), wanted), ignored)
    path = check_entry(source)
    _check_path(path)
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    suffix = "parquet" if parquet else path.suffix[1:]
    reader = FORMATS[suffix] if suffix and suffix in FORMATS else read_text
    if reader is read_text:
        frame = _only(read_text(path), wanted)
    else:
        try:
            frame = plain_frame(_only(reader(path), wanted), ignored)
        except DataError as error:
            raise DataError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
    if frame.empty:
        raise DataError(f"{path}: there is a header but no row")
    return frame


def _only(frame: pd.DataFrame, wanted: Iterable[str]) -> pd.DataFrame:
    names = list(wanted)
    return frame[names] if names and set(names) <= set(frame.columns) else frame


def read_table(source: str | os.PathLike[str] | pd.DataFrame) -> pd.DataFrame:
    r"""Read a table from a .csv, .csv.gz, .tsv or .parquet file, its numbers, booleans and dates as such.

    What could be read in two ways, and codes such as 00501, stay text. The fields of `MISSING` become missing values;
    blanks around a field are dropped.

    Args:
        source: path of the file, or a frame, which is checked and handed back with its rows numbered from 0.

    Returns:
        The table, one row an example, with text as column names and rows numbered from 0.

    Raises:
        DataError: there is no such file, or it is not a table; the message names file and line.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "heights.csv"
        ...     _ = path.write_text("name,height\nAda,1.65\nAlan,NA\n")
        ...     frame = read_table(path)
        >>> frame["height"].tolist()
        [1.65, nan]
    """
    if isinstance(source, pd.DataFrame):
        return _check_frame(source)
    frame = open_table(source)
    found = {name: find_notation(frame[name], Hints()) for name in frame.columns}
    decimals = decimals_of(found)
    read = {}
    for name, one in found.items():
        notation = one.notation
        if isinstance(notation, Doubt):
            notation = resolved(notation, decimals) or LabelNotation()
        if isinstance(notation, DatetimeNotation) and notation.order == "clock":
            notation = LabelNotation()
        try:
            column = notation.read(frame[name])
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
        read[name] = column.astype(bool) if column.dtype == "boolean" and not column.isna().any() else column
    return pd.DataFrame(read)


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; name a table in it, .csv, .csv.gz, .tsv or .parquet")
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise DataError(f"{path}: no such file, and no such folder {folder}")
        others: list[str] = []
        with suppress(OSError):
            others = [other.name for other in folder.iterdir()]
        raise DataError(f"{path}: no such file{nearest(path.name, others)}")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: the file may not be read; check its permissions")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; its first line must name the columns")


def _check_frame(frame: pd.DataFrame) -> pd.DataFrame:
    checked = frame.copy(deep=False)
    checked.columns = pd.Index([str(name) for name in frame.columns])
    check_names(checked.columns)
    repeated = checked.columns[checked.columns.duplicated()]
    if len(repeated):
        raise DataError(f"two columns are named {repeated[0]!r}; every column needs its own name")
    if not len(checked) or not len(checked.columns):
        raise DataError(f"the table has {len(checked)} rows and {len(checked.columns)} columns; both must be positive")
    return checked.reset_index(drop=True)


def as_format(name: str, thing: Any) -> Reader:
    """Take a data format that was found under a name: what it reads is checked, what goes wrong is said in one line.

    Raises:
        UsageError: it is no function.
    """
    if not callable(thing):
        wanted = "a function from the path of a file to a pandas.DataFrame"
        raise UsageError(f"the data format {name!r} must be {wanted}, but is {one_line(repr(thing), 60)}")
    if thing in (read_text, read_parquet):
        return cast(Reader, thing)

    @wraps(thing)
    def read(path: Path) -> pd.DataFrame:
        try:
            frame = thing(path)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(f"{path}: cannot be read as {name}: {reason}") from error
        if not isinstance(frame, pd.DataFrame):
            raise DataError(
                f"{path}: the data format {name!r} gives {one_line(repr(frame), 60)}, not a pandas.DataFrame"
            )
        return _check_frame(frame)

    return read


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file.

    Raises:
        DataError: it is none, or too large for this machine's memory.
    """
    try:
        about = arrow_parquet.read_metadata(path)
        check_size(path, about.num_rows * about.num_columns * LEAST)
        frame = read_frame(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a readable Parquet file: {reason}") from None
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    check_names(names, f"{path}: ")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(f"{path}: two columns are named {name!r}; every column needs its own name")
    frame.columns = pd.Index(names)
    return frame.reset_index(drop=True)


def read_frame(source: Path | IO[bytes]) -> pd.DataFrame:
    """Read a Parquet file as the frame that was written: columns that were categories of numbers are again."""
    table = arrow_parquet.read_table(source)
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    for column in (table.schema.pandas_metadata or {}).get("columns", []):
        name = column["name"]
        if column["pandas_type"] == "categorical" and name in frame.columns:
            frame[name] = frame[name].astype("category")
    return frame


def read_text(path: Path) -> pd.DataFrame:
    """Read the cells of a text file as they are written.

    Raises:
        DataError: it is no table.
    """
    if is_packed(path):
        check_packed(path)
    layout = inspect_text(path)
    if layout.odd_quotes and (fault := find_fault(path, layout)):
        raise DataError(fault)
    block = BLOCK
    while True:
        try:
            table = _parse_text(path, layout.delimiter, layout.header, block)
            break
        except pa.ArrowInvalid as error:
            reason = str(error).splitlines()[0]
            if "Empty CSV" in reason:
                raise DataError(f"{path}: there is a header but no row") from None
            if "straddling" in reason and block < LARGEST_BLOCK:
                block *= 8
                continue
            if "straddling" in reason:
                raise DataError(find_field(path, layout, LARGEST_BLOCK)) from None
            raise DataError(find_fault(path, layout) or f"{path}: not a table: {reason}") from None
    frame: pd.DataFrame = table.slice(1).to_pandas()
    return frame


def _parse_text(path: Path, delimiter: str, names: list[str], block: int) -> pa.Table:
    """All records, the header among them, as text."""
    with pa.input_stream(str(path), compression="gzip" if is_packed(path) else None) as file:
        return arrow_csv.read_csv(
            file,
            read_options=arrow_csv.ReadOptions(block_size=block, column_names=names),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), null_values=[""], strings_can_be_null=True
            ),
        )
