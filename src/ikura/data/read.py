"""Reading tables from files."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from ikura.data.text import find_fault, inspect_text, is_packed
from ikura.errors import DataError, nearest

__all__ = ["MISSING", "read_table"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "-")
"""The fields that stand for a missing value."""

BLOCK = 16 << 20


def read_table(source: str | os.PathLike[str] | pd.DataFrame) -> pd.DataFrame:
    """Read a table from a .csv, .csv.gz, .tsv or .parquet file.

    Text is UTF-8, with a header line, and fields between commas, semicolons, tabs or bars. The fields of
    `MISSING` become missing values; blanks around a field are dropped.

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
        ...     _ = path.write_text("name,height\\nAda,1.65\\nAlan,NA\\n")
        ...     frame = read_table(path)
        >>> frame["height"].tolist()
        [1.65, nan]
    """
    if isinstance(source, pd.DataFrame):
        return _check_frame(source)
    path = Path(source)
    _check_path(path)
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    frame = _read_parquet(path) if parquet or path.suffix in (".parquet", ".pq") else _read_text(path)
    if frame.empty:
        raise DataError(f"{path}: there is a header but no row")
    return frame


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; name a table in it, .csv, .csv.gz, .tsv or .parquet")
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise DataError(f"{path}: no such file, and no such folder {folder}")
        raise DataError(f"{path}: no such file{nearest(path.name, (other.name for other in folder.iterdir()))}")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: the file may not be read; check its permissions")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; its first line must name the columns")


def _check_frame(frame: pd.DataFrame) -> pd.DataFrame:
    checked = frame.copy(deep=False)
    checked.columns = pd.Index([str(name) for name in frame.columns])
    repeated = checked.columns[checked.columns.duplicated()]
    if len(repeated):
        raise DataError(f"two columns are named {repeated[0]!r}; every column needs its own name")
    if not len(checked) or not len(checked.columns):
        raise DataError(f"the table has {len(checked)} rows and {len(checked.columns)} columns; both must be positive")
    return checked.reset_index(drop=True)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = arrow_parquet.read_table(path).to_pandas(date_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a readable Parquet file: {reason}") from None
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(f"{path}: two columns are named {name!r}; every column needs its own name")
    frame.columns = pd.Index(names)
    return frame.reset_index(drop=True)


def _read_text(path: Path) -> pd.DataFrame:
    layout = inspect_text(path)
    if layout.odd_quotes and (fault := find_fault(path, layout)):
        raise DataError(fault)
    missing = [blank + token + tail for token in MISSING for blank in ("", " ") for tail in ("", " ")]
    try:
        with pa.input_stream(str(path), compression="gzip" if is_packed(path) else None) as file:
            table = arrow_csv.read_csv(
                file,
                read_options=arrow_csv.ReadOptions(block_size=BLOCK),
                parse_options=arrow_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    null_values=missing, strings_can_be_null=True, decimal_point=layout.decimal
                ),
            )
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        if "Empty CSV" in reason:
            raise DataError(f"{path}: there is a header but no row") from None
        raise DataError(find_fault(path, layout) or f"{path}: not a table: {reason}") from None
    columns = [_plain(column) for column in table.columns]
    return pa.table(columns, names=layout.header).to_pandas(date_as_object=False, split_blocks=True)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without blanks around it, and times of the day as text."""
    if pa.types.is_time(column.type):
        return column.cast(pa.string())
    if pa.types.is_string(column.type):
        return pc.utf8_trim_whitespace(column)
    return column
