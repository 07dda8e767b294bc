from __future__ import annotations

import datetime

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.data.notation import DatetimeNotation, Doubt, Hints, find_datetime, notation_of
from ikura.data.type_inference import find_notation
from ikura.errors import DataError

FIRST = "2024-12-25 17:30"
WRITTEN = {
    "ISO": ["2024-12-25T17:30", "2024-01-02"],
    "ISO with blanks": ["2024-12-25 17:30:00", "2024-1-2 3:04"],
    "slashes, year first": ["2024/12/25 17:30", "2024/01/02"],
    "day first": ["25/12/2024 17:30", "02/01/2024"],
    "month first": ["12/25/2024 5:30 PM", "01/02/2024"],
    "month first, short years": ["12/25/24 17:30", "1/2/24"],
    "dots": ["25.12.2024 17:30", "2.1.2024"],
    "short years first": ["24-12-25 17:30", "99-01-02"],
    "names": ["25-Dec-2024 17:30", "02-Jan-2024"],
    "names first": ["December 25, 2024 5:30 pm", "Jan 2nd, 2024"],
    "weekdays": ["Wed, 25 Dec 2024 17:30:00", "Tue, 2 Jan 2024"],
}


def cells(values: list[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize("name", WRITTEN)
def test_dates_as_people_write_them(name: str) -> None:
    found = find_datetime(cells(WRITTEN[name]), Hints())
    assert isinstance(found, DatetimeNotation)
    when = found.read(pd.Series([*WRITTEN[name], None]))
    assert when.iloc[0] == pd.Timestamp(FIRST)
    assert (when.iloc[1].month, when.iloc[1].day) == (1, 2)
    assert when.isna().tolist() == [False, False, True]
    assert notation_of(found.to_dict()) == found


@pytest.mark.parametrize("texts", [["02/03/2024"], ["1/2/24", "3/4/24"], ["02-03-2024 12:00", "12-12-2024"]])
def test_a_day_that_may_be_a_month_is_a_doubt(texts: list[str]) -> None:
    doubt = find_datetime(cells(texts), Hints())
    assert isinstance(doubt, Doubt)
    assert "--dates dayfirst" in doubt.reason
    days = {
        order: find_datetime(cells(texts), Hints(dates=order)).read(pd.Series(texts)).iloc[0]  # type: ignore[union-attr]
        for order in ("dayfirst", "monthfirst")
    }
    assert (days["dayfirst"].day, days["dayfirst"].month) == (days["monthfirst"].month, days["monthfirst"].day)


@pytest.mark.parametrize(
    "texts",
    [["13/13/2024"], ["25/12/2024", "12/25/2024"], ["2023-02-29"], ["24:00"], ["1.10", "1.9"], ["2024"], ["1234-05"]],
)
def test_what_is_no_date(texts: list[str]) -> None:
    assert find_datetime(cells(texts), Hints()) is None


def test_times_of_the_day() -> None:
    found = find_datetime(cells(["17:45", "9:05:30", "12:00 am"]), Hints())
    assert isinstance(found, DatetimeNotation)
    when = found.read(pd.Series(["17:45", "9:05:30", "12:00 am"]))
    assert when.dt.strftime("%H:%M:%S").tolist() == ["17:45:00", "09:05:30", "00:00:00"]
    pd.testing.assert_series_equal(found.read(when), when)


@pytest.mark.parametrize(
    ("zone", "value"),
    [
        (False, pd.Series([pd.Timestamp("2024-01-01", tz="America/Los_Angeles")], name="t")),
        (False, pd.Series(["2024-01-01T00:00:00Z"], name="t")),
        (True, pd.Series([pd.Timestamp("2024-01-01")], name="t")),
        (True, pd.Series(["2024-01-01T00:00:00"], name="t")),
    ],
)
def test_a_zone_where_training_had_none_is_refused_and_the_other_way_round(zone: bool, value: pd.Series) -> None:
    with pytest.raises(DataError, match=r"row 1, column 't': .* time zone where others have"):
        DatetimeNotation("year", zone).read(value)


@given(
    st.lists(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2068, 12, 31)), min_size=1, max_size=20),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m-%d-%Y %I:%M:%S %p", "%d %B %Y, %H:%M:%S"]),
)
def test_what_is_written_is_read(moments: list[datetime.datetime], form: str) -> None:
    moments = [one.replace(microsecond=0) for one in moments]
    texts = [one.strftime(form) for one in moments]
    dates = "monthfirst" if form.startswith("%m") else "dayfirst"
    found = find_datetime(cells(texts).unique(), Hints(dates=dates))
    assert isinstance(found, DatetimeNotation)
    assert found.read(pd.Series(texts)).tolist() == [pd.Timestamp(one) for one in moments]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["20240229", "19991231"], ["2024-02-29", "1999-12-31"]),
        (["20240229T123005", "20240301T000000"], ["2024-02-29 12:30:05", "2024-03-01"]),
        (["Feb 2024", "December 1999"], ["2024-02-01", "1999-12-01"]),
        (["02/2024", "12/1999"], ["2024-02-01", "1999-12-01"]),
        (["2024Q1", "1999-Q4", "Q2 2000"], ["2024-01-01", "1999-10-01", "2000-04-01"]),
        (["Thu Feb  2 12:30:05 2024", "Fri Dec 31 00:00:00 1999"], ["2024-02-02 12:30:05", "1999-12-31"]),
    ],
)
def test_dates_of_digits_months_and_quarters(texts: list[str], expected: list[str]) -> None:
    found = find_datetime(cells(texts), Hints())
    assert isinstance(found, DatetimeNotation)
    assert found.read(pd.Series(texts)).tolist() == [pd.Timestamp(one) for one in expected]
    assert notation_of(found.to_dict()) == found


@pytest.mark.parametrize("texts", [["20240230", "20240101"], ["13/2024"], ["2024Q5"], ["Jam 2024"], ["30000101"]])
def test_what_is_no_date_of_digits_month_or_quarter(texts: list[str]) -> None:
    assert find_datetime(cells(texts), Hints()) is None


@pytest.mark.parametrize("kind", ["text", "whole numbers", "numbers with a missing one"])
def test_dates_of_digits_are_the_same_from_file_and_frame(kind: str) -> None:
    numbers = [20240229, 20231231, 20240101]
    values = pd.Series({"text": [*map(str, numbers)], "whole numbers": numbers}.get(kind, [*numbers, None]))
    found = find_notation(values, Hints()).notation
    assert found == DatetimeNotation("compact")
    assert found.read(values).dt.day.tolist()[:3] == [29, 31, 1]
    assert found.read(pd.Series([20240301])).tolist() == found.read(pd.Series(["20240301"])).tolist()
    with pytest.raises(DataError, match=r"row 1, column 'd': '20240231' is not a date; the form 20240229"):
        found.read(pd.Series([20240231], name="d"))


@pytest.mark.parametrize("numbers", [[20240229, 20240230], [20240101], [20240101, 5], [1.5, 20240101]])
def test_numbers_that_are_not_all_dates_stay_numbers(numbers: list[float]) -> None:
    assert not isinstance(find_notation(pd.Series(numbers), Hints()).notation, DatetimeNotation)
