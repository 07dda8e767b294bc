"""Training, dev and test set."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.values import datetimes, labels, numbers
from ikura.errors import DataError

__all__ = ["Split", "held_out_fraction", "split", "split_given", "times"]

Rows = npt.NDArray[np.int64]

SMALL, LARGE = 10_000, 1_000_000
SMALL_FRACTION, LARGE_FRACTION = 0.2, 0.01
GROUP_DRAWS = 20


@dataclass(frozen=True)
class Split:
    """The rows of the three parts, each ascending and counted from 0; no row is in two parts."""

    train: Rows
    dev: Rows
    test: Rows


def held_out_fraction(rows: int) -> float:
    """The share of the rows that go to the dev set, and the same again to the test set.

    f(n) = 0.2 up to n = 10⁴ and 0.01 from n = 10⁶, log f linear in log n between them; so the number of
    held-out rows never falls as the table grows.

    Example:
        >>> [round(held_out_fraction(rows), 3) for rows in (100, 10_000, 100_000, 1_000_000)]
        [0.2, 0.2, 0.045, 0.01]
    """
    place = math.log(max(rows, 1) / SMALL) / math.log(LARGE / SMALL)
    return SMALL_FRACTION * math.pow(LARGE_FRACTION / SMALL_FRACTION, min(max(place, 0.0), 1.0))


def split(
    rows: int,
    *,
    classes: npt.NDArray[np.int64] | None = None,
    group: pd.Series | None = None,
    time: pd.Series | None = None,
    seed: int = 0,
    test: bool = True,
) -> Split:
    """Split rows into training, dev and test set; the same arguments give the same split.

    Args:
        rows: how many rows there are.
        classes: class of every row, shape (rows,), for parts in which every class has its share.
        group: column of `rows` groups, for parts that share no group.
        time: column of `rows` times, for a training set from the oldest rows and a test set from the newest.
        seed: number that picks the rows; a split by time does not use it.
        test: whether there is a test set; without one its rows are the dev set, and those of the dev set train.

    Returns:
        The rows of the three parts; every class with two rows or more is in the training set.

    Raises:
        DataError: both group and time are given, one has a missing value, or there are fewer than 3 groups or times.

    Example:
        >>> parts = split(10, seed=1)
        >>> len(parts.train), len(parts.dev), len(parts.test)
        (6, 2, 2)
    """
    if group is not None and time is not None:
        raise DataError("a split goes by group or by time, not by both; leave one of them out")
    held = max(round(rows * held_out_fraction(rows)), 1)
    random = np.random.default_rng([seed, zlib.crc32(b"split")])
    if time is not None:
        parts = _by_time(time, held)
    elif group is not None:
        parts = _by_group(group, classes, held, random)
    else:
        parts = _by_class(np.zeros(rows, dtype=np.int64) if classes is None else classes, held, random)
    if not test:
        parts = np.maximum(parts - 1, 0)
    return Split(*(np.flatnonzero(parts == part) for part in range(3)))


def split_given(
    parts: npt.NDArray[np.int8], classes: npt.NDArray[np.int64] | None = None, seed: int = 0, test: bool = True
) -> Split:
    """Keep the parts that the data come with; a dev or test set that is not given is taken from the training rows.

    Args:
        parts: part of each row, 0 training, 1 dev, 2 test, shape (rows,).
        classes: class of every row, for parts in which every class has its share.
        seed: number that picks the rows.
        test: whether there is a test set.

    Returns:
        The rows of the three parts.

    Raises:
        DataError: no row is for training, or there is a test set and none is wanted.

    Example:
        >>> given = split_given(np.array([0, 0, 0, 0, 0, 2, 2], np.int8))
        >>> len(given.train), len(given.dev), given.test.tolist()
        (4, 1, [5, 6])
    """
    final = parts.astype(np.int64)
    rows = np.flatnonzero(final == 0)
    missing = [part for part in (2, 1) if (test or part == 1) and not (final == part).any()]
    if not test and (final == 2).any():
        raise DataError("the data come with a test set, and test_set=False (--no-test-set) wants none; leave it out")
    if rows.size < 2 * (1 + len(missing)):
        raise DataError(f"{rows.size} rows are for training; at least {2 * (1 + len(missing))} are needed")
    held = max(round(rows.size * held_out_fraction(rows.size)), 1)
    random = np.random.default_rng([seed, zlib.crc32(b"split")])
    for part in missing:
        free = np.flatnonzero(final == 0)
        mix = np.zeros(free.size, np.int64) if classes is None else classes[free]
        final[free[_by_class(mix, held, random) == 2]] = part
    return Split(*(np.flatnonzero(final == part) for part in range(3)))


def _by_class(classes: Rows, held: int, random: np.random.Generator) -> Rows:
    """0, 1 or 2 (training, dev, test) for every row, every class with its share."""
    counts = np.bincount(classes)
    test = _shares(counts, held, np.maximum(counts - 1, 0), random)
    dev = _shares(counts, held, np.maximum(counts - 1 - test, 0), random)
    order = random.permutation(classes.size)
    order = order[np.argsort(classes[order], kind="stable")]
    starts = np.cumsum(counts) - counts
    place = np.arange(classes.size) - starts[classes[order]]
    parts = np.zeros(classes.size, dtype=np.int64)
    parts[order] = np.select([place < test[classes[order]], place < (test + dev)[classes[order]]], [2, 1], default=0)
    return parts


def _shares(counts: Rows, total: int, most: Rows, random: np.random.Generator) -> Rows:
    """Largest remainders: `total` seats in proportion to the counts, at most `most` for each."""
    quota = counts * (total / counts.sum())
    given: Rows = np.minimum(np.floor(quota).astype(np.int64), most)
    luck = random.random(counts.size)
    while (left := total - int(given.sum())) > 0:
        open_ = np.flatnonzero(given < most)
        if not open_.size:
            break
        wish = np.lexsort((luck[open_], given[open_] - quota[open_]))
        given[open_[wish[:left]]] += 1
    return given


def _by_group(series: pd.Series, classes: Rows | None, held: int, random: np.random.Generator) -> Rows:
    """Whole groups; of several draws the one whose parts are nearest to the wished size and mix of classes."""
    groups, names = labels(series)
    _refuse_missing(series, groups < 0, "group")
    if len(names) < 3:
        raise DataError(f"column {series.name!r} has {len(names)} groups; at least 3 are needed for three parts")
    mix = np.zeros(groups.size, dtype=np.int64) if classes is None else classes
    table = np.zeros((len(names), int(mix.max()) + 1), dtype=np.int64)
    np.add.at(table, (groups, mix), 1)
    sizes, shares = table.sum(axis=1), table.sum(axis=0) / groups.size

    wanted = np.array([groups.size - 2 * held, held, held])[:, None] * shares

    def draw() -> tuple[float, Rows]:
        order = random.permutation(len(names))
        sums = np.cumsum(sizes[order])
        test = min(int(np.argmin(np.abs(sums - held))) + 1, len(names) - 2)
        dev = min(int(np.argmin(np.abs(sums - sums[test - 1] - held))) + 1, len(names) - 1)
        parts = np.zeros(len(names), dtype=np.int64)
        parts[order[: max(dev, test + 1)]] = 1
        parts[order[:test]] = 2
        got = np.stack([table[parts == part].sum(axis=0) for part in range(3)])
        unlearnt = int(((got[0] == 0) & (shares > 0)).sum())
        return unlearnt + float((((got - wanted) / groups.size) ** 2).sum()), parts

    _, best = min((draw() for _ in range(GROUP_DRAWS)), key=lambda drawn: drawn[0])
    return best[groups]


def _by_time(series: pd.Series, held: int) -> Rows:
    """The newest rows for the test set, those before them for the dev set, the rest for training.

    A border moves to the nearest change of time where that is no farther than half the size of a held-out part, so
    that rows of one moment stay together.
    """
    when = times(series)
    _refuse_missing(series, np.isnan(when), "time")
    order = np.argsort(when, kind="stable")
    changes = np.flatnonzero(np.diff(when[order])) + 1
    if changes.size < 2:
        raise DataError(f"column {series.name!r} has {changes.size + 1} times; at least 3 are needed for three parts")

    def border(wanted: int) -> int:
        near = int(changes[np.argmin(np.abs(changes - wanted))])
        return near if abs(near - wanted) < held / 2 else wanted

    parts = np.zeros(when.size, dtype=np.int64)
    newest = border(when.size - held)
    parts[order[border(when.size - 2 * held) :]] = 1
    parts[order[newest:]] = 2
    return parts


def times(series: pd.Series) -> npt.NDArray[np.float64]:
    """A column of numbers or datetimes on one axis, shape (n,); NaN where the value is missing.

    Raises:
        DataError: a value is neither a number nor a date; the message names the row, counted from 1.
    """
    if pd.api.types.is_numeric_dtype(series):
        return numbers(series)
    when = datetimes(series)
    return np.where(when.isna(), np.nan, (when - when.min()).dt.total_seconds().to_numpy(dtype=np.float64))


def _refuse_missing(series: pd.Series, missing: npt.NDArray[np.bool_], what: str) -> None:
    if missing.any():
        place = int(np.flatnonzero(missing)[0])
        row = (int(series.index[place]) if pd.api.types.is_integer_dtype(series.index) else place) + 1
        raise DataError(f"row {row}, column {series.name!r}: the {what} is missing ({missing.sum()} rows in all)")
