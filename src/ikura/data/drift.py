"""Whether training, dev and test set come from the same distribution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ikura.data.columns import Column
from ikura.data.encoder.array import mean_and_spread
from ikura.data.network_inputs import NetworkInputs
from ikura.data.split import Split
from ikura.data.values import booleans, datetimes, labels, numbers

__all__ = ["Drift", "find_drift", "find_mismatch", "image_table", "inputs_table"]

SAMPLE = 10_000
MOST_VALUES = 1_000_000
LEVEL = 0.01
LEAST_EXPECTED = 5
MOST_IMAGES = 5_000


@dataclass(frozen=True)
class Drift:
    """A column that is distributed otherwise in another part.

    Args:
        column: its name.
        part: the other part, dev or test.
        test: name of the two-sample test.
        statistic: of the test.
        p_value: corrected for the number of tests.
    """

    column: str
    part: str
    test: str
    statistic: float
    p_value: float


def find_drift(
    frame: pd.DataFrame, columns: Iterable[Column], split: Split, level: float = LEVEL, seed: int = 0
) -> list[Drift]:
    """Find the columns that are distributed otherwise in the dev or test set than in the training set.

    Two-sample tests, Kolmogorov–Smirnov for numbers and datetimes, χ² for categories (levels with fewer than 5 expected
    rows taken together), on at most 10,000 rows a part, fewer where there are more than 100 columns. Holm's correction
    over all of them keeps the chance of any false alarm below `level`. A missing value counts as a value of its own.

    Args:
        frame: the table.
        columns: the columns to compare; those left out are skipped.
        split: rows of the three parts.
        level: the chance of a false alarm, in (0, 1).
        seed: number that picks the rows where a part is larger than the sample.

    Returns:
        The findings, the most certain first.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure.

    Example:
        >>> frame = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0] * 50 + [80.0, 90.0] * 30})
        >>> split = Split(np.arange(150), np.arange(150, 200), np.arange(200, 260))
        >>> [(one.column, one.part) for one in find_drift(frame, [Column("age", "numeric", 0, 6)], split)]
        [('age', 'test')]
    """
    return _found(frame, columns, split.train, {"dev": split.dev, "test": split.test}, level, seed)


def find_mismatch(
    frame: pd.DataFrame, columns: Iterable[Column], split: Split, level: float = LEVEL, seed: int = 0
) -> list[Drift]:
    """Find the columns that are distributed otherwise in the test set than in the dev set, as `find_drift`."""
    return _found(frame, columns, split.dev, {"test": split.test}, level, seed)


def _found(
    frame: pd.DataFrame,
    columns: Iterable[Column],
    base: npt.NDArray[np.int64],
    parts: Mapping[str, npt.NDArray[np.int64]],
    level: float,
    seed: int,
) -> list[Drift]:
    """Compare parts with the base, column by column."""
    columns = [column for column in columns if column.used]
    parts = {part: rows for part, rows in parts.items() if rows.size}
    most = min(SAMPLE, max(1000, MOST_VALUES // max(len(columns), 1)))
    random = np.random.default_rng(seed)
    taken = [_sample(rows, most, random) for rows in (base, *parts.values())]
    names = [column.name for column in columns]
    sample = frame[names].iloc[np.concatenate(taken)].reset_index(drop=True)
    ends = np.cumsum([len(rows) for rows in taken])[:-1]
    found: list[Drift] = []
    for column in columns:
        values = _comparable(sample[column.name], column.kind)
        first, *others = np.split(values, ends)
        for part, other in zip(parts, others, strict=True):
            found.append(Drift(column.name, part, *_compare(first, other, column.kind == "category")))
    corrected = _holm([one.p_value for one in found])
    kept = [replace(one, p_value=p_value) for one, p_value in zip(found, corrected, strict=True) if p_value < level]
    return sorted(kept, key=lambda one: one.p_value)


def image_table(
    pixels: npt.NDArray[np.uint8], target: pd.Series, split: Split, seed: int = 0
) -> tuple[pd.DataFrame, list[Column], Split]:
    """A table of brightness (mean of its pixels), contrast (their deviation) and class of images, to compare parts by.

    Args:
        pixels: shape (n, channels, height, width).
        target: class of each, n rows.
        split: rows of the three parts.
        seed: number that picks the images where a part has more than 5,000.

    Returns:
        The table, its columns, and the rows of the three parts in it.
    """
    random = np.random.default_rng(seed)
    parts = [np.sort(_sample(rows, MOST_IMAGES, random)) for rows in (split.train, split.dev, split.test)]
    rows = np.concatenate(parts)
    mean, spread = mean_and_spread(pixels[rows])
    classes = target.iloc[rows].reset_index(drop=True)
    frame = pd.DataFrame({"brightness": mean, "contrast": spread, target.name: classes})
    kinds = ("numeric", "numeric", "category")
    columns = [Column(str(name), kind, 0, 0) for name, kind in zip(frame.columns, kinds, strict=True)]
    ends = np.cumsum([0, *map(len, parts)])
    sampled = Split(*(np.arange(ends[place], ends[place + 1]) for place in range(3)))
    return frame, columns, sampled


def inputs_table(
    inputs: NetworkInputs, target: pd.Series, split: Split, kind: str, seed: int = 0
) -> tuple[pd.DataFrame, list[Column], Split]:
    """A table of the value, or of mean and deviation, of each of several inputs, and the target, to compare parts by.

    Args:
        inputs: of n examples.
        target: n rows.
        split: rows of the three parts.
        kind: of the target, numeric or category.
        seed: number that picks the examples where a part has more than 5,000.

    Returns:
        The table, its columns, and the rows of the three parts in it.
    """
    random = np.random.default_rng(seed)
    parts = [np.sort(_sample(rows, MOST_IMAGES, random)) for rows in (split.train, split.dev, split.test)]
    taken = inputs.taken(np.concatenate(parts))
    values: dict[str, npt.NDArray[Any]] = {}
    for label, one in zip(inputs.labels, taken.inputs, strict=True):
        if one.array.ndim == 1:
            values[label] = one.given(slice(None)).astype(np.float64)
        else:
            values[f"mean of {label}"], values[f"spread of {label}"] = mean_and_spread(one)
    columns = [Column(name, "numeric", 0, 0) for name in values]
    ends = np.cumsum([0, *map(len, parts)])
    sampled = Split(*(np.arange(ends[place], ends[place + 1]) for place in range(3)))
    frame = pd.DataFrame(values).assign(**{str(target.name): target.iloc[np.concatenate(parts)].reset_index(drop=True)})
    return frame, [*columns, Column(str(target.name), kind, 0, 0)], sampled


def _sample(rows: npt.NDArray[np.int64], most: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    return random.choice(rows, most, replace=False) if rows.size > most else rows


def _comparable(series: pd.Series, kind: str) -> npt.NDArray[Any]:
    """Numbers with missing values below all others, or labels' places."""
    if kind == "category":
        return labels(series)[0] + 1
    if kind == "datetime":
        when = datetimes(series)
        values = (when - when.min()).dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = booleans(series) if kind == "boolean" else numbers(series)
    return np.where(np.isnan(values), -np.inf, values)


def _compare(first: npt.NDArray[Any], second: npt.NDArray[Any], category: bool) -> tuple[str, float, float]:
    """Name, statistic and p-value of the test that fits (`scipy.stats` has both, but is slow to import)."""
    if not category:
        return "Kolmogorov-Smirnov", *kolmogorov_smirnov(first, second)
    most = int(max(first.max(), second.max())) + 1
    counts = np.stack([np.bincount(first, minlength=most), np.bincount(second, minlength=most)])
    share = min(first.size, second.size) / (first.size + second.size)
    rare = counts.sum(axis=0) * share < LEAST_EXPECTED
    pooled = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    pooled = pooled[:, pooled.sum(axis=0) * share >= LEAST_EXPECTED]
    return "chi-squared", *(chi_squared(pooled) if pooled.shape[1] > 1 else (0.0, 1.0))


def kolmogorov_smirnov(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> tuple[float, float]:
    """Largest distance D between two empirical distributions, and its p-value in the limit of large samples."""
    parts = [np.sort(one) for one in (first, second)]
    both = np.concatenate(parts)
    shares = [np.searchsorted(one, both, side="right") / one.size for one in parts]
    distance = float(np.abs(shares[0] - shares[1]).max())
    size = first.size * second.size / both.size
    return distance, float(special.kolmogorov(np.sqrt(size) * distance))


def chi_squared(counts: npt.NDArray[Any]) -> tuple[float, float]:
    """Pearson's statistic of counts, shape (2, levels), and its p-value with levels - 1 degrees of freedom."""
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return statistic, float(special.chdtrc(counts.shape[1] - 1, statistic))


def _holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p-values: the i-th smallest of m times m - i, never below those before it, at most 1."""
    order = np.argsort(p_values)
    steps = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p_values) else steps
    return [float(value) for value in corrected]
