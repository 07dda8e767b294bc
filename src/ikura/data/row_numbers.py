"""Columns that number the rows: kept where the target follows them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import Column, names_rows
from ikura.data.values import numbers

__all__ = ["follows", "with_counters"]

SURE = 4.0
"""Standard deviations beyond chance: less than one column of noise in ten thousand."""

SAMPLE = 5_000
PERMUTATIONS = 200
NEIGHBOURS = 3
MOST_CLASSES = 20


def with_counters(
    columns: Sequence[Column],
    features: pd.DataFrame,
    rows: npt.NDArray[np.int64],
    target: npt.NDArray[np.float64],
    classes: bool,
) -> tuple[list[Column], list[str]]:
    """Keep the columns of another whole number in every row that the target follows in the training rows.

    One that is also called so (id, number, …) is kept only where nothing else is left to learn from: tables are often
    sorted by the target.

    Args:
        columns: the columns and their kinds.
        features: the table.
        rows: the training rows.
        target: their numbers, or class numbers, shape (n,); several of them, shape (n, targets).
        classes: whether they are classes.

    Returns:
        The columns, and a sentence for each that is kept.
    """
    others = any(column.used for column in columns)
    found, notes = [], []
    for column in columns:
        if column.kind == "identifier":
            values = numbers(features[column.name])[rows]
            option = f"--kind {column.name}="
            if (not others or not names_rows(column.name)) and follows(values, target, classes):
                column = replace(column, kind="numeric", note="")
                notes.append(
                    f"Column {column.name!r} holds another whole number in every row and is kept, because the target "
                    f"follows it; if it only numbers the rows, leave it out: {option}ignore."
                )
            else:
                column = replace(column, note=f"{column.note}; to keep it, {option}numeric")
        found.append(column)
    return found, notes


def follows(values: npt.NDArray[np.float64], target: npt.NDArray[np.float64], classes: bool) -> bool:
    """Whether a target follows a number beyond chance: rises or falls with it, or is alike where the number is near.

    With the rows in order of the number and each column t of the target (its ranks, or one for each class) of mean 0
    and variance 1, it is the greatest |Σ_i i t_i| against its spread under any order of the rows, and the sum of
    t_i t_(i+j) over j = 1, 2, 3 against that of 200 random orders.

    Args:
        values: shape (n,), all different.
        target: numbers or class numbers, shape (n,); numbers of several targets, shape (n, targets).
        classes: whether they are class numbers.

    Returns:
        Whether one of the two lies more than four standard deviations above chance.

    Example:
        >>> x = np.arange(200.0)
        >>> follows(x, np.sin(x / 20), False), follows(x, np.random.default_rng(0).normal(size=200), False)
        (True, False)
    """
    random = np.random.default_rng(zlib.crc32(b"counter"))
    order = np.argsort(values, kind="stable")
    if order.size > SAMPLE:
        order = order[np.sort(random.choice(order.size, SAMPLE, replace=False))]
    columns = _columns(target[order], classes)
    n = len(columns)
    if n <= 2 * NEIGHBOURS or not columns.size:
        return False
    place = np.arange(n) - (n - 1) / 2
    trend = np.abs(place @ columns) / np.sqrt((place**2).sum() * n / (n - 1))
    if trend.max() > SURE:
        return True
    chance = np.array([_alike(columns[random.permutation(n)]) for _ in range(PERMUTATIONS)])
    return bool(_alike(columns) > chance.mean() + SURE * chance.std())


def _columns(target: npt.NDArray[np.float64], classes: bool) -> npt.NDArray[np.float64]:
    """Ranks of numbers, or one column for each of the most frequent classes: mean 0, variance 1, shape (n, columns)."""
    if classes:
        names, counts = np.unique(target, return_counts=True)
        often = names[np.argsort(-counts, kind="stable")[:MOST_CLASSES]]
        columns = (target[:, None] == often).astype(np.float64)
    else:
        columns = pd.DataFrame(target).rank().to_numpy(np.float64)
    columns = columns - columns.mean(axis=0)
    spread = columns.std(axis=0)
    varying = spread > 0
    kept: npt.NDArray[np.float64] = columns[:, varying] / spread[varying]
    return kept


def _alike(columns: npt.NDArray[np.float64]) -> float:
    return float(sum((columns[lag:] * columns[:-lag]).sum() for lag in range(1, NEIGHBOURS + 1)))
