"""Ctrl-C, and other signals that raise an exception, wait for what must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["uninterrupted"]

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt (SIGINT, and SIGTERM and SIGHUP where they are handled) back until the block has ended.

    An exception that Ctrl-C raises in the middle of a transaction may pass by its ending: the connection keeps its lock
    for as long as the exception is held, and no other one of the process can write.

    Off the main thread, where Python never raises the interrupt, this does nothing.

    Example:
        >>> with uninterrupted():
        ...     pass
    """
    handlers = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    if threading.current_thread() is not threading.main_thread() or not handlers:
        yield
        return
    held: list[tuple[int, Any]] = []
    for number in handlers:
        signal.signal(number, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if held:
            handlers[held[0][0]](*held[0])
