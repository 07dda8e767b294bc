"""Frames of any kind: converted, kept, or refused by column."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ikura.data import prepare
from ikura.data.frame import plain_frame
from ikura.data.options import DataOptions
from ikura.errors import DataError
from ikura.study.record.data_record import DataRecord, reopen

N = 60
PLACES = np.arange(N)
DAYS = [datetime.date(2024, 1 + place % 12, 1 + place % 28) for place in range(N)]
WORDS = np.array(["red", "green", "blue"])[PLACES % 3]


def arrow(values: Any, kind: pa.DataType) -> pd.Series:
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


COLUMNS: dict[str, tuple[Any, str]] = {
    "sparse": (pd.arrays.SparseArray(PLACES % 4 * 1.5), "numeric"),
    "sparse truths": (pd.arrays.SparseArray(PLACES % 2 == 0), "boolean"),
    "cut": (pd.cut(PLACES * 1.0, 4), "category"),
    "intervals": (pd.arrays.IntervalArray.from_breaks(list(range(N + 1)))[PLACES % 4], "category"),
    "periods": (pd.PeriodIndex([f"2024-{1 + place % 12:02d}" for place in range(N)], freq="M"), "datetime"),
    "decimals": ([Decimal(place) / 7 for place in range(N)], "numeric"),
    "fractions": ([Fraction(place, 7) for place in range(N)], "text"),
    "dates": (DAYS, "datetime"),
    "times": ([datetime.time(place % 24, place) for place in range(N)], "datetime"),
    "moments of two zones": (
        [
            pd.Timestamp("2024-01-01", tz="UTC" if place % 2 else "Asia/Tokyo") + pd.Timedelta(place, "D")
            for place in PLACES
        ],
        "datetime",
    ),
    "durations": ([datetime.timedelta(hours=int(place) % 9) for place in range(N)], "numeric"),
    "whole numbers and text": ([int(place) if place % 2 else str(place) for place in PLACES % 7], "numeric"),
    "words and numbers": ([int(place) if place % 2 else f"w{place}" for place in PLACES % 8], "category"),
    "categories of days": (pd.Categorical(pd.to_datetime(DAYS)), "category"),
    "categories of whole numbers": (pd.Categorical(PLACES % 5), "category"),
    "categories of truths": (pd.Categorical(PLACES % 2 == 0), "category"),
    "nullable whole numbers": (pd.array([None, *(PLACES[1:] ** 2 % 11)], dtype="Int64"), "numeric"),
    "nullable truths": (pd.array([None, *(PLACES[1:] % 2 == 0)], dtype="boolean"), "boolean"),
    "halves": ((PLACES / 7).astype(np.float16), "numeric"),
    "long floats": ((PLACES / 7).astype(np.longdouble), "numeric"),
    "other byte order": ((PLACES / 7).astype(">f8"), "numeric"),
    "Arrow's dictionary": (
        pd.Series(pd.Categorical(WORDS)).astype(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        "category",
    ),
    "Arrow's whole numbers": (arrow([None, *(PLACES[1:] ** 2 % 11).tolist()], pa.int32()), "numeric"),
    "Arrow's decimals": (arrow((PLACES * 2).tolist(), pa.decimal128(30, 2)), "numeric"),
    "Arrow's days": (arrow(DAYS, pa.date32()), "datetime"),
    "Arrow's text": (arrow(WORDS.tolist(), pa.string()), "category"),
    "Arrow's truths": (arrow((PLACES % 2 == 0).tolist(), pa.bool_()), "boolean"),
    "Arrow's nothing": (pd.array([None] * N, dtype=pd.ArrowDtype(pa.null())), "missing"),
    "only None": ([None] * N, "missing"),
}


def table(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"b": np.random.default_rng(0).normal(size=N), "k": ["p", "q"] * (N // 2)}).assign(c=values)


def kind(found: Any) -> str:
    return next(column.kind for column in found.summary.columns if column.name == "c")


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_every_kind_are_read_and_kept_as_they_were(name: str, tmp_path: Path) -> None:
    values, expected = COLUMNS[name]
    frame = table(values)
    at_once = prepare(frame, DataOptions("k"))
    assert kind(at_once) == expected
    origin = DataRecord.of(frame, "k")
    origin.keep(tmp_path)
    again = prepare(reopen(origin.record, tmp_path), DataOptions("k"))
    assert again.summary == at_once.summary
    assert again.encoder == at_once.encoder
    for one, two in zip(again.encoder.transform(frame), at_once.encoder.transform(frame), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(again.train.x, at_once.train.x)


UNREADABLE: dict[str, Any] = {
    "complex": PLACES * 1j,
    "complex objects": [complex(place) for place in range(N)],
    "lists": [[place] for place in range(N)],
    "dictionaries": [{"a": place} for place in range(N)],
    "arrays": [np.zeros(2) for _ in range(N)],
    "bytes": [b"x"] * N,
    "Arrow's lists": pd.array([[1]] * N, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "Arrow's structs": pd.array([{"a": 1}] * N, dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())]))),
    "Arrow's bytes": pd.array([b"x"] * N, dtype=pd.ArrowDtype(pa.binary())),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_by_column_and_can_be_left_out(name: str, tmp_path: Path) -> None:
    frame = table(UNREADABLE[name])
    for call in (lambda: prepare(frame, DataOptions("k")), lambda: DataRecord.of(frame, "k")):
        with pytest.raises(DataError, match=r"column 'c' holds .*, which ikura does not read; give .*--kind c=ignore"):
            call()
    origin = DataRecord.of(frame, "k", ignored=["c"])
    for data in (frame, origin.data):
        assert kind(prepare(data, DataOptions("k", kinds={"c": "ignore"}))) == "ignore"


def test_a_moment_without_a_zone_among_others_is_named() -> None:
    values = [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02")]
    with pytest.raises(DataError, match="row 2, column 'c': 2024-01-02 00:00:00 has no time zone where others have"):
        plain_frame(pd.DataFrame({"c": pd.Series(values, dtype=object)}))


def test_the_frame_of_the_caller_is_left_as_it_was() -> None:
    frame = table(COLUMNS["cut"][0])
    copy = frame.copy()
    prepare(frame, DataOptions("k"))
    DataRecord.of(frame, "k")
    pd.testing.assert_frame_equal(frame, copy)
