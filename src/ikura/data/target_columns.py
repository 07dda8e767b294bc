"""Several target columns of a table: values in all of them, or two classes in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.missing import MISSING
from ikura.data.notation import Hints
from ikura.data.target_values import read_target
from ikura.data.task import Task, class_codes, detect_task, has_target, with_positive
from ikura.data.values import label, numbers
from ikura.errors import DataError, listed, nearest

__all__ = ["TargetColumns", "named_targets", "read_target_columns", "strata"]

ASKED = ("auto", "regression", "classification", "binary", "multilabel", "own")
LEAST_ROWS = 10
OFTEN = 5
"""Rows of a combination of labels from which on it is a stratum of its own."""


@dataclass(frozen=True)
class TargetColumns:
    """Several target columns, read.

    Args:
        task: what they set: multilabel, regression or own.
        frame: the columns as they are compared between parts, n rows.
        values: numbers, or 0 and 1 for the labels, shape (n, targets); NaN where one is missing.
        notes: sentences for the user.
    """

    task: Task
    frame: pd.DataFrame
    values: npt.NDArray[Any]
    notes: list[str]

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each column."""
        return dict.fromkeys(self.frame.columns, "category" if self.task.name == "multilabel" else "numeric")


def named_targets(task: Task, names: list[str]) -> Task:
    """The task of several values of each example, which have names.

    Example:
        >>> named_targets(Task("multilabel", [0, 1], "y"), ["a", "b"]).levels
        [[0, 1], [0, 1]]
    """
    if task.name not in ("multilabel", "regression"):
        return task
    labels = task.name == "multilabel"
    return replace(
        task,
        classes=list(names) if labels else None,
        target=", ".join(names),
        targets=list(names),
        levels=[[0, 1] for _ in names] if labels else None,
    )


def read_target_columns(
    frame: pd.DataFrame,
    task: str = "auto",
    hints: Hints | None = None,
    decimals: set[str] | None = None,
    positive: Any = None,
) -> TargetColumns:
    """Read several target columns, each as one alone is read.

    Args:
        frame: the columns, of text or of values.
        task: auto, regression, multilabel, classification or binary (which mean the same of several), or own.
        hints, decimals: as for `ikura.data.target_values.read_target`.
        positive: as for `ikura.data.task.with_positive`, of each column.

    Raises:
        DataError: they are neither all values nor all of two classes, or one cannot be a target.

    Example:
        >>> frame = pd.DataFrame({"a": ["no", "yes"] * 10, "b": ["no", "no", "no", "yes"] * 5})
        >>> found = read_target_columns(frame)
        >>> found.task.name, found.task.levels, found.values[:2].tolist()
        ('multilabel', [['no', 'yes'], ['no', 'yes']], [[0.0, 0.0], [1.0, 0.0]])
    """
    if task not in ASKED:
        raise DataError(
            f"a task of several targets is one of {listed(ASKED)}, not {task!r}{nearest(task, ASKED)}; tune targets of "
            "more than two classes one by one"
        )
    one_by_one = "classification" if task in ("binary", "multilabel") else task
    names = list(map(str, frame.columns))
    read, notes, tasks = {}, [], {}
    for name in names:
        found = read_target(frame[name], one_by_one, hints, decimals)
        read[name] = found.values
        notes += found.notes
        tasks[name] = with_positive(detect_task(found.values, one_by_one), found.values, positive)
    _check_kinds(tasks, read)
    columns = pd.DataFrame(read)
    given = np.logical_and.reduce([has_target(column) for column in read.values()])
    _check_rows(columns, given, names)
    own = next(iter(tasks.values()))
    if own.name == "binary":
        codes = np.stack([class_codes(read[name], one) for name, one in tasks.items()], axis=1)
        values = np.where(codes < 0, np.nan, codes.astype(np.float64))
        levels = [list(one.classes or []) for one in tasks.values()]
        aim = Task("multilabel", list(names), ", ".join(names), list(names), levels)
        return TargetColumns(aim, columns, values, notes)
    values = np.stack([numbers(column) for column in read.values()], axis=1)
    return TargetColumns(Task(own.name, None, ", ".join(names), list(names)), columns, values, notes)


def _check_kinds(tasks: Mapping[str, Task], read: Mapping[str, pd.Series]) -> None:
    """Refuse columns of more than two classes, and columns of different kinds."""
    rule = "several targets are all values, or columns of two classes each"
    whole = [name for name in tasks if pd.api.types.is_numeric_dtype(read[name])]
    values = len(whole) == len(tasks)
    for name, one in tasks.items():
        if one.name == "multiclass":
            classes = one.classes or []
            how = "say that all are values (--task regression), or tune it" if values else "tune it"
            if marks := [word for word in map(str, classes) if word in MISSING]:
                how = f"say that {marks[0]!r} stands for a missing value (--missing {marks[0]}), or {how}"
            raise DataError(
                f"target {name!r} has {len(classes)} classes ({listed(map(label, classes), 4)}), and {rule}; {how} on "
                f"its own (--target {name!r})"
            )
    kinds = {one.name: name for name, one in reversed(list(tasks.items()))}
    if len(kinds) > 1:
        how = "say that all are values (--task regression), or tune" if values else "tune"
        raise DataError(
            f"target {kinds['regression']!r} holds values and {kinds['binary']!r} two classes, and {rule}; {how} those "
            "of one kind at a time"
        )


def _check_rows(columns: pd.DataFrame, given: npt.NDArray[np.bool_], names: list[str]) -> None:
    """Refuse targets of which too few rows have all, and those that are the same in all of these."""
    if given.sum() < LEAST_ROWS:
        named = listed(map(repr, names))
        raise DataError(f"{int(given.sum())} rows have all of the targets {named}; at least {LEAST_ROWS} are needed")
    for name in names:
        present = columns[name][given]
        if present.nunique() == 1:
            raise DataError(
                f"target {name!r} is {label(present.iloc[0])!r} in every row that has all targets; there is nothing to "
                "learn of it; leave it out"
            )


def strata(labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Number the combinations of labels, for parts in which each has its share.

    Rows of a combination that is rare are together by the rarest label that they have.

    Args:
        labels: 0 and 1, shape (n, labels).

    Returns:
        Shape (n,).

    Example:
        >>> strata(np.array([[0, 0]] * 6 + [[0, 1]] * 5 + [[1, 1]])).tolist()
        [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2]
    """
    held = labels.astype(bool)
    frame = pd.DataFrame(np.packbits(held, axis=1))
    combination = frame.groupby(list(frame.columns)).ngroup().to_numpy(np.int64, copy=True)
    counts = np.bincount(combination)
    rare = counts[combination] < OFTEN
    order = np.argsort(held.sum(axis=0), kind="stable")
    rarest = order[held[:, order].argmax(axis=1)]
    none = ~held.any(axis=1)
    combination[rare] = len(counts) + np.where(none, labels.shape[1], rarest)[rare]
    return pd.factorize(combination, sort=True)[0].astype(np.int64)
