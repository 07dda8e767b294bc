"""Targets of several values for each example: labels, values, images, sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data.encoder.number import Standard
from ikura.data.split import Split
from ikura.data.task import Task
from ikura.errors import DataError

__all__ = ["aim_of_values", "targets_of_values"]

Values = npt.NDArray[Any]
ASKED = ("auto", "regression", "classification", "multiclass", "multilabel", "own")


def aim_of_values(values: Values, name: str, task: str) -> Task:
    """Find the task that targets of several values set.

    Floats are a regression, rows of 0 and 1 labels. Other whole numbers are classes where the task says so, and what
    the caller's own loss makes of them otherwise.

    Args:
        values: shape (n, ...), of at least two dimensions, without missing values.
        name: of the target.
        task: auto, regression, classification, multiclass, multilabel or own.

    Raises:
        DataError: the task does not fit them.

    Example:
        >>> aim_of_values(np.array([[0, 1, 1], [1, 0, 1]]), "tags", "auto").name
        'multilabel'
    """
    shape = f"y of shape {values.shape}"
    if task not in ASKED:
        raise DataError(f"{shape} is no target of a {task} task; give one value for each example, shape (n,)")
    binary = values.ndim == 2 and bool(np.isin(values, (0, 1)).all())
    whole = bool((values % 1 == 0).all()) if values.dtype.kind == "f" else True
    if bool((values == values[0]).all()):
        raise DataError(f"{shape} is the same in every row; there is nothing to learn")
    if task == "auto":
        if binary and bool((values.sum(1) == 1).all()):
            raise DataError(f"{shape} is one-hot: give y.argmax(axis=1), or say task='multilabel'")
        task = "multilabel" if binary else "regression" if values.dtype.kind == "f" else "own"
    if task == "classification":
        task = "multilabel" if binary else "multiclass"
    if task == "multilabel":
        if not binary:
            raise DataError(f"{shape} must hold 0 and 1, one column for each label")
        return Task(task, list(range(values.shape[1])), name)
    if task == "multiclass":
        if not whole or values.min() < 0:
            raise DataError(f"{shape} must hold class numbers 0, 1, …")
        return Task(task, list(range(int(values.max()) + 1)), name)
    return Task(task, None, name)


def targets_of_values(values: Values, task: Task, parts: Split, as_given: bool) -> tuple[Values, Any, Any]:
    """Make targets of the values.

    Args:
        values: shape (n, ...).
        task: what is to be learned.
        parts: rows of the three parts.
        as_given: whether a regression's values stay in their own units.

    Returns:
        y, shape (n, ...), and the mean and standard deviation that were taken off: of each column of (n, k), of all
        numbers together for more dimensions.
    """
    if task.name == "own":
        return values, 0.0, 1.0
    if task.name in ("multiclass", "multilabel"):
        return values.astype(np.int64 if task.name == "multiclass" else np.float32), 0.0, 1.0
    numbers = values.astype(np.float64)
    if as_given:
        return numbers, 0.0, 1.0
    if numbers.ndim > 2:
        standard = Standard.fit(numbers[parts.train].reshape(-1))
        return standard.apply(numbers), standard.mean, standard.std
    each = [Standard.fit(column) for column in numbers[parts.train].T]
    y = np.stack([one.apply(column) for one, column in zip(each, numbers.T, strict=True)], axis=1)
    return y, np.array([one.mean for one in each]), np.array([one.std for one in each])
