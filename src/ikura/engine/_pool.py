"""What engines with several workers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from queue import Empty
from typing import Any, Protocol

from ikura.engine._base import Engine
from ikura.errors import IkuraError
from ikura.population.job import Job, Outcome, Told

__all__ = ["PoolEngine"]


class Flag(Protocol):
    """An event that all workers see."""

    def set(self) -> None: ...
    def clear(self) -> None: ...


def _result(future: Future[list[Outcome]]) -> list[Outcome]:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise IkuraError("a worker process was killed, perhaps for want of memory; resume with fewer jobs") from error


class PoolEngine(Engine):
    """Submits jobs to an executor and collects what its workers tell.

    Attributes:
        pool: the executor.
        told: queue on which workers put what they tell.
        stop: set when workers should save their tiles and leave.
        work: what a worker runs for a job.
    """

    pool: Executor
    told: Any
    stop: Flag
    work: Callable[[Job], list[Outcome]]

    def run(self, jobs: Sequence[Job], tell: Callable[[Told], None]) -> Iterator[list[Outcome]]:
        waiting: set[Future[list[Outcome]]] = {self.pool.submit(self.work, job) for job in jobs}
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for told in self._drain():
                    tell(told)
                for future in ended:
                    yield _result(future)
        finally:
            self.stop.set()
            for future in waiting:
                future.cancel()
            wait(waiting)
            self.stop.clear()

    def _drain(self) -> list[Told]:
        """What came in since the last time, taken together for each tile."""
        found: dict[int, Told] = {}
        while True:
            try:
                told: Told = self.told.get_nowait()
            except Empty:
                return list(found.values())
            found[told.tile] = told._replace(epochs=told.epochs + found.get(told.tile, Told()).epochs)

    def close(self) -> None:
        self.stop.set()
        self.pool.shutdown(cancel_futures=True)
