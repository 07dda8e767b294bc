"""Folds: rows in parts of about one size, each of which is held out once."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from ikura.errors import DataError

__all__ = ["folds"]

Rows = npt.NDArray[np.int64]


def folds(
    rows: int, count: int, *, classes: Rows | None = None, groups: Rows | None = None, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Divide rows into folds; the same arguments give the same folds.

    Each class has its share in every fold: of no class does a fold have two rows more than another. Where there are
    groups, each is in one fold, which makes sizes and shares as even as the groups allow.

    Args:
        rows: how many rows there are.
        count: folds, at least 2.
        classes: class of every row, shape (rows,); None where there are none.
        groups: number of every row's group, shape (rows,); None where there are none.
        seed: number that picks the rows.

    Returns:
        Fold of every row, from 0, shape (rows,).

    Raises:
        DataError: there are fewer rows or groups than folds.

    Example:
        >>> np.bincount(folds(10, 3)).tolist()
        [4, 3, 3]
    """
    random = np.random.default_rng([seed, zlib.crc32(b"folds")])
    units = rows if groups is None else len(np.unique(groups))
    if units < count:
        raise DataError(f"{units} {'rows' if groups is None else 'groups'} do not make {count} folds; write fewer")
    mix = np.zeros(rows, np.int64) if classes is None else classes
    if groups is None:
        order = random.permutation(rows)
        order = order[np.argsort(mix[order], kind="stable")]
        found = np.empty(rows, np.int64)
        found[order] = np.arange(rows) % count
        return found
    return _whole_groups(groups, mix, count, random)


def _whole_groups(groups: Rows, mix: Rows, count: int, random: np.random.Generator) -> Rows:
    """The largest groups first, each to where it leaves the mix of classes the most even."""
    names, place = np.unique(groups, return_inverse=True)
    table = np.zeros((len(names), int(mix.max()) + 1), np.int64)
    np.add.at(table, (place, mix), 1)
    shares = table / np.maximum(table.sum(0), 1)
    held = np.zeros((count, table.shape[1]))
    fold = np.empty(len(names), np.int64)
    order = random.permutation(len(names))
    for group in order[np.argsort(-table[order].sum(1), kind="stable")]:
        # Who has the least of what the group has gets it: the sum of squares of all shares grows the least.
        fold[group] = int(np.argmin((held * shares[group]).sum(1)))
        held[fold[group]] += shares[group]
    empty = np.setdiff1d(np.arange(count), fold)
    for missing in empty:
        # Groups of one size each fill every fold; only classes without a common group can leave one empty.
        fullest = int(np.bincount(fold, minlength=count).argmax())
        fold[np.flatnonzero(fold == fullest)[-1]] = missing
    return fold[place]
