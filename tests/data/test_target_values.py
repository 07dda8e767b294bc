"""Targets: words are classes, numbers are numbers, and what is neither is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ikura.data import Dataset, prepare
from ikura.data.options import DataOptions
from ikura.errors import DataError

N = 120
X = np.random.default_rng(0).normal(size=N)


def prepared(tmp_path: Path, values: Any, framed: bool = False, **reading: Any) -> Dataset:
    table = pd.DataFrame({"x": X, "y": values})
    if framed:
        return prepare(table, DataOptions("y", **reading))
    table.to_csv(tmp_path / "table.csv", index=False)
    return prepare(tmp_path / "table.csv", DataOptions("y", **reading))


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize(
    "words",
    [["none", "None", "mild"], ["n/a", "NA"], ["+", "-"], ["?", "yes", "no"], ["null", "zero"], ["--", "++"]],
)
def test_words_are_classes(tmp_path: Path, words: list[str], framed: bool) -> None:
    dataset = prepared(tmp_path, (words * N)[:N], framed)
    assert dataset.task.classes == sorted(words)
    assert dataset.summary.rows_without_target == 0
    usual = [word for word in words if word not in ("none", "mild", "+", "yes", "no", "zero", "++")]
    notes = " ".join(dataset.summary.notes)
    assert all(f"{word!r} is a class of the target" in notes for word in usual)


def test_what_counts_as_missing_can_be_set(tmp_path: Path) -> None:
    values = ["NA", "up", "down"] * (N // 3)
    dataset = prepared(tmp_path, values, missing=["NA"])
    assert dataset.task.classes == ["down", "up"]
    assert dataset.summary.rows_without_target == N // 3


def test_empty_fields_are_missing(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, ["", "up", "down", " "] * (N // 4))
    assert dataset.task.classes == ["down", "up"]


def test_one_word_for_a_missing_value_among_words_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 4, column 'y': class 'NA' has a single row; .* \(--missing 'NA'\)"):
        prepared(tmp_path, ["up", "down", "up", "NA"] + ["up", "down"] * (N // 2 - 2))


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (lambda v: f"${v:,.2f}", 1.0),
        (lambda v: f"{v:.2f}".replace(".", ","), 1.0),
        (lambda v: f"{v:.2f}%", 1.0),
        (lambda v: f"{v:.2f} kg", 1.0),
        (lambda v: f"({v:.2f})", -1.0),
    ],
)
def test_a_target_of_formatted_numbers(tmp_path: Path, write: Any, value: float) -> None:
    numbers = np.random.default_rng(1).uniform(1, 5000, N).round(2)
    dataset = prepared(tmp_path, [write(one) for one in numbers])
    assert dataset.task.name == "regression"
    read = dataset.target_mean + dataset.target_std * dataset.train.y.astype(np.float64)
    # y is rounded by 2⁻²⁴ of at most 4, and σ is below 2500.
    np.testing.assert_allclose(read, value * numbers[dataset.split.train], atol=2500 * 2**-21)
    assert any("The target 'y' is read as numbers" in note for note in dataset.summary.notes)


@pytest.mark.parametrize("word", ["n/a", "-", "#DIV/0!"])
def test_a_word_for_a_missing_value_among_numbers_is_missing_and_named(tmp_path: Path, word: str) -> None:
    values: list[Any] = [f"{one:.3f}" for one in X]
    values[7] = word
    dataset = prepared(tmp_path, values)
    assert dataset.task.name == "regression"
    assert dataset.summary.rows_without_target == 1
    assert any(f"{word!r} stands for" in note and "row 8" in note for note in dataset.summary.notes)


@pytest.mark.parametrize("word", ["y", "unknown", "12..5", "1.2 m"])
@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("framed", [False, True])
def test_a_bad_cell_among_numbers_is_refused_by_row(tmp_path: Path, word: str, few: bool, framed: bool) -> None:
    values: list[Any] = [f"{place % 8 / 2:.1f}" if few else f"{X[place]:.3f}" for place in range(N)]
    values[40] = values[80] = word
    with pytest.raises(DataError, match=rf"row 41, column 'y': {word!r} is not a number .* \(and 1 more\).*--missing"):
        prepared(tmp_path, values, framed)
    assert prepared(tmp_path, values, framed, missing=[word]).task.name == "regression"


def test_words_as_frequent_as_numbers_are_a_class(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, ["None", "1", "2"] * (N // 3))
    assert dataset.task.classes == ["1", "2", "None"]


def test_codes_are_classes_and_units_stay(tmp_path: Path) -> None:
    assert prepared(tmp_path, ["01", "02", "03"] * (N // 3)).task.classes == ["01", "02", "03"]
    assert prepared(tmp_path, ["5 kg", "10 kg"] * (N // 2)).task.classes == ["10 kg", "5 kg"]


def test_large_whole_numbers_stay_different_classes(tmp_path: Path) -> None:
    classes = [str(2**53 + one) for one in (0, 1, 2)]
    assert prepared(tmp_path, classes * (N // 3)).task.classes == classes


def test_two_readings_of_a_target_are_asked_about(tmp_path: Path) -> None:
    values = [f"{1 + place % 9},{100 + place}" for place in range(N)]
    with pytest.raises(DataError, match=r"column 'y': '1,100' can be .*--decimal"):
        prepared(tmp_path, values)
    assert prepared(tmp_path, values, decimal=",").task.name == "regression"


def test_a_categorical_target_of_whole_numbers_is_classes_of_whole_numbers() -> None:
    table = pd.DataFrame({"x": X, "y": pd.Categorical(np.arange(N) % 3)})
    assert prepare(table, DataOptions("y")).task.classes == [0, 1, 2]
