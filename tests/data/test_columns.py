from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ikura.data import describe_columns
from ikura.errors import DataError

N = 60
RANDOM = np.random.default_rng(0)
KINDS = {
    "measured": (RANDOM.normal(size=N), "numeric"),
    "measured with gaps": (np.where(np.arange(N) % 7 == 0, np.nan, np.arange(N)), "numeric"),
    "few whole numbers": (np.arange(N) % 3, "numeric"),
    "whole numbers, unique, not in a row": (np.arange(N) ** 2, "numeric"),
    "numbers as text": ([str(value / 3) for value in range(N)], "numeric"),
    "duration": (pd.to_timedelta(np.arange(N) % 9, unit="h"), "numeric"),
    "truth": (np.arange(N) % 2 == 0, "boolean"),
    "truth with gaps": ([True, False, None] * (N // 3), "boolean"),
    "word": (["red", "green", "blue"] * (N // 3), "category"),
    "word dtype": (pd.Categorical([f"level{row % 40}" for row in range(N)]), "category"),
    "one word or none": (["yes", None] * (N // 2), "category"),
    "day": ([f"2024-01-{row % 28 + 1:02d}" for row in range(N)], "datetime"),
    "day with dots": ([f"{row % 28 + 1}.1.2024" for row in range(N)], "datetime"),
    "day with slashes": ([f"{row % 28 + 1}/{row % 12 + 1}/2024" for row in range(N)], "datetime"),
    "instant": (pd.date_range("2024-01-01", periods=N, freq="h"), "datetime"),
    "month": (pd.period_range("2020-01", periods=N, freq="M"), "datetime"),
    "counter": (np.arange(N) + 17, "identifier"),
    "shuffled counter": (RANDOM.permutation(N), "identifier"),
    "patientID": (np.arange(N) ** 2, "identifier"),
    "row_key": ([str(value) for value in np.arange(N) ** 2], "identifier"),
    "name": ([f"name {row}" for row in range(N)], "text"),
    "mostly unique": ([f"ticket {max(row, 12)}" for row in range(N)], "text"),
    "numbers and a word": ([*map(str, range(N - 1)), "unknown"], "text"),
    "lists": ([[row] for row in range(N)], "text"),
    "complex": (np.arange(N) * 1j, "text"),
    "always the same": (["Earth"] * N, "constant"),
    "always zero": (np.zeros(N), "constant"),
    "nothing": ([None] * N, "missing"),
    "nothing but marks": (["?", "NA"] * (N // 2), "missing"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind(name: str) -> None:
    values, kind = KINDS[name]
    frame = pd.DataFrame({name: values})
    (column,) = describe_columns(frame)
    assert column.kind == kind, column
    assert column.used == (kind in ("numeric", "category", "boolean", "datetime"))
    assert bool(column.note) != column.used


def test_missing_and_distinct_are_counted() -> None:
    frame = pd.DataFrame({"number": [1.0, 1.0, 2.0, np.nan], "word": ["a", "a", "?", None]})
    number, word = describe_columns(frame)
    assert (number.missing, number.distinct) == (1, 2)
    assert (word.missing, word.distinct) == (2, 1)


def test_kinds_come_first() -> None:
    frame = pd.DataFrame({"year": [2007, 2008] * 5, "id": np.arange(10) ** 2, "noise": range(10)})
    columns = describe_columns(frame, {"year": "category", "id": "numeric", "noise": "ignore"})
    assert [column.kind for column in columns] == ["category", "numeric", "ignore"]


def test_nearly_numeric_column_names_the_row_in_its_note() -> None:
    (column,) = describe_columns(pd.DataFrame({"age": ["1.5", "2", "oops", *map(str, range(30, 60))]}))
    assert "row 3" in column.note
    assert "'oops'" in column.note


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"yaer": "category"}, "the column 'yaer', which the table lacks, did you mean 'year'"),
        ({"year": "categorical"}, "column 'year': there is no kind 'categorical', did you mean 'category'"),
        ({"city": "numeric"}, "row 1, column 'city': 'Rome' is not a number"),
        ({"city": "boolean"}, "row 1, column 'city': 'Rome' is neither true nor false"),
        ({"tags": "category"}, "column 'tags' holds objects of type list, which ikura does not read"),
        ({"city": "datetime"}, "row 1, column 'city': 'Rome' is not a date"),
    ],
)
def test_wrong_kinds(kinds: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        describe_columns(pd.DataFrame({"year": [2007, 2008], "city": ["Rome", "Oslo"], "tags": [[1], [2]]}), kinds)


def test_infinite_value_names_row_and_column() -> None:
    with pytest.raises(DataError, match="row 2, column 'a': inf is not finite"):
        describe_columns(pd.DataFrame({"a": [1.0, np.inf, 2.0]}))
