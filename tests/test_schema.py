"""Schemas: the message names the field, what it holds and what it should hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from ikura.errors import RunError
from ikura.schema import Count, Finite, Name, Scalar, checked, differences, parsed, read_file, sealed, unsealed


class FirstRecord(TypedDict):
    kind: Literal["first"]
    rows: Count


class SecondRecord(TypedDict):
    kind: Literal["second"]
    parts: list[Finite]


FAULTS: dict[str, tuple[Any, Any, str]] = {
    "too small": (FirstRecord, {"kind": "first", "rows": 0}, "rows should be greater than or equal to 1, but is 0"),
    "another type": (FirstRecord, {"kind": "first", "rows": "3"}, "rows should be a whole number, but is '3'"),
    "missing": (FirstRecord, {"kind": "first"}, "rows is missing"),
    "unknown": (FirstRecord, {"kind": "first", "rows": 1, "row": 2}, "row is not a field"),
    "not finite": (SecondRecord, {"kind": "second", "parts": [1, float("nan")]}, "parts[1] should be a finite number"),
    "one of two forms": (FirstRecord | SecondRecord, {"kind": "second", "parts": [[]]}, "parts[0] should be a number"),
    "no scalar": (dict[Name, Scalar], {"l2": None}, "l2 should be true or false or a whole number or a number or text"),
    "huge": (Count, 10**30, "should be less than or equal to"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str) -> None:
    kind, value, words = FAULTS[fault]
    with pytest.raises(RunError) as caught:
        checked(kind, value, "run/a.json")
    assert str(caught.value).startswith("run/a.json")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": nan', "\x00"])
def test_what_is_no_json_is_one_line(text: str) -> None:
    with pytest.raises(RunError, match=r"^a: not JSON"):
        parsed(dict[str, Any], text, "a")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_value_is_taken_whole_or_refused_in_one_line(value: Any) -> None:
    said = ""
    try:
        assert checked(FirstRecord | SecondRecord, value, "place") == value
    except RunError as error:
        said = str(error)
    assert said == "" or said.startswith("place")
    assert "\n" not in said


@given(st.dictionaries(st.text(), json_values))
def test_values_are_read_as_they_were_written(value: dict[str, Any]) -> None:
    assert parsed(dict[str, Any], json.dumps(value), "place") == value


full = st.dictionaries(st.text(min_size=1), json_values.filter(lambda value: "None" not in repr(value)))


@given(full, full)
def test_differences_are_none_exactly_where_forms_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert differences(one, one) == {}
    if one != other:
        assert differences(one, other)


def test_a_seal_tells_every_change(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(sealed({"trial": 3, "share": 0.1}))
    whole = path.read_text()
    assert unsealed(path, "again") == {"trial": 3, "share": 0.1}
    for changed in (whole.replace("3", "4"), whole.replace("0.1", "0.2"), whole[:-1], "", "[]", "3"):
        path.write_text(changed)
        with pytest.raises(RunError, match=r"a\.json: .*again"):
            unsealed(path, "again")
    assert unsealed(tmp_path / "none.json", "again") is None


def test_only_ordinary_files_of_a_bounded_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "none"):
        with pytest.raises(RunError):
            read_file(tmp_path / name)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RunError, match="1,099,511,627,776 bytes"):
        read_file(large)
