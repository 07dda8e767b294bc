"""Threads of this process: for the compiled kernel, which runs without the interpreter's lock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from ikura.engine._pool import PoolEngine
from ikura.population.job import Job, train
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup

__all__ = ["ThreadEngine"]


class ThreadEngine(PoolEngine):
    """Runs each job in one of several threads.

    Args:
        setup: examples, task, network.
        jobs: number of threads.
    """

    def __init__(self, setup: TrainingSetup, jobs: int) -> None:
        self.messages = SimpleQueue()
        self.stop = threading.Event()
        self.pool, self.workers = ThreadPoolExecutor(jobs, "ikura"), jobs

        def work(job: Job) -> list[Outcome]:
            return train(setup, job, self.messages.put, self.stop.is_set)  # type: ignore[attr-defined]

        self.work = work
