"""How many numbers stand for an embedded category."""

from __future__ import annotations

from math import ceil, sqrt

__all__ = ["usual_size"]


def usual_size(cardinality: int) -> int:
    """Choose the width of an embedding: the root of the number of categories, at most 16.

    Example:
        >>> [usual_size(c) for c in (17, 100, 5000)]
        [5, 10, 16]
    """
    return min(16, ceil(sqrt(cardinality)))
