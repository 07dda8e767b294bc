"""Ctrl-C waits for what must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["uninterrupted"]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt (SIGINT) back until the block has ended; then it comes.

    An exception that Ctrl-C raises in the middle of a transaction may pass by its ending: the connection keeps its lock
    for as long as the exception is held, and no other one of the process can write.

    Off the main thread, where Python never raises the interrupt, this does nothing.

    Example:
        >>> with uninterrupted():
        ...     pass
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])
