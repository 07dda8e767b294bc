"""Python's garbage collector at start-up."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ikura.process_state import Shared

__all__ = ["fewer_collections"]

ALLOCATIONS = 20_000
"""Net allocations between two collections; Python 3.11 has 700."""


@contextmanager
def _high_thresholds() -> Iterator[None]:
    young, *older = gc.get_threshold()
    if 0 < young < ALLOCATIONS:
        gc.set_threshold(ALLOCATIONS)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)


_SELDOM = Shared(_high_thresholds)


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Let the garbage collector run seldom while modules are imported and compiled code is loaded.

    Both make objects by the hundred thousand, nearly all of them to stay, and each full collection examines all of them
    again. Thresholds that are higher already stay as they are, as does a collector that is off.

    Example:
        >>> with fewer_collections():
        ...     import json
    """
    with _SELDOM:
        yield
