"""Worker processes of one thread each: for stacked networks on the CPU, whose steps hold the interpreter's lock."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from ikura.engine._pool import Ended, PoolEngine
from ikura.population.job import Job, Outcome, train
from ikura.population.workshop import Workshop

__all__ = ["ProcessEngine", "end_with_parent"]

_workshop: Workshop
_told: Any
_stop: Any


def _begin(workshop: Workshop, told: Any, stop: Any) -> None:
    global _workshop, _told, _stop
    _workshop, _told, _stop = workshop, told, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def end_with_parent() -> None:
    """Let this worker leave when its parent has been killed: nobody waits for the results."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(job: Job) -> list[Outcome]:
    try:
        return train(_workshop, job, _told.put, _stop.is_set)
    finally:
        _told.put(Ended(job.number))


class ProcessEngine(PoolEngine):
    """Runs each job in one of several forked processes; what the workshop holds need not be picklable.

    Args:
        workshop: examples, task, network.
        jobs: number of processes.
    """

    work = staticmethod(_work)
    overtakes = True

    def __init__(self, workshop: Workshop, jobs: int) -> None:
        context = multiprocessing.get_context("fork")
        self.told, self.stop = context.Queue(), context.Event()
        self.pool = ProcessPoolExecutor(jobs, context, _begin, (workshop, self.told, self.stop))

    def close(self) -> None:
        super().close()
        self.told.close()
