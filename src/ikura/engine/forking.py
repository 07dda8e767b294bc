"""How many workers there may be, and whether processes can be forked here and now."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable
from types import FrameType

from ikura.process_state import cores

__all__ = ["reason_not_to_fork", "worker_count"]

BUSY = ("ikura", "numba", "torch")
"""Packages that hold locks of their own while they work; a child that is forked then finds them held for ever."""


def worker_count(jobs: int, say: Callable[[str], None] = lambda line: None) -> int:
    """How many workers are begun where so many were asked for: no more than there are cores.

    Example:
        >>> worker_count(1)
        1
    """
    if jobs <= cores():
        return jobs
    say(f"{cores()} of {jobs} jobs: there are no more cores than that")
    return cores()


def reason_not_to_fork() -> str:
    """Why no worker processes can be forked; an empty text if they can.

    Example:
        >>> reason_not_to_fork()
        ''
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return "processes cannot be forked on this system"
    if multiprocessing.current_process().daemon:
        return "this process is a worker of multiprocessing, which may begin no others"
    if _others_at_work():
        return "another thread is at work with networks, and processes that are begun beside it could hang"
    return ""


def _others_at_work() -> bool:
    """Whether another thread of this process is inside of one of `BUSY`."""
    own = threading.get_ident()
    return any(_inside(frame) for thread, frame in sys._current_frames().items() if thread != own)


def _inside(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in BUSY:
            return True
        frame = frame.f_back
    return False
