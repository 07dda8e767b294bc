"""Numbers that may be codes, and numbers or dates that are written in several ways."""

from __future__ import annotations

import pandas as pd
import pytest

from ikura.data.column_schema import read_schema
from ikura.data.notation import Hints, LabelNotation
from ikura.data.target_values import read_target
from ikura.data.type_inference import CODES, LARGE, PLUS, find_notation
from ikura.errors import DataError


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["9,007,199,254,740,993", "9,007,199,254,740,994"], LARGE),
        (["9007199254740993.0", "9007199254740994.0"], LARGE),
        (["kg 1", "9007199254740993"], ""),
        (["00501.0", "02134.0"], CODES),
        (["+491701234567", "+15551234567"], PLUS),
        (["+5", "-3"], ""),
    ],
)
def test_numbers_that_are_names_or_codes(texts: list[str], why: str) -> None:
    found = find_notation(pd.Series(texts), Hints())
    assert found.why == why
    assert isinstance(found.notation, LabelNotation) == (why != "" or "kg 1" in texts)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["1E5", "2E3"], "the E of 1E5 is taken for a power of ten, 100000"),
        (["1.5e5", "2e-3"], ""),
        (["01.50", "12.75"], "leading zeros taken off (01.50)"),
        (["0.50", "12.75"], ""),
    ],
)
def test_what_is_taken_off_plain_numbers_is_said(texts: list[str], said: str) -> None:
    notes = read_schema(pd.DataFrame({"v": texts})).notes
    assert (said in notes[0] and "--kind v=category" in notes[0]) if said else not notes


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (["1.5 kg", "800 g", "2 kg"], "looks numeric"),
        (["$3", "€4", "$5"], "looks numeric"),
        (["45%", "0.5", "30%"], "looks numeric"),
        (["25/12/2024", "12/25/2024", "01/13/2024"], "looks like dates"),
    ],
)
def test_values_that_are_written_in_several_ways_are_named(texts: list[str], what: str) -> None:
    schema = read_schema(pd.DataFrame({"v": texts * 5}))
    assert schema.columns[0].kind == "category"
    assert (
        f"it {what}, but its values are written in more than one way (row 1: {texts[0]!r}, row 2: {texts[1]!r})"
        in (schema.notes[0])
    )


@pytest.mark.parametrize("texts", [["10L", "A12", "7"], ["north", "south", "west"], ["3-4", "5-6", "1 kg"]])
def test_words_and_codes_are_no_mixture(texts: list[str]) -> None:
    assert not read_schema(pd.DataFrame({"v": texts * 5})).notes


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("task", ["auto", "regression"])
def test_dates_are_no_target(task: str, framed: bool) -> None:
    days = pd.Series(pd.date_range("2024-01-25", periods=30), name="day")
    with pytest.raises(DataError, match=r"the target 'day' holds dates or times \(2024-01-25.*days or seconds since"):
        read_target(days if framed else days.dt.strftime("%Y-%m-%d"), task)
    classes = read_target(days if framed else days.dt.strftime("%Y-%m-%d"), "multiclass")
    assert classes.values.nunique() == 30


def test_few_dates_are_classes_and_said() -> None:
    outcome = read_target(pd.Series(["2024-01-25", "2024-02-25"] * 20, name="day"))
    assert "2024-01-25" in outcome.notes[0]
    assert "which are classes" in outcome.notes[0]


def test_classes_that_differ_in_capitals_are_said() -> None:
    outcome = read_target(pd.Series(["Yes", "yes", "no"] * 9, name="y"))
    assert outcome.notes == ["Classes 'Yes' and 'yes' of the target 'y' differ in capitals only; they are two."]
