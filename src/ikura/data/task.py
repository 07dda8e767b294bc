"""The target column and the task it sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.missing import MISSING
from ikura.data.notation import of_values
from ikura.data.values import label, labels, numbers
from ikura.errors import DataError, listed, nearest
from ikura.json_values import JsonObject

__all__ = [
    "TASKS",
    "Positive",
    "Task",
    "class_codes",
    "detect_task",
    "find_target",
    "find_targets",
    "has_target",
    "is_measured",
    "with_positive",
]

TASKS = ("binary", "multiclass", "multilabel", "regression", "own")
"""What a network may learn."""
NAMES = ("target", "label", "class", "y")
MOST_INTEGER_CLASSES = 20
ROWS_PER_INTEGER_CLASS = 5
LEAST_ROWS = 10


class Positive(Enum):
    """A positive class that is not named."""

    RARER = "the rarer one"


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Args:
        name: binary, multiclass, multilabel, regression, or own where the caller's loss says what is learned.
        classes: the classes or labels in order, None for values; of two classes, the second is the positive one.
        target: name of the target column; of several columns all names, with commas.
        targets: names of several target columns; None where there is one, or where several values have no names.
        levels: of several labels the two values of each, the positive one second; None for others.
    """

    name: str
    classes: list[Any] | None
    target: str
    targets: list[str] | None = None
    levels: list[list[Any]] | None = None

    def as_dict(self) -> JsonObject:
        """The JSON form; `Task(**form)` is the task again."""
        return asdict(self)


def find_target(names: Iterable[str], target: str | None) -> str:
    """The name of the target column: the one asked for, or the only one named target, label, class or y.

    Raises:
        DataError: there is no such column, or it is not clear which is meant.

    Example:
        >>> find_target(["area", "rooms", "Label"], None)
        'Label'
    """
    names = list(names)
    if target is not None:
        if target not in names:
            raise DataError(f"no column {target!r}{nearest(target, names)} (columns: {listed(names)})")
        return target
    found = [name for name in names if name.lower() in NAMES]
    if len(found) != 1:
        what = f"{' and '.join(map(repr, found))} could be the target" if found else "no target is named"
        raise DataError(f"{what}; say which column is to be predicted (columns: {listed(names)})")
    return found[0]


def find_targets(names: Iterable[str], target: str | Sequence[str] | None) -> list[str]:
    """The names of one or several target columns.

    Args:
        names: of the columns.
        target: a name, names with commas between them, or a sequence of such; a column of the whole name comes first.

    Raises:
        DataError: there is no such column, one is named twice, or it is not clear which is meant.

    Example:
        >>> find_targets(["area", "price", "rent"], "price,rent"), find_targets(["a,b", "c"], ["a,b", "c"])
        (['price', 'rent'], ['a,b', 'c'])
    """
    names = list(names)
    if target is None:
        return [find_target(names, None)]
    found: list[str] = []
    for one in [target] if isinstance(target, str) else list(map(str, target)):
        parts = [part.strip() for part in one.split(",")]
        several = one not in names and len(parts) > 1
        try:
            found += [find_target(names, part) for part in parts] if several else [find_target(names, one)]
        except DataError as error:
            held = [name for name in names if "," in name] if several else []
            hint = f"; a name with a comma in it, such as {held[0]!r}, takes a --target of its own" if held else ""
            raise DataError(f"{error}{hint}") from None
    if not found:
        raise DataError("target names no column; give a name, or several")
    if twice := [name for name in found if found.count(name) > 1]:
        raise DataError(f"target names the column {twice[0]!r} twice; name each once")
    return found


def has_target(series: pd.Series) -> npt.NDArray[np.bool_]:
    """Which rows have a target, shape (n,)."""
    if _is_numeric(series):
        return series.notna().to_numpy(dtype=bool)
    return labels(series)[0] >= 0


def detect_task(series: pd.Series, task: str = "auto") -> Task:
    """Find the task that a target column sets.

    Text and booleans are classes, and so are whole numbers with at most 20 distinct values of at least 5 rows
    each on average; other numbers are a regression. Rows without a target do not count.

    Args:
        series: the target column.
        task: auto, binary, multiclass, regression, own, or classification (binary or multiclass).

    Returns:
        The task.

    Raises:
        DataError: the column cannot be a target, or the task does not fit it; rows are counted from 1.

    Example:
        >>> detect_task(pd.Series(["cat", "dog", "cat", "dog"] * 5, name="animal")).classes
        ['cat', 'dog']
    """
    name = str(series.name)
    asked = ("auto", *TASKS, "classification")
    if task not in asked:
        raise DataError(f"there is no task {task!r}{nearest(task, asked)} (there are {', '.join(asked)})")
    rows = int(has_target(series).sum())
    if not rows:
        raise DataError(f"target {name!r} has no value in any row")
    if rows < LEAST_ROWS:
        raise DataError(f"{rows} rows have a target in {name!r}; at least {LEAST_ROWS} are needed")
    numeric = _is_numeric(series)
    if numeric:
        numbers(series)
    if series.nunique() == 1:
        raise DataError(
            f"target {name!r} is {label(series.dropna().iloc[0])!r} in every row; there is nothing to learn"
        )
    if task == "auto":
        task = "regression" if numeric and is_measured(numbers(series)) else "classification"
    if task in ("regression", "own"):
        numbers(series)
        return Task(task, None, name)
    if task == "multilabel":
        raise DataError(f"target {name!r} is one column; several labels need one column of 0 and 1 for each")
    codes, levels = labels(series)
    numeric = numeric or of_values(series) == "numbers"
    _check_classes(series, codes, levels, numeric)
    if task == "binary" and len(levels) != 2:
        raise DataError(f"target {name!r} has {len(levels)} classes ({listed(levels)}); a binary task has 2")
    if task == "classification":
        task = "binary" if len(levels) == 2 else "multiclass"
    return Task(task, _classes(levels, numeric), name)


def class_codes(series: pd.Series, task: Task) -> npt.NDArray[np.int64]:
    """The target as places in `task.classes`.

    Args:
        series: the target column, n rows.
        task: a binary or multiclass task.

    Returns:
        Shape (n,); -1 where the target is missing.

    Raises:
        DataError: a row has a class that the task lacks.

    Example:
        >>> class_codes(pd.Series(["dog", "cat", None]), Task("binary", ["cat", "dog"], "animal"))
        array([ 1,  0, -1])
    """
    codes, levels = labels(series)
    known = {str(value): place for place, value in enumerate(task.classes or [])}
    for place, level in enumerate(levels):
        if level not in known:
            row = int(np.flatnonzero(codes == place)[0]) + 1
            raise DataError(f"row {row}, column {task.target!r}: {level!r} is none of the classes ({listed(known)})")
    return np.array([*(known[level] for level in levels), -1], dtype=np.int64)[codes]


def with_positive(task: Task, series: pd.Series, positive: Any) -> Task:
    """Put the positive one of two classes second.

    Args:
        task: any task.
        series: the target column.
        positive: the class; `Positive.RARER` for the one with fewer rows, the second of as many; None for the order as
            it is.

    Returns:
        The task, its classes in the order negative, positive. Without two classes nothing is rarer: the task itself.

    Raises:
        DataError: there is no such class, or there are not two.

    Example:
        >>> series = pd.Series(["fraud"] * 10 + ["legit"] * 90, name="kind")
        >>> with_positive(detect_task(series), series, Positive.RARER).classes
        ['legit', 'fraud']
    """
    if positive is None or (positive is Positive.RARER and task.name != "binary"):
        return task
    classes = task.classes or []
    if task.name != "binary":
        what = f"target {task.target!r} has {len(classes)}" if classes else f"{task.target!r} is a number"
        raise DataError(f"one of two classes is positive, but {what}; leave positive={label(positive)!r} out")
    if positive is Positive.RARER:
        counts = np.bincount(np.maximum(class_codes(series, task), 0), minlength=2)
        return task if counts[1] <= counts[0] else replace(task, classes=classes[::-1])
    known = [label(one) for one in classes]
    if label(positive) not in known:
        hint = nearest(label(positive), known)
        raise DataError(
            f"target {task.target!r} has no class {label(positive)!r}{hint}; the positive one is one of {listed(known)}"
        )
    return task if known.index(label(positive)) == 1 else replace(task, classes=classes[::-1])


def _is_numeric(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def is_measured(values: npt.NDArray[np.float64]) -> bool:
    """Whether the numbers measure something, rather than name classes."""
    values = values[~np.isnan(values)]
    distinct = np.unique(values).size
    few = distinct == 2 or (distinct <= MOST_INTEGER_CLASSES and values.size >= ROWS_PER_INTEGER_CLASS * distinct)
    return bool((values % 1).any()) or not few


def _check_classes(series: pd.Series, codes: np.ndarray, levels: list[str], numeric: bool) -> None:
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    alone = np.flatnonzero(counts == 1)
    if not alone.size:
        return
    if alone.size > counts.sum() / 2:
        hint = "numbers like these are a regression" if numeric else "it names the rows and cannot be predicted"
        raise DataError(
            f"target {series.name!r} has {len(levels)} values, {alone.size} of them in one row only; {hint}"
        )
    row = int(np.flatnonzero(codes == alone[0])[0]) + 1
    word = levels[alone[0]]
    more = f" (as have {alone.size - 1} more classes)" if alone.size > 1 else ""
    way_out = ", remove that row, or choose the task regression" if numeric else " or remove that row"
    if word in MISSING:
        way_out = f", remove that row, or say that it stands for a missing value (--missing {word!r})"
    raise DataError(
        f"row {row}, column {series.name!r}: class {word!r} has a single row{more}; "
        f"merge it with another class{way_out}"
    )


def _classes(levels: list[str], numeric: bool) -> list[Any]:
    if numeric:
        return sorted(int(level) if level.lstrip("-").isdigit() else float(level) for level in levels)
    if set(levels) <= {"True", "False"}:
        return [False, True]
    return sorted(levels)
