"""Types of a table: the same values from any notation, from file and frame, and again when predicting."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.data import Hints, prepare
from ikura.data.column_schema import Schema, read_schema
from ikura.data.encoder import TableEncoder
from ikura.data.encoder.make import read_encoder
from ikura.data.options import DataOptions
from ikura.data.read import open_table
from ikura.data.summary import Summary
from ikura.errors import DataError

Rows = list[tuple[float | None, datetime.datetime | None, str | None, bool | None]]


def grouped(value: float, decimal: str, thousands: str) -> str:
    return f"{value:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)


NUMBERS: dict[str, Callable[[float], str]] = {
    "plain": lambda v: f"{v:.2f}",
    "exponent": lambda v: f"{v:.15e}",
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "thousands": lambda v: grouped(v, ".", ","),
    "points between thousands": lambda v: grouped(v, ",", "."),
    "blanks between thousands": lambda v: grouped(v, ",", "\u202f"),
    "apostrophes": lambda v: grouped(v, ".", "'"),
    "dollars": lambda v: f"{'-' if v < 0 else ''}${grouped(abs(v), '.', ',')}",
    "euros": lambda v: f"{grouped(v, ',', '.')} €",
    "code of a currency": lambda v: f"CHF {grouped(v, '.', chr(39))}",
    "per cent": lambda v: f"{v:.2f}%",
    "unit": lambda v: f"{v:.2f} kg",
    "minus behind": lambda v: f"{abs(v):.2f}{'-' if v < 0 else ''}",
    "typographic minus": lambda v: f"{v:.2f}".replace("-", "−"),
    "signs": lambda v: f"{v:+.2f}",
    "brackets": lambda v: f"({abs(v):.2f})" if v < 0 else f"{v:.2f}",
}
MOMENTS = {
    "ISO": "%Y-%m-%dT%H:%M:%S",
    "blank": "%Y-%m-%d %H:%M:%S",
    "slashes": "%Y/%m/%d %H:%M",
    "day first": "%d/%m/%Y %H:%M",
    "month first": "%m/%d/%Y %I:%M %p",
    "dots": "%d.%m.%Y %H:%M",
    "names": "%d-%b-%Y %H:%M",
    "names first": "%B %d, %Y %H:%M",
}
TRUTHS = {"words": ("True", "False"), "small": ("true", "false"), "large": ("TRUE", "FALSE")}
MISSING = ("", "NA", "n/a", "-", "NULL", "#N/A")
SIGNED = ("brackets",)
FIXED: Rows = [
    (-1234567.25, datetime.datetime(2024, 12, 25, 17, 30), "north", True),
    (0.5, datetime.datetime(2023, 1, 31, 8, 5), "south", False),
    (987.0, datetime.datetime(2024, 2, 29, 0, 0), "007", None),
    (12345.75, datetime.datetime(2020, 6, 13, 12, 0), None, True),
]
"""Rows that leave no notation open: a day above 12, thousands, fractions, a negative number."""

ROW = st.tuples(
    st.integers(-(10**9), 10**9).map(lambda whole: whole / 100) | st.none(),
    st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(2060, 1, 1)).map(
        lambda when: when.replace(second=0, microsecond=0)
    )
    | st.none(),
    st.sampled_from(["north", "south", "007", "east 2"]) | st.none(),
    st.booleans() | st.none(),
)


def written(rows: Rows, number: str, moment: str, truth: str, missing: str, delimiter: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["number", "moment", "word", "truth"])
    for value, when, word, holds in rows:
        writer.writerow(
            [
                missing if value is None else NUMBERS[number](value),
                missing if when is None else when.strftime(MOMENTS[moment]),
                missing if word is None else word,
                missing if holds is None else TRUTHS[truth][not holds],
            ]
        )
    return out.getvalue()


def framed(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["number", "moment", "word", "truth"])
    frame["number"] = frame["number"].astype(float)
    frame["moment"] = pd.to_datetime(frame["moment"])
    return frame


def assert_same(read: Schema, expected: Schema) -> None:
    assert [column.kind for column in read.columns] == [column.kind for column in expected.columns]
    for name in expected.frame.columns:
        assert read.frame[name].isna().tolist() == expected.frame[name].isna().tolist()
        assert read.frame[name].dropna().tolist() == expected.frame[name].dropna().tolist(), name


NOTATIONS = {
    "number": st.sampled_from(sorted(NUMBERS)),
    "moment": st.sampled_from(sorted(MOMENTS)),
    "truth": st.sampled_from(sorted(TRUTHS)),
    "missing": st.sampled_from(MISSING),
    "delimiter": st.sampled_from([",", ";", "\t", "|"]),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "table.csv"


@settings(deadline=None)
@given(rows=st.lists(ROW, max_size=12), notation=st.fixed_dictionaries(NOTATIONS))
def test_a_table_is_the_same_in_any_notation_and_as_a_frame(path: Path, rows: Rows, notation: dict[str, str]) -> None:
    rows = FIXED + rows
    path.write_text(written(rows, **notation), encoding="utf-8")
    expected = read_schema(framed(rows))
    assert_same(read_schema(open_table(path)), expected)


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(ROW, max_size=8), new=st.lists(ROW, min_size=1, max_size=6), notation=st.fixed_dictionaries(NOTATIONS)
)
def test_new_rows_are_read_by_the_notation_of_training_from_file_and_frame(
    path: Path, rows: Rows, new: Rows, notation: dict[str, str]
) -> None:
    rows = FIXED + rows
    path.write_text(written(rows, **notation), encoding="utf-8")
    fitted = TableEncoder.fit_schema(read_schema(open_table(path)))
    encoder = read_encoder(json.loads(json.dumps(fitted.to_dict())))
    path.write_text(written(new, **notation), encoding="utf-8")
    frame = framed(new)
    if frame["word"].notna().any():
        frame["word"] = frame["word"].astype("str")
    for one, two in zip(encoder.transform(open_table(path)), encoder.transform(frame), strict=True):
        np.testing.assert_array_equal(one, two)


TABLE = pd.DataFrame({"b": np.random.default_rng(0).normal(size=60), "k": ["p", "q"] * 30})


def summary(tmp_path: Path, values: Any, **reading: Any) -> Summary:
    table = TABLE.assign(c=values)
    table.to_csv(tmp_path / "table.csv", index=False)
    return prepare(tmp_path / "table.csv", DataOptions("k", **reading)).summary


def kind(found: Summary) -> str:
    return next(column.kind for column in found.columns if column.name == "c")


def note(found: Summary, *words: str) -> bool:
    return any(all(word in one for word in words) for one in found.notes)


@pytest.mark.parametrize("codes", [["007", "010"], ["0001", "12345"], ["00", "01"], ["+012", "+345"]])
def test_codes_keep_their_zeros_and_it_is_said(tmp_path: Path, codes: list[str]) -> None:
    found = summary(tmp_path, codes * 30)
    assert kind(found) == "category"
    assert note(found, "'c'", "leading zeros", "--kind c=numeric")
    assert kind(summary(tmp_path, codes * 30, kinds={"c": "numeric"})) == "numeric"


def test_codes_of_their_own_in_each_row_are_left_out_and_the_note_says_how_to_keep_them(tmp_path: Path) -> None:
    found = summary(tmp_path, [f"{place:05d}" for place in range(60)])
    assert kind(found) == "identifier"
    assert note(found, "'c' is left out", "leading zeros", "--kind c=numeric")


@pytest.mark.parametrize("first", [2**53 + 1, 2**63 + 5, -(2**60) - 1, 10**30 + 7])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("framed", [False, True])
def test_large_whole_numbers_keep_all_digits(tmp_path: Path, first: int, gaps: bool, framed: bool) -> None:
    values: list[Any] = [first + 2 * (place % 5) for place in range(60)]
    if gaps:
        values[7] = None
    if framed:
        data = TABLE.assign(c=pd.Series(values, dtype=object))
        dataset = prepare(data, DataOptions("k"))
    else:
        TABLE.assign(c=["" if one is None else str(one) for one in values]).to_csv(tmp_path / "t.csv", index=False)
        dataset = prepare(tmp_path / "t.csv", DataOptions("k"))
    assert kind(dataset.summary) == "category"
    assert note(dataset.summary, "'c'", "beyond 2^53")
    levels = {name.removeprefix("c=") for name in dataset.encoder.feature_names if name.startswith("c=")}
    assert levels == {str(first + 2 * place) for place in range(5)}


def test_a_reading_is_settled_by_the_other_columns_or_by_the_caller(tmp_path: Path) -> None:
    texts = ["1,234", "5,678"] * 30
    german = TABLE.assign(c=texts, d=[f"{place / 4:.2f}".replace(".", ",") for place in range(60)])
    english = TABLE.assign(c=texts, d=[f"{place / 4:.2f}" for place in range(60)])
    for table, value in ((german, 1.234), (english, 1234.0)):
        assert read_schema(table[["c", "d"]]).frame["c"].iloc[0] == value
    with pytest.raises(
        DataError, match=r"row 1, column 'c': '1,234' can be 1\.234 \(--decimal ,\) or 1234 \(--decimal \.\)"
    ):
        read_schema(TABLE.assign(c=texts)[["c"]])
    assert read_schema(TABLE.assign(c=texts)[["c"]], hints=Hints(decimal=",")).frame["c"].iloc[0] == 1.234
    points = pd.DataFrame({"c": ["1.234", "5.678"] * 30, "d": german["d"]})
    assert read_schema(points).frame["c"].iloc[0] == 1234.0
    assert read_schema(points[["c"]]).frame["c"].iloc[0] == 1.234


def test_points_that_must_be_between_thousands_are_asked_about() -> None:
    texts = ["987", *[f"{place}.{place:03d}" for place in range(1, 60)]]
    with pytest.raises(DataError, match=r"row 2, column 'c': '1\.001' can be"):
        read_schema(pd.DataFrame({"c": texts}))
    assert read_schema(pd.DataFrame({"c": texts}), hints=Hints(decimal=".")).frame["c"].iloc[1] == 1.001


def test_dates_that_may_be_either_are_asked_about(tmp_path: Path) -> None:
    days = [f"{1 + place % 12:02d}/{1 + place % 7:02d}/2024" for place in range(60)]
    with pytest.raises(DataError, match=r"row 1, column 'c': '01/01/2024' has a form .* --dates dayfirst"):
        summary(tmp_path, days)
    found = summary(tmp_path, days, dates="monthfirst")
    assert kind(found) == "datetime"
    assert note(found, "'c'", "month first")
    assert kind(summary(tmp_path, days, kinds={"c": "category"})) == "category"


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        ([*[f"{place / 7:.3f}" for place in range(59)], "oops"], "row 60 holds 'oops'"),
        ([*[f"{place / 7:.3f} kg" for place in range(59)], "12 lb"], "row 60 holds '12 lb'"),
        ([*[f"{place / 7:.2f}".replace(".", ",") for place in range(59)], "1.5"], "row 60 holds '1.5'"),
        (["TBD", *[f"2024-02-{1 + place % 28:02d}" for place in range(59)]], "row 1 holds 'TBD'"),
        (["31/02/2024", *[f"{1 + place % 28:02d}/01/2024" for place in range(59)]], "row 1 holds '31/02/2024'"),
        (["late", *[f"{place % 24:02d}:{place:02d}" for place in range(59)]], "row 1 holds 'late'"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_row(tmp_path: Path, values: list[str], odd: str) -> None:
    found = summary(tmp_path, values)
    assert kind(found) == "text"
    assert note(found, "'c' is left out", odd, "--missing")
    word = odd.split("'")[1]
    assert kind(summary(tmp_path, values, missing=[word])) in ("numeric", "datetime")


def test_a_rare_word_among_few_numbers_is_said(tmp_path: Path) -> None:
    found = summary(tmp_path, [*["1", "2", "3"] * 19, "1", "2", "x"])
    assert kind(found) == "category"
    assert note(found, "'c' is a category and not numbers, because row 60 holds 'x'")


def test_words_for_missing_values_are_said_and_can_be_set(tmp_path: Path) -> None:
    values = ["-999", "n/a", *[str(place / 3) for place in range(58)]]
    found = summary(tmp_path, values)
    assert note(found, "'n/a' stands for a missing value in 'c' (1 row)")
    column = next(one for one in found.columns if one.name == "c")
    assert (column.kind, column.missing) == ("numeric", 1)
    found = summary(tmp_path, values, missing=["-999", "n/a"])
    assert next(one for one in found.columns if one.name == "c").missing == 2
    levels = ["NA", "EU", "AS"] * 20
    assert next(one for one in summary(tmp_path, levels).columns if one.name == "c").distinct == 2
    assert next(one for one in summary(tmp_path, levels, missing=[]).columns if one.name == "c").distinct == 3


def test_a_sentinel_counts_as_missing_in_a_frame_too() -> None:
    table = TABLE.assign(c=[-999.0, *np.linspace(0, 1, 59)])
    column = prepare(table, DataOptions("k", missing=["-999"])).summary.columns[1]
    assert (column.name, column.missing) == ("c", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decimal": ";"}, "decimal must be"),
        ({"dates": "dayfrist"}, "did you mean 'dayfirst'"),
        ({"missing": "NA"}, "missing is a list of words"),
        ({"missing": [["NA"]]}, "missing is a list of words, but holds"),
    ],
)
def test_wrong_hints(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(TABLE, DataOptions("k", **arguments))
