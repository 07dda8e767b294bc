"""Tables on disk: CSV or Parquet by the file's name, whole or not at all."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import pandas as pd

from ikura.errors import UsageError, nearest
from ikura.files import check_target, write_output
from ikura.wording import shortened

__all__ = ["FORMATS", "check_table", "formula_note", "write_table"]

FORMATS = (".csv", ".parquet")
FORMULA = re.compile(r"[=+\-@\t\r].", re.DOTALL)
"""How a text begins that spreadsheets take for a formula; a sign alone is none."""


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
    if not found.absolute().parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {found.absolute().parent}")
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
        if note := formula_note(frame):
            logging.getLogger("ikura").warning("%s: %s", found, note)
        frame.to_csv(buffer, index=False)
    write_output(found, buffer.getvalue())
    return found


def formula_note(frame: pd.DataFrame) -> str | None:
    """What is to be said of texts of a table that a spreadsheet takes for formulas; None where there are none.

    They are written as they are: whoever reads the table with a program gets back what was in the data.

    Example:
        >>> formula_note(pd.DataFrame({"prediction": ["=1+1", "-", "-3", "a"]}))
        "'=1+1' in column 'prediction' would be a formula in a spreadsheet, which can run programs; import it as text"
    """
    for name, column in {"the header": pd.Series([str(one) for one in frame.columns]), **frame}.items():
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            continue
        for text in column.dropna().astype(str).unique():
            if FORMULA.match(text) and not _is_number(text):
                where = name if name == "the header" else f"column {shortened(str(name))}"
                return (
                    f"{shortened(text)} in {where} would be a formula in a spreadsheet, which can run programs; "
                    "import it as text"
                )
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of values of several types into text, which Parquet can hold."""
    mixed = {
        name: column.map(lambda value: None if value is None or value != value else str(value))
        for name, column in frame.items()
        if column.dtype == object and len({type(value) for value in column.dropna()}) > 1
    }
    return frame.assign(**{str(name): column for name, column in mixed.items()}) if mixed else frame
