"""Pieces of work done one after another, or by several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

import torch

from ikura.engine.forking import reason_not_to_fork
from ikura.engine.processes import end_with_parent
from ikura.errors import IkuraError
from ikura.process_state import one_thread_each

__all__ = ["in_parallel"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_work: Callable[[Any], Any]


def in_parallel(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], jobs: int, say: Callable[[str], None] = lambda line: None
) -> Iterator[tuple[int, Result]]:
    """Do pieces of work, each with one thread of torch; results are the same with any number of jobs.

    Args:
        work: what is done for a piece; it need not be picklable, pieces and results must be.
        pieces: what there is to do.
        jobs: processes; with one, or where processes cannot be forked, this one does it.
        say: told why they cannot be forked.

    Yields:
        The place of a piece and its result, as they are done.

    Raises:
        IkuraError: a process was killed.

    Example:
        >>> sorted(in_parallel(lambda piece: piece ** 2, [3, 4], 1))
        [(0, 9), (1, 16)]
    """
    several = min(jobs, len(pieces)) > 1
    reason = reason_not_to_fork() if several else ""
    if reason:
        say(f"pieces are done one after another, in this thread: {reason}")
    if reason or not several:
        with one_thread_each():
            yield from ((place, work(piece)) for place, piece in enumerate(pieces))
        return
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(min(jobs, len(pieces)), context, _begin, (work,))
    try:
        places = {pool.submit(_do, piece): place for place, piece in enumerate(pieces)}
        for future in as_completed(places):
            yield places[future], future.result()
    except BrokenExecutor as error:
        raise IkuraError("a worker process was killed, perhaps for want of memory; try fewer jobs") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work
    torch.set_num_threads(1)
    # An interrupt reaches all processes of a terminal; the parent says what there is to say.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and callable(signal.getsignal(number)):
            signal.signal(number, lambda *_: os._exit(1))
    end_with_parent()


def _do(piece: Any) -> Any:
    return _work(piece)
