"""Names of several targets that come beside their features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikura.data.arrays import as_frame, check_order, plain_target
from ikura.errors import DataError

__all__ = ["as_one_table", "column_names", "one_name", "plain_names"]


def as_one_table(x: Any, y: Any, target: str | Sequence[str] | None) -> tuple[pd.DataFrame, list[str]] | None:
    """Put a table and several targets of its rows into one table, so that these are read as columns are.

    Args:
        x: the features.
        y: the targets: a frame of several columns, or an array of shape (n, targets).
        target: names of the targets, where they have none; by default target_0, target_1, …

    Returns:
        The table and the names of the targets; None where x is no frame, or y has one value for each row.

    Raises:
        DataError: they do not fit each other, or a name is there twice.
    """
    features = as_frame(x)
    targets = as_frame(y)
    if features is None or (targets is None and np.ndim(y) != 2) or (targets is not None and targets.shape[1] < 2):
        return None
    if targets is None:
        values, _ = plain_target(y)
        if values.ndim < 2:
            return None
        targets = pd.DataFrame(values).add_prefix("target_")
    if len(features) != len(targets):
        raise DataError(f"x has {len(features)} rows and y has {len(targets)}; they must have the same number")
    check_order(features, targets)
    names = column_names(target, targets.shape[1]) or list(map(str, targets.columns))
    known = set(map(str, features.columns))
    if both := [name for name in names if name in known]:
        raise DataError(f"the target's name {both[0]!r} is also a column of x; name the target otherwise")
    targets = targets.set_axis(names, axis=1).reset_index(drop=True)
    return pd.concat([features.reset_index(drop=True), targets], axis=1), names


def plain_names(target: Any) -> str | list[str] | None:
    """What a target is called as texts: a name, or a list of several.

    Example:
        >>> plain_names(None), plain_names(["a"]), plain_names(("a", 3))
        (None, 'a', ['a', '3'])
    """
    if target is None or isinstance(target, str) or not isinstance(target, Iterable):
        return None if target is None else str(target)
    names = list(map(str, target))
    return names[0] if len(names) == 1 else names


def column_names(target: str | Sequence[str] | None, columns: int) -> list[str] | None:
    """The names that a target names several columns of y by; None where it names y as a whole, or nothing.

    Raises:
        DataError: there are more or fewer names than columns.

    Example:
        >>> column_names("a, b", 2), column_names("a, b", 3), column_names(None, 2)
        (['a', 'b'], None, None)
    """
    if target is None:
        return None
    names = [part.strip() for part in target.split(",")] if isinstance(target, str) else list(map(str, target))
    if len(names) == columns and len(set(names)) == columns:
        return names
    if isinstance(target, str):
        return None
    raise DataError(f"target names {len(names)} columns, and y has {columns}; give a name of its own to each")


def one_name(target: str | Sequence[str] | None) -> str | None:
    """The name of y as a whole.

    Raises:
        DataError: several are named.
    """
    if target is None or isinstance(target, str):
        return target
    if len(target) != 1:
        raise DataError(f"target names {len(target)} columns, and y has one value for each example; give one name")
    return str(target[0])
