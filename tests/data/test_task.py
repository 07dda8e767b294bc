from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ikura.data import Task, class_codes, detect_task
from ikura.data.task import find_target
from ikura.errors import DataError

TARGETS = {
    "words": (["b", "a"] * 10, "binary", ["a", "b"]),
    "three words": (["b", "a", "c"] * 10, "multiclass", ["a", "b", "c"]),
    "truths": ([True, False] * 10, "binary", [False, True]),
    "truths with gaps": ([True, False, None] * 10, "binary", [False, True]),
    "0 and 1": ([0, 1] * 10, "binary", [0, 1]),
    "0 and 1 with gaps": ([0.0, 1.0, np.nan] * 10, "binary", [0, 1]),
    "-1 and 1": ([-1, 1] * 10, "binary", [-1, 1]),
    "grades, in numeric order": ([10, 9, 2] * 10, "multiclass", [2, 9, 10]),
    "counts": (list(range(30)), "regression", None),
    "few rows of many counts": ([1, 2, 3, 4, 5] * 4, "regression", None),
    "measurements": ([0.5, 1.5] * 10, "regression", None),
    "category dtype": (pd.Categorical(["b", "a"] * 10), "binary", ["a", "b"]),
}


@pytest.mark.parametrize("name", TARGETS)
def test_detected_task(name: str) -> None:
    values, task, classes = TARGETS[name]
    found = detect_task(pd.Series(values, name="t"))
    assert found == Task(task, classes, "t")
    assert Task(**found.as_dict()) == found
    if classes is not None:
        codes = class_codes(pd.Series(values), found)
        expected = [-1 if pd.isna(value) else classes.index(value) for value in values]
        assert codes.tolist() == expected


def test_asked_task_comes_first() -> None:
    grades = pd.Series([1, 2] * 10, name="t")
    assert detect_task(grades, "regression") == Task("regression", None, "t")
    assert detect_task(grades, "multiclass") == Task("multiclass", [1, 2], "t")
    assert detect_task(grades, "classification").name == "binary"
    assert detect_task(pd.Series([0.5, 1.5] * 10, name="t"), "binary").classes == [0.5, 1.5]
    assert detect_task(pd.Series(["1.5", "2.5", "4"] * 4, name="t"), "regression").name == "regression"


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (["a"] * 20, "auto", "target 't' is 'a' in every row"),
        ([3.0] * 20, "auto", "target 't' is '3' in every row"),
        ([None] * 20, "auto", "target 't' has no value in any row"),
        ([1.0] * 5, "auto", "5 rows have a target in 't'; at least 10"),
        ([f"name {row}" for row in range(20)], "auto", "20 values, 20 of them in one row only; it names the rows"),
        (["a", "b"] * 9 + ["c"], "auto", "row 19, column 't': class 'c' has a single row; merge it with another"),
        ([1, 2] * 19 + [3], "auto", "row 39, column 't': class '3' has a single row.*or choose the task regression"),
        (["a", "c"] * 9 + ["b", "d"], "auto", "row 19.*class 'b' has a single row .as have 1 more classes"),
        ([0.5, 1.0, np.inf] * 9, "auto", "row 3, column 't': inf is not finite"),
        (["1", "2", "x"] * 9, "regression", "row 3, column 't': 'x' is not a number"),
        (["a", "b", "c"] * 9, "binary", "has 3 classes .a, b, c.; a binary task has 2"),
        (np.linspace(0, 1, 20), "multiclass", "20 values, 20 of them in one row only; numbers like these"),
        ([[1], [2]] * 9, "auto", "column 't' holds objects of type list"),
        (np.arange(20) * 1j, "auto", "column 't' holds complex numbers"),
        ([0, 1] * 9, "regresion", "no task 'regresion', did you mean 'regression'"),
    ],
)
def test_wrong_target(values: Any, task: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        detect_task(pd.Series(values, name="t"), task)


def test_class_that_the_task_lacks() -> None:
    with pytest.raises(DataError, match=r"row 2, column 't': 'c' is none of the classes \(a, b\)"):
        class_codes(pd.Series(["a", "c"]), Task("binary", ["a", "b"], "t"))


def test_target_is_found_by_name() -> None:
    assert find_target(["a", "Target"], None) == "Target"
    assert find_target(["a", "target"], "a") == "a"


@pytest.mark.parametrize(
    ("names", "target", "message"),
    [
        (["area", "species"], "speceis", "no column 'speceis', did you mean 'species'.*columns: area, species"),
        (["area", "species"], None, "no target is named.*columns: area, species"),
        (["label", "y"], None, "'label' and 'y' could be the target"),
    ],
)
def test_target_is_not_found(names: list[str], target: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_target(names, target)
