"""Rows that occur more than once: in several parts, or in a table that is to be divided."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.network_inputs import NetworkInputs
from ikura.data.source import Source
from ikura.data.split import Split

__all__ = ["copied_groups", "find_copies"]

MOST_BYTES = 1 << 30
MANY = 0.05
"""Share of the rows of a table that are copies of others, from which on these stay together."""


def find_copies(source: Source, rows: Split) -> list[str]:
    """Count the rows of a dev or test set that came on its own and that training has too, targets included.

    Args:
        source: the data.
        rows: rows of the three parts.

    Returns:
        A sentence for each part that has such rows.
    """
    keys = _keys(source.features)
    if keys is None:
        return []
    keys = keys ^ _target_keys(source.target if source.columns is None else source.columns)
    notes = []
    for name, part in (("dev", rows.dev), ("test", rows.test)):
        count = int(np.isin(keys[part], keys[rows.train]).sum())
        if count:
            verb = "is" if count == 1 else "are"
            notes.append(
                f"{count} of the {len(part)} {name} rows {verb} in the training set too, so that scores on them "
                "flatter; leave copies out."
            )
    return notes


def copied_groups(
    features: pd.DataFrame, target: pd.Series | pd.DataFrame, rows: npt.NDArray[np.int64]
) -> tuple[pd.Series, str] | None:
    """Group the rows of a table that are alike in all columns, target included.

    A few such rows are no harm, and where columns have few values they come by chance. Of many, those of dev and test
    set would have been trained on, and every score would flatter.

    Args:
        features: the columns that are looked at, n rows.
        target: the target, or several of them, n rows.
        rows: rows that have a target.

    Returns:
        Number of each row's group, for all n rows, and a sentence; None where fewer than 5 % of the rows are copies of
        others, or there are fewer than three different rows.

    Example:
        >>> frame = pd.DataFrame({"a": [1, 2, 3, 4, 1]})
        >>> groups, said = copied_groups(frame, pd.Series([0, 1, 0, 1, 0]), np.arange(5))
        >>> groups.tolist()
        [0, 1, 2, 3, 0]
    """
    keys = _keys(features)
    assert keys is not None
    keys = keys ^ _target_keys(target)
    different, counts = np.unique(keys[rows], return_counts=True)
    copies = len(rows) - len(different)
    if copies < MANY * len(rows) or len(different) < 3:
        return None
    alike = int(counts[counts > 1].sum())
    groups = pd.Series(pd.factorize(keys)[0], name="copies", index=features.index)
    return groups, (
        f"{alike:,} of {len(rows):,} rows are alike in all columns to another row ({len(different):,} different rows); "
        "copies stay in one part, so that no score is of rows that were trained on (--copies apart deals them out)."
    )


def _target_keys(target: pd.Series | pd.DataFrame) -> npt.NDArray[np.uint64]:
    """A number for each row's target, or targets."""
    keys = _keys(target if isinstance(target, pd.DataFrame) else target.to_frame())
    assert keys is not None
    return keys


def _keys(features: pd.DataFrame | npt.NDArray[Any] | NetworkInputs) -> npt.NDArray[np.uint64] | None:
    """A number for each row, the same for the same values; None where that would take long."""
    if isinstance(features, pd.DataFrame):
        try:
            return np.asarray(pd.util.hash_pandas_object(features, index=False), np.uint64)
        except TypeError:
            return np.asarray(pd.util.hash_pandas_object(features.astype(str), index=False), np.uint64)
    if isinstance(features, NetworkInputs):
        found = [_keys(one.array) for one in features.inputs if isinstance(one.array, np.ndarray)]
        known = [one for one in found if one is not None]
        if len(known) < len(features.inputs):
            return None
        # What is the same in another place counts as something else.
        return np.asarray(np.bitwise_xor.reduce([one * np.uint64(2 * i + 1) for i, one in enumerate(known)]), np.uint64)
    if features.nbytes > MOST_BYTES:
        return None
    return np.array([hash(row.tobytes()) for row in features], np.int64).view(np.uint64)
