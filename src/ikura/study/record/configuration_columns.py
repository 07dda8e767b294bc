"""Many configurations as columns, one for each hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

__all__ = ["columns_of"]


def columns_of(configurations: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Lay configurations out in columns.

    Args:
        configurations: name to value.

    Returns:
        Name to the value of each configuration, None where one has none; names in the order in which they first appear.

    Example:
        >>> columns_of([{"units": 8}, {"units": 9, "momentum": 0.5}])
        {'units': [8, 9], 'momentum': [None, 0.5]}
    """
    kinds = dict.fromkeys(map(tuple, configurations))
    names = dict.fromkeys(name for kind in kinds for name in kind)
    return {
        name: list(map(itemgetter(name), configurations))
        if all(name in kind for kind in kinds)
        else [one.get(name) for one in configurations]
        for name in names
    }
