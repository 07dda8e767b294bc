"""Python's garbage collector where objects are made by the hundred thousand, nearly all of them to stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ikura.process_state import Shared

__all__ = ["fewer_collections", "no_collections"]

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


@contextmanager
def _off() -> Iterator[None]:
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


_SELDOM = Shared(_high_thresholds)
_NEVER = Shared(_off)


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


@contextmanager
def no_collections() -> Iterator[None]:
    """Let the garbage collector rest while a study's records are read and put on a page.

    Of a hundred thousand trials they are millions of objects without a cycle among them, and what is not needed any
    more goes without the collector. One that is off already stays off.

    Example:
        >>> with no_collections():
        ...     records = [(number, {"units": 8}) for number in range(3)]
    """
    with _NEVER:
        yield
