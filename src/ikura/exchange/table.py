"""Tables on disk: CSV or Parquet by the file's name, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from ikura.errors import UsageError, nearest
from ikura.files import check_target, write_output

__all__ = ["FORMATS", "check_table", "write_table"]

FORMATS = (".csv", ".parquet")


def check_table(path: str | Path) -> Path:
    """Check where a table is to go, before anything is computed.

    Args:
        path: the file as given.

    Returns:
        It as a path.

    Raises:
        UsageError: it ends neither in .csv nor in .parquet, is a folder, or its folder does not exist.
    """
    found = check_target(path)
    if found.suffix.lower() not in FORMATS:
        raise UsageError(f"a table is a .csv or .parquet file, but got {str(path)!r}{nearest(found.suffix, FORMATS)}")
    if not found.resolve().parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {found.resolve().parent}")
    return found


def write_table(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as CSV or Parquet; what stood there before stays whole until the new file is.

    In Parquet every type is kept; a choice between values of several types becomes text.

    Args:
        frame: the rows; its index is not written.
        path: a file that ends in .csv or .parquet.

    Returns:
        The path.

    Raises:
        UsageError: as for `check_table`.
        StorageError: the file cannot be written.
    """
    found = check_table(path)
    buffer = io.BytesIO()
    if found.suffix.lower() == ".parquet":
        _plain(frame).to_parquet(buffer, index=False)
    else:
        frame.to_csv(buffer, index=False)
    write_output(found, buffer.getvalue())
    return found


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of values of several types into text, which Parquet can hold."""
    mixed = {
        name: column.map(lambda value: None if value is None or value != value else str(value))
        for name, column in frame.items()
        if column.dtype == object and len({type(value) for value in column.dropna()}) > 1
    }
    return frame.assign(**{str(name): column for name, column in mixed.items()}) if mixed else frame
