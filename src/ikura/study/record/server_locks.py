"""The keys of advisory locks, by which a study on a PostgreSQL server has one writer."""

from __future__ import annotations

__all__ = ["LOCKS", "lock_key"]

LOCKS = 0x696B7572
"""The upper half of the keys; the lower half is the number of a study's schema."""


def lock_key(number: int) -> int:
    """The key of the lock of the study whose schema has this number."""
    return LOCKS << 32 | number
