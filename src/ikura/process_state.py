"""What belongs to the whole process and is changed for a while, though several threads may work."""

from __future__ import annotations

import logging
import os
import platform
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any

from ikura.lazy_torch import torch, torch_is_imported

__all__ = [
    "Shared",
    "cores",
    "end_at_once",
    "ends_at_once",
    "ignored_warnings",
    "one_thread_each",
    "processor",
    "quieter",
    "warning_filters",
]

_LOCK = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)

_LEVELS: dict[str, tuple[int, list[int]]] = {}
"""Of each logger that is held quieter, its own level and those it is held at."""


_ends_at_once = False


def end_at_once() -> None:
    """Note that something in this process may never end by itself, and so must not be waited for at its end."""
    global _ends_at_once
    _ends_at_once = True


def ends_at_once() -> bool:
    """Whether something in this process may never end by itself."""
    return _ends_at_once


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The kind of processor, by which libraries choose how they compute."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine() or "unknown"


class Shared:
    """A change of the process that blocks of several threads hold together: the first makes it, the last undoes it.

    If each block put back what it had found, two that overlap could leave the change behind for ever.

    Args:
        change: makes the change; left when it is to be undone.

    Example:
        >>> from contextlib import contextmanager
        >>> @contextmanager
        ... def change():
        ...     print("made")
        ...     yield
        ...     print("undone")
        >>> shared = Shared(change)
        >>> with shared, shared:
        ...     print("inside")
        made
        inside
        undone
    """

    def __init__(self, change: Callable[[], AbstractContextManager[object]]) -> None:
        self._change = change
        self._holders = 0
        self._made: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        with _LOCK:
            if not self._holders:
                made = self._change()
                made.__enter__()
                self._made = made
            self._holders += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _LOCK:
            self._holders -= 1
            if not self._holders and self._made is not None:
                self._made.__exit__(None, None, None)
                self._made = None


@contextmanager
def _limited() -> Iterator[None]:
    import scipy.linalg.cython_blas  # noqa: F401  the library whose threads are to be limited must be loaded
    import threadpoolctl

    limits = threadpoolctl.threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        # Newer versions let none but the thread that set the limits put them back; the last one out may be another.
        release = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", lambda force: None)
        release(force=True)
        limits.restore_original_limits()
        release(force=True)


_LIMITED = Shared(_limited)


@contextmanager
def one_thread_each(torch_too: bool = True) -> Iterator[None]:
    """Keep torch and the linear-algebra libraries to one thread, so that every worker has a core of its own.

    On the number of threads rounding depends. Torch's number is the calling thread's own; that of the other libraries
    is put back when the last such block of all threads has ended.

    Args:
        torch_too: whether torch is used inside; where it is not, and nobody has imported it, it is not imported.

    Example:
        >>> import torch
        >>> with one_thread_each():
        ...     torch.get_num_threads()
        1
    """
    if not torch_too and not torch_is_imported():
        with _LIMITED:
            yield
        return
    threads = torch.get_num_threads()
    try:
        with _LIMITED:
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(threads)


def warning_filters(*filters: tuple[str, type[Warning]]) -> Shared:
    """Put filters of warnings in front of all others, for all threads.

    `warnings.catch_warnings` puts the whole list back that it found, so that of two blocks that overlap the filters of
    one stay for ever; here each filter is taken away by itself, also from a list that such a block will put back.

    Args:
        filters: action and category of each; what comes later is looked at first.

    Returns:
        What is to be kept in one place and entered by every block.
    """

    @contextmanager
    def change() -> Iterator[None]:
        added = [(action, _mark(), category, None, 0) for action, category in filters]
        there: Any = warnings.filters
        there[:0] = reversed(added)
        try:
            yield
        finally:
            # Where somebody else's block goes on, the list that it will put back is another than the present one.
            now: Any = warnings.filters
            for place in [now] if now is there else [now, there]:
                for one in added:
                    with suppress(ValueError):
                        place.remove(one)

    return Shared(change)


def _mark() -> re.Pattern[str]:
    """A pattern that every message fits and that no filter of another's has."""
    return re.compile("(?#ikura)")


ignored_warnings = warning_filters(("ignore", Warning))
"""Ignores all warnings."""


@contextmanager
def quieter(logger: str, level: int) -> Iterator[None]:
    """Let a logger and those below it say nothing below a level, for all threads.

    Example:
        >>> with quieter("ikura.example", logging.ERROR):
        ...     logging.getLogger("ikura.example").isEnabledFor(logging.WARNING)
        False
    """
    named = logging.getLogger(logger)
    with _LOCK:
        before, held = _LEVELS.setdefault(logger, (named.level, []))
        held.append(level)
        named.setLevel(max([before, *held]))
    try:
        yield
    finally:
        with _LOCK:
            held.remove(level)
            named.setLevel(max([before, *held]))
            if not held:
                del _LEVELS[logger]
