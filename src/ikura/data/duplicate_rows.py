"""Rows of the dev or test set that are also in the training set."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.network_inputs import NetworkInputs
from ikura.data.source import Source
from ikura.data.split import Split

__all__ = ["find_copies"]

MOST_BYTES = 1 << 30


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
    keys = keys ^ pd.util.hash_array(source.target.astype(str).to_numpy(dtype=object))
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
