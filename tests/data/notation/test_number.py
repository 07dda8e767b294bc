from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.data.notation import Doubt, Hints, NumberNotation, find_number, notation_of
from ikura.errors import DataError

WRITTEN = {
    "thousands": (["1,234.50", "12", "-7,654,321"], [1234.5, 12, -7654321]),
    "thousands and few digits": (["12,345", "987", "6"], [12345, 987, 6]),
    "points between thousands": (["1.234.567,8", "2"], [1234567.8, 2]),
    "blanks between thousands": (["1 234,5", "12 345"], [1234.5, 12345]),
    "narrow blanks between thousands": (["1\u202f234", "3"], [1234, 3]),
    "apostrophes": (["1’234", "12'345.5"], [1234, 12345.5]),
    "lakhs": (["1,23,456", "1,234"], [123456, 1234]),
    "decimal commas": (["1,5", "-0,125", "3"], [1.5, -0.125, 3]),
    "three decimals below one": (["0,125", "1,250"], [0.125, 1.25]),
    "currency before": (["$1,234", "$80"], [1234, 80]),
    "currency and sign": (["-$3.50", "$4", "$-1"], [-3.5, 4, -1]),
    "dollars alone": (["$1,234", "$5,678"], [1234, 5678]),
    "currency of another country": (["R$ 12,50", "R$ 3,00"], [12.5, 3]),
    "code of a currency": (["EUR 12.50", "EUR 3"], [12.5, 3]),
    "currency after": (["12,50 €", "3 €"], [12.5, 3]),
    "per cent": (["45%", "3.5 %"], [45, 3.5]),
    "unit": (["12.5 kg", "3 kg"], [12.5, 3]),
    "unit without a blank": (["70°C", "-3°C"], [70, -3]),
    "unit with an s": (["3 days", "1 day"], [3, 1]),
    "speed": (["55 km/h", "60 km/h"], [55, 60]),
    "brackets": (["(12.50)", "3.1", "(4)"], [-12.5, 3.1, -4]),
    "brackets with a currency": (["($1,200.50)", "$4"], [-1200.5, 4]),
    "brackets everywhere": (["(12)", "(-3)"], [-12, 3]),
    "minus behind": (["12-", "3"], [-12, 3]),
    "typographic minus": (["−3.5", "2"], [-3.5, 2]),
    "exponents": (["1,5e3", "2E-1"], [1500, 0.2]),
}


def cells(values: list[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_as_people_write_them(name: str) -> None:
    texts, expected = WRITTEN[name]
    found = find_number(cells(texts), Hints())
    assert isinstance(found, NumberNotation)
    assert found.read(pd.Series(texts)).tolist() == expected
    assert notation_of(found.to_dict()) == found


@pytest.mark.parametrize(
    "texts",
    [
        ["A10", "A11"],
        ["1A", "2A"],
        ["3 Series", "5 Series"],
        ["12 kg", "800 g"],
        ["1.5", "2,5"],
        ["45%", "0.5"],
        ["$3", "€4"],
        ["12 Main Street", "14 Main Street"],
        ["1.2.3", "1.2.4"],
        ["192.168.0.1", "192.168.0.2"],
        ["1-2", "3-4"],
        ["(3", "4)"],
        ["(3)", "(-4)", "5"],
    ],
)
def test_what_is_no_number(texts: list[str]) -> None:
    assert find_number(cells(texts), Hints()) is None


@pytest.mark.parametrize("texts", [["1,234", "5,678"], ["€1.234", "€5.678"], ["1,234%", "2,500%"]])
def test_two_readings_are_a_doubt_that_the_hint_ends(texts: list[str]) -> None:
    doubt = find_number(cells(texts), Hints())
    assert isinstance(doubt, Doubt)
    assert "--decimal ," in doubt.reason
    assert "--decimal ." in doubt.reason
    read = {
        mark: find_number(cells(texts), Hints(decimal=mark)).read(pd.Series(texts)).iloc[0]  # type: ignore[union-attr]
        for mark in (".", ",")
    }
    assert sorted(read.values())[1] == 1000 * sorted(read.values())[0]


@pytest.mark.parametrize(("value", "shown"), [("12.5", "'12.5'"), ("1.234.5", "'1.234.5'"), ("x", "'x'")])
def test_a_value_of_another_notation_is_named(value: str, shown: str) -> None:
    with pytest.raises(DataError, match=rf"row 2, column 'v': {shown} is not a number written like 1\.234,5"):
        NumberNotation(",", ".").read(pd.Series(["1.234,5", value], name="v"))


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (".", ""), (",", "")]),
    st.sampled_from([("", ""), ("$", ""), ("", "%"), ("", "kg"), ("EUR", ""), ("", "€")]),
    st.sampled_from(["", "negative"]),
)
def test_what_is_written_is_read(
    hundredths: list[int], marks: tuple[str, str], around: tuple[str, str], brackets: str
) -> None:
    decimal, thousands = marks
    before, after = around
    values = [whole / 100 for whole in hundredths]

    def write(value: float) -> str:
        digits = f"{abs(value):,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)
        text = f"{before}{digits}{' ' if len(after) > 1 else ''}{after}"
        return (f"({text})" if brackets else f"-{text}") if value < 0 else text

    texts = [write(value) for value in values]
    found = find_number(cells(texts).unique(), Hints())
    assert isinstance(found, NumberNotation)
    if brackets and all(value < 0 for value in values):
        assert found.brackets == "all"
    np.testing.assert_array_equal(found.read(pd.Series(texts)).to_numpy(), values)
