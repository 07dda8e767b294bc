"""What each column of a table is given as by whoever uses an exported network: numbers, seconds, or words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.encoder.category import CategoryEncoding
from ikura.data.encoder.date_time import DatetimeEncoding
from ikura.data.encoder.number import NumberEncoding
from ikura.data.encoder.table import TableEncoder
from ikura.data.values import datetimes, label
from ikura.lazy_torch import Tensor, torch

__all__ = ["MISSING", "ArrayRecord", "ColumnRecord", "RawTable", "ShapedColumn", "column_records", "raw_table"]

MISSING = ""
"""The word that stands for a missing category in an exported network."""

Encoding = NumberEncoding | CategoryEncoding | DatetimeEncoding


class ColumnRecord(TypedDict):
    """What a column is given as; the levels are those of a category."""

    name: str
    kind: str
    type: str
    missing: str
    levels: NotRequired[list[str]]


class ShapedColumn(ColumnRecord):
    """A column that is an input by itself."""

    shape: list[str | int]


class ArrayRecord(TypedDict):
    """An array that an exported network takes or gives; the columns are those of a table that stand in it."""

    name: str
    shape: list[str | int]
    type: NotRequired[str]
    columns: NotRequired[list[ColumnRecord]]


@dataclass(frozen=True)
class RawTable:
    """Some rows of a table as exported networks take them.

    Attributes:
        numbers: numbers and seconds since 1970, NaN where missing, float64 of shape (rows, their columns).
        codes: categories: their place among the levels from 1 on, 0 for others, -1 where missing, shape (rows, their
            columns).
        words: the categories as text, by column.
    """

    numbers: npt.NDArray[np.float64]
    codes: npt.NDArray[np.int64]
    words: dict[str, list[str]]

    def tensors(self) -> tuple[Tensor, ...]:
        """Those of numbers and codes that have columns."""
        return tuple(torch.from_numpy(part) for part in (self.numbers, self.codes) if part.shape[1])


def raw_table(encoder: TableEncoder, data: Any) -> RawTable:
    """Take the columns that a network sees out of a table, read as they were in training."""
    numbers: list[npt.NDArray[np.float64]] = []
    codes: list[npt.NDArray[np.int64]] = []
    words: dict[str, list[str]] = {}
    rows = 0
    for encoding, series in encoder.read(data):
        rows = len(series)
        if isinstance(encoding, CategoryEncoding):
            found = encoding.codes(series)
            codes.append(found)
            words[encoding.name] = [
                encoding.levels[code - 1] if code > 0 else label(value) if code == 0 else MISSING
                for code, value in zip(found, series, strict=True)
            ]
        elif isinstance(encoding, NumberEncoding):
            numbers.append(encoding.values(series))
        else:
            numbers.append(_seconds(series))
    return RawTable(
        np.stack(numbers, 1) if numbers else np.zeros((rows, 0)),
        np.stack(codes, 1) if codes else np.zeros((rows, 0), np.int64),
        words,
    )


def _seconds(series: pd.Series) -> npt.NDArray[np.float64]:
    """Seconds since the beginning of 1970."""
    seconds = (datetimes(series) - pd.Timestamp(0)).dt.total_seconds()
    return np.asarray(seconds.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)


def column_records(encoder: TableEncoder) -> list[ColumnRecord]:
    """Say of each column what it is given as; for the metadata of a file and for a model card."""
    return [_record(encoding) for encoding in encoder.encodings]


def _record(encoding: Encoding) -> ColumnRecord:
    name = encoding.name
    if isinstance(encoding, CategoryEncoding):
        return {"name": name, "kind": "category", "type": "text", "levels": encoding.levels, "missing": MISSING}
    if isinstance(encoding, DatetimeEncoding):
        seconds = "seconds since 1970-01-01T00:00:00 UTC"
        return {"name": name, "kind": "datetime", "type": seconds, "missing": "NaN"}
    kind, written = ("boolean", "0 or 1") if encoding.boolean else ("number", "number")
    return {"name": name, "kind": kind, "type": written, "missing": "NaN"}
