"""How much of the data is held in memory."""

from __future__ import annotations

import os

__all__ = ["memory_limit"]

SHARE = 0.25
UNKNOWN = 4 << 30


def memory_limit() -> int:
    """Bytes up to which one array is held in memory: a quarter of this machine's."""
    try:
        return int(SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return int(SHARE * UNKNOWN)
