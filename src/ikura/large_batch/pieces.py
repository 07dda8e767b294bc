"""Pieces of work done one after another, or by several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

import torch

from ikura.engine.processes import end_with_parent
from ikura.errors import IkuraError

__all__ = ["done"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_work: Callable[[Any], Any]


def done(work: Callable[[Piece], Result], pieces: Sequence[Piece], jobs: int) -> Iterator[tuple[int, Result]]:
    """Do pieces of work, each with one thread of torch; results are the same with any number of jobs.

    Args:
        work: what is done for a piece; it need not be picklable, pieces and results must be.
        pieces: what there is to do.
        jobs: processes; with one, or where processes cannot be forked, this one does it.

    Yields:
        The place of a piece and its result, as they are done.

    Raises:
        IkuraError: a process was killed.

    Example:
        >>> sorted(done(lambda piece: piece ** 2, [3, 4], 1))
        [(0, 9), (1, 16)]
    """
    if min(jobs, len(pieces)) < 2 or "fork" not in multiprocessing.get_all_start_methods():
        torch.set_num_threads(1)
        for place, piece in enumerate(pieces):
            yield place, work(piece)
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
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))
    end_with_parent()


def _do(piece: Any) -> Any:
    return _work(piece)
