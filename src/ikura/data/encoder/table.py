"""The encoder of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.arrays import plain_features
from ikura.data.column_schema import Schema, read_schema
from ikura.data.columns import Column
from ikura.data.encoder._base import Encoder, Features
from ikura.data.encoder.category import CategoryEncoding
from ikura.data.encoder.date_time import DatetimeEncoding
from ikura.data.encoder.number import NumberEncoding
from ikura.data.frame import plain_column
from ikura.data.missing import MISSING
from ikura.data.notation import Notation, label, notation_of
from ikura.errors import DataError, listed, nearest
from ikura.json_values import JsonObject

__all__ = ["TableEncoder", "array_frame"]

Encoding = NumberEncoding | CategoryEncoding | DatetimeEncoding
ENCODINGS: Mapping[str, type[NumberEncoding | CategoryEncoding | DatetimeEncoding]] = {
    "number": NumberEncoding,
    "category": CategoryEncoding,
    "moment": DatetimeEncoding,
}


@dataclass(frozen=True)
class TableEncoder(Encoder):
    """Encodes a table column by column.

    Args:
        inputs: names of all columns of the table it was fitted to, in order, also of those left out.
        encodings: one for each column the network sees.
        notations: column -> how its values are written, found in training; by them further tables are read.
        missing: words that stand for a missing value.
    """

    inputs: list[str]
    encodings: list[Encoding]
    notations: dict[str, Notation] = field(default_factory=dict)
    missing: tuple[str, ...] = MISSING

    @staticmethod
    def fit_table(frame: pd.DataFrame, columns: Sequence[Column] | None = None) -> TableEncoder:
        """Fit to the training rows of a table, of text or of values."""
        kinds = None if columns is None else {one.name: one.kind if one.used else "ignore" for one in columns}
        return TableEncoder.fit_schema(read_schema(frame, kinds))

    @staticmethod
    def fit_schema(schema: Schema, rows: npt.NDArray[np.int64] | None = None) -> TableEncoder:
        """Fit to rows of a table whose types are known; all of them where none are named."""
        frame = schema.frame if rows is None else schema.frame.iloc[rows]
        encodings = [_fit(frame[column.name], column.kind) for column in schema.columns if column.used]
        notations = {one.name: schema.notations[one.name] for one in encodings}
        return TableEncoder([str(name) for name in frame.columns], encodings, notations, schema.missing)

    @staticmethod
    def read_form(form: Mapping[str, Any]) -> TableEncoder:
        """The encoder that `to_dict` described."""
        encodings = [ENCODINGS[one["type"]].from_dict(one) for one in form["encodings"]]
        notations = {name: notation_of(one) for name, one in form.get("notations", {}).items()}
        return TableEncoder(list(form["inputs"]), encodings, notations, tuple(form.get("missing", MISSING)))

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        encodings = [encoding.to_dict() for encoding in self.encodings]
        notations = {name: notation.to_dict() for name, notation in self.notations.items()}
        return {
            "type": "table",
            "inputs": self.inputs,
            "encodings": encodings,
            "notations": notations,
            "missing": list(self.missing),
        }

    def transform(self, data: pd.DataFrame | npt.NDArray[Any]) -> Features:
        """Encode n rows: x, shape (n, d), and codes, shape (n, c)."""
        frame, names = self._columns(data)
        x = np.zeros((len(frame), len(self.feature_names)), dtype=np.float32)
        codes = np.zeros((len(frame), len(self.cardinalities)), dtype=np.int32)
        feature, embedding = 0, 0
        for encoding, series in self._each(frame, names):
            if isinstance(encoding, CategoryEncoding) and encoding.embedded:
                codes[:, embedding] = np.maximum(encoding.codes(series), 0)
                embedding += 1
                continue
            width = len(encoding.feature_names)
            encoding.fill(series, x[:, feature : feature + width])
            feature += width
        return x, codes

    def read(self, data: pd.DataFrame | npt.NDArray[Any]) -> Iterator[tuple[Encoding, pd.Series]]:
        """Go through the columns that the network sees, each with its values, read as they were in training."""
        return self._each(*self._columns(data))

    def _columns(self, data: pd.DataFrame | npt.NDArray[Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Rows as a table, and its columns by their names as text."""
        plain, _ = plain_features(data)
        frame = plain if isinstance(plain, pd.DataFrame) else self._named(plain)
        names = {str(name): name for name in frame.columns}
        self._check_columns(names)
        return frame, names

    def _each(self, frame: pd.DataFrame, names: Mapping[str, Any]) -> Iterator[tuple[Encoding, pd.Series]]:
        for encoding in self.encodings:
            yield encoding, self._read(frame[names[encoding.name]].rename(encoding.name))

    def remarks(self, data: pd.DataFrame | npt.NDArray[Any]) -> list[str]:
        """Say which rows hold what training lacked: levels of a category, or missing values.

        Example:
            >>> encoder = TableEncoder.fit_table(pd.DataFrame({"city": ["Rome", "Oslo", "Rome"]}))
            >>> encoder.remarks(pd.DataFrame({"city": ["Bern", "Oslo"]}))
            ["Column 'city': 1 of 2 rows holds a level that training lacked ('Bern', first row 1); it is none of them."]
        """
        found = []
        for encoding, series in self.read(data):
            missing = series.isna().to_numpy(dtype=bool)
            if isinstance(encoding, CategoryEncoding):
                codes = encoding.codes(series)
                missing = codes < 0
                if (codes == 0).any():
                    first = int((codes == 0).argmax())
                    what = f"a level that training lacked ({label(series.iloc[first])!r}, first row {first + 1})"
                    found.append(_remark(encoding.name, codes == 0, "holds", what, "none of them"))
            if missing.any() and not encoding.marks_missing:
                counted = "none of its levels" if isinstance(encoding, CategoryEncoding) else "the mean"
                found.append(_remark(encoding.name, missing, "has", "no value, as no row of training had", counted))
        return found

    @property
    def still(self) -> list[str]:
        """Columns with one value in all training rows, of which nothing can be learned; they are 0."""
        return [encoding.name for encoding in self.encodings if not encoding.varies]

    @property
    def used(self) -> list[str]:
        """Names of the table's columns that the network sees."""
        return [encoding.name for encoding in self.encodings]

    def _read(self, series: pd.Series) -> pd.Series:
        """Read a column as it was read in training."""
        plain = plain_column(series)
        notation = self.notations.get(str(series.name))
        return plain if notation is None else notation.read(plain, self.missing)

    @property
    def feature_names(self) -> list[str]:
        """Names of the d columns of x."""
        return [name for encoding in self.encodings for name in encoding.feature_names]

    @property
    def numeric_columns(self) -> list[tuple[int, int]]:
        """Columns of x that hold numbers or parts of moments, but no truths and nothing that has one value."""
        found, place = [], 0
        for encoding in self.encodings:
            width = len(encoding.feature_names)
            if isinstance(encoding, DatetimeEncoding):
                values = len(encoding.parts)
            else:
                values = int(isinstance(encoding, NumberEncoding) and not (encoding.boolean or encoding.constant))
            mark = place + width - 1 if values and encoding.marks_missing else -1
            found += [(place + value, mark) for value in range(values)]
            place += width
        return found

    @property
    def embedding_names(self) -> list[str]:
        """Names of the c columns of codes."""
        return [encoding.name for encoding in self._embedded]

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each embedding: the levels of the training rows, and code 0."""
        return [len(encoding.levels) + 1 for encoding in self._embedded]

    @property
    def _embedded(self) -> list[CategoryEncoding]:
        return [one for one in self.encodings if isinstance(one, CategoryEncoding) and one.embedded]

    def _check_columns(self, names: Mapping[str, Any]) -> None:
        """Refuse a table that lacks columns, and offer those it has and training had not."""
        missing = [one.name for one in self.encodings if one.name not in names]
        if missing:
            word = "columns" if len(missing) > 1 else "column"
            unknown = [name for name in names if name not in self.inputs]
            offer = nearest(missing[0], unknown) or f" (columns: {listed(names)})"
            raise DataError(f"the table has no {word} {listed(map(repr, missing))}{offer}")

    def _named(self, array: npt.NDArray[Any]) -> pd.DataFrame:
        if array.ndim != 2 or array.shape[1] != len(self.inputs):
            raise DataError(f"an array of shape (n, {len(self.inputs)}) is expected, but its shape is {array.shape}")
        return pd.DataFrame(array, columns=pd.Index(self.inputs))


def _remark(name: str, rows: npt.NDArray[np.bool_], verb: str, what: str, counted: str) -> str:
    many = int(rows.sum()) > 1
    verb = {"holds": "hold", "has": "have"}[verb] if many else verb
    return (
        f"Column {name!r}: {rows.sum()} of {len(rows)} rows {verb} {what}; {'they are' if many else 'it is'} {counted}."
    )


def array_frame(array: npt.NDArray[Any]) -> pd.DataFrame:
    """A table of the columns x0, x1, … of an array, shape (n, d)."""
    return pd.DataFrame(array, columns=pd.Index([f"x{place}" for place in range(array.shape[1])]))


def _fit(series: pd.Series, kind: str) -> Encoding:
    if kind == "category":
        return CategoryEncoding.fit(series)
    if kind == "datetime":
        return DatetimeEncoding.fit(series)
    return NumberEncoding.fit(series, boolean=kind == "boolean")
