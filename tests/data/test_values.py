from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from ikura.data.values import booleans, datetimes, label, labels, numbers
from ikura.errors import DataError


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2, None]),
        pd.Series([1, 2, None], dtype="Int64"),
        pd.Series([1, 2, None], dtype="Float32"),
        pd.Series(["1", " 2 ", "?"]),
        pd.Series([1, "2", None], dtype=object),
        pd.Series(["1", "2", None], dtype="category"),
        pd.Series([1, 2, None], dtype="category"),
        pd.Series([Decimal(1), Decimal(2), None], dtype=object),
        pd.Series([1, 2, None], dtype="int64[pyarrow]"),
        pd.Series(["1", "2", "-"], dtype="string[pyarrow]"),
        pd.Series(pd.to_timedelta([1, 2, None], unit="s")),
    ],
)
def test_numbers(series: pd.Series) -> None:
    np.testing.assert_array_equal(numbers(series), [1.0, 2.0, np.nan])


@pytest.mark.parametrize(
    ("reader", "values", "parts"),
    [
        (numbers, [1, "two", "drei"], ["row 2", "'age'", "'two'", "not a number", "1 more"]),
        (numbers, [1.0, 2.0, -np.inf], ["row 3", "'age'", "-inf", "not finite"]),
        (numbers, ["1", "inf"], ["row 2", "'age'", "'inf'", "not finite"]),
        (booleans, [True, "maybe"], ["row 2", "'age'", "'maybe'", "neither true nor false"]),
        (booleans, [0, 1, 2], ["row 3", "'age'", "2", "neither true nor false"]),
        (datetimes, ["2024-02-29", "2023-02-29"], ["row 2", "'age'", "'2023-02-29'", "not a date"]),
        (datetimes, ["2024-02-29", "02/03/2024"], ["row 2", "'age'", "'02/03/2024'", "which is the day"]),
        (datetimes, ["3-2-24"], ["row 1", "'age'", "'3-2-24'", "which is the day"]),
        (datetimes, [20240229], ["row 1", "'age'", "20240229", "not a date"]),
    ],
)
def test_wrong_value_names_row_and_column(reader: object, values: list[object], parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        reader(pd.Series(values, name="age"))  # type: ignore[operator]
    for part in parts:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([True, False, None], dtype=object),
        pd.Series(["yes", "No", ""]),
        pd.Series([1.0, 0.0, np.nan]),
    ],
)
def test_truths(series: pd.Series) -> None:
    np.testing.assert_array_equal(booleans(series), [1.0, 0.0, np.nan])


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["2024-02-29T23:00:00", None]),
        pd.Series([pd.Timestamp("2024-02-29 23:00"), pd.NaT]),
        pd.Series(["2024-03-01T00:00:00+01:00", None]),
        pd.Series([pd.Timestamp("2024-03-01", tz="Europe/Berlin"), pd.NaT]),
        pd.Series([datetime.datetime(2024, 2, 29, 23), None], dtype=object),
        pd.Series(["29 February 2024 23:00", None]),
        pd.Series(["29.2.2024 23:00", None]),
        pd.Series(["2024/02/29 23:00", None]),
        pd.Series([datetime.datetime(2024, 2, 29, 23), None], dtype="timestamp[us][pyarrow]"),
        pd.Series(pd.PeriodIndex(["2024-02-29 23:00", None], freq="h")),
    ],
)
def test_moments(series: pd.Series) -> None:
    when = datetimes(series)
    assert when.iloc[0] == pd.Timestamp("2024-02-29 23:00")
    assert when.isna().tolist() == [False, True]


def test_day_first_is_read_the_same_for_every_day() -> None:
    assert datetimes(pd.Series(["05.12.2020", "31.12.2020"])).dt.strftime("%d %m").tolist() == ["05 12", "31 12"]


def test_labels_agree_across_types() -> None:
    whole, halves, words = pd.Series([7, 8]), pd.Series([7.0, 8.0, np.nan]), pd.Series(["7", " 8", ""])
    assert [labels(series)[1] for series in (whole, halves, words)] == [["7", "8"]] * 3
    assert labels(words)[0].tolist() == labels(halves)[0].tolist() == [0, 1, -1]


def test_labels_of_equal_text_are_one() -> None:
    codes, names = labels(pd.Series(["a", "a ", "b"]))
    assert codes.tolist() == [0, 0, 1]
    assert names == ["a", "b"]


def test_label_of_dates_and_fractions() -> None:
    assert label(datetime.date(2024, 2, 29)) == "2024-02-29T00:00:00"
    assert label(np.float64(0.5)) == "0.5"
