"""Worker processes of one thread each: for stacked networks on the CPU, whose steps hold the interpreter's lock."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from operator import length_hint
from typing import Any

from typing_extensions import override

from ikura.engine._pool import PoolEngine, TileEnd
from ikura.engine.forking import reason_not_to_fork
from ikura.engine.serial import SerialEngine
from ikura.population.job import Job, TileProgress, train
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup

__all__ = ["ProcessEngine", "end_with_parent"]

_setup: TrainingSetup
_messages: Any
_stop: Any


def _begin(setup: TrainingSetup, messages: Any, stop: Any) -> None:
    global _setup, _messages, _stop
    _setup, _messages, _stop = setup, messages, stop
    # What there was before the fork stays: to look through all of it for garbage takes as long as many epochs.
    gc.freeze()
    leave_signals_to_parent()
    end_with_parent()


def leave_signals_to_parent() -> None:
    """Ignore the signals that the parent handles: one to the whole group, as Ctrl-C is, reaches the workers as well."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and (name == "SIGINT" or callable(signal.getsignal(number))):
            signal.signal(number, signal.SIG_IGN)


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
        return train(_setup, job, _messages.put, _stop.is_set)
    finally:
        _messages.put(TileEnd(job.number))


class ProcessEngine(PoolEngine):
    """Runs each job in one of several forked processes; what the training setup holds need not be picklable.

    No more processes are begun than there are tiles at once. Where none can be, this thread runs one job after another.

    Args:
        setup: examples, task, network.
        jobs: number of processes at most.
        say: told why there are none.
    """

    work = staticmethod(_work)
    overtakes = True

    def __init__(self, setup: TrainingSetup, jobs: int, say: Callable[[str], None] = lambda line: None) -> None:
        self.setup, self.jobs, self.say = setup, jobs, say
        self.workers = 0
        self.said = ""

    @override
    def run(self, jobs: Iterable[Job | None], tell: Callable[[TileProgress], None]) -> Iterator[list[Outcome]]:
        if not self._begun(min(self.jobs, length_hint(jobs, self.jobs))):
            return SerialEngine(self.setup).run(jobs, tell)
        return super().run(jobs, tell)

    def _begun(self, wanted: int) -> bool:
        """See to it that there are so many workers, or as many as there can be; whether there are any."""
        if wanted > max(self.workers, 1):
            reason = reason_not_to_fork()
            if reason:
                self._explain(reason)
            else:
                self.close()
                context = multiprocessing.get_context("fork")
                self.messages, self.stop = context.Queue(), context.Event()
                self.pool = ProcessPoolExecutor(wanted, context, _begin, (self.setup, self.messages, self.stop))
                self.workers = wanted
        return self.workers > 0

    def _explain(self, reason: str) -> None:
        if reason != self.said:
            self.say(f"tiles train one after another, in this thread: {reason}")
            self.said = reason

    @override
    def close(self) -> None:
        if self.workers:
            super().close()
            self.messages.close()
            self.workers = 0
