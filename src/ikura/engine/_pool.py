"""What engines with several workers share."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from queue import Empty
from typing import Any, NamedTuple, Protocol

from ikura.engine._base import SECONDS_BETWEEN_LOOKS, Engine
from ikura.errors import IkuraError
from ikura.population.job import Job, TileProgress
from ikura.population.outcome import Outcome

__all__ = ["PoolEngine", "TileEnd"]

END = "end"
"""Stands behind the last job."""
LATE = 1.0
"""Seconds that are waited for the last words on a tile whose result is there: its worker may have been killed."""


class TileEnd(NamedTuple):
    """The last thing that a worker puts on the queue for a tile, where results may overtake it."""

    tile: int


class SharedFlag(Protocol):
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
        workers: how many jobs it runs at once.
        messages: queue on which workers put what they tell.
        stop: set when workers should save their tiles and leave.
        work: what a worker runs for a job.
        overtakes: whether a result may be there before what its worker told; `work` then puts `TileEnd` at the end.
    """

    pool: Executor
    workers: int
    messages: Any
    stop: SharedFlag
    work: Callable[[Job], list[Outcome]]
    overtakes = False

    def run(self, jobs: Iterable[Job | None], tell: Callable[[TileProgress], None]) -> Iterator[list[Outcome]]:
        supply: Iterator[Job | None] = iter(jobs)
        more = True
        tiles: dict[Future[list[Outcome]], int] = {}
        waiting, silent = set[Future[list[Outcome]]](), set[int]()
        try:
            while more or waiting:
                # One job more than there are workers is begun, so that none of them waits for the next one.
                while more and len(waiting) <= self.workers:
                    job = next(supply, END)
                    if not isinstance(job, Job):
                        more = job is None
                        break
                    future = self.pool.submit(self.work, job)
                    waiting.add(future)
                    tiles[future] = job.number
                    if self.overtakes:
                        silent.add(job.number)
                if not waiting:
                    if more:
                        time.sleep(SECONDS_BETWEEN_LOOKS)
                    continue
                ended, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for message in self._drain(silent, {tiles[future] for future in ended}):
                    tell(message)
                # In the order in which they were begun, whatever else the machine does.
                for future in [one for one in tiles if one in ended]:
                    del tiles[future]
                    yield _result(future)
        finally:
            if waiting:
                self.stop.set()
                for future in waiting:
                    future.cancel()
                wait(waiting)
                self.stop.clear()

    def _drain(self, silent: set[int], ended: Collection[int]) -> list[TileProgress]:
        """What came in since the last time, taken together for each tile; of tiles that have ended, all of it.

        Args:
            silent: tiles of which `TileEnd` has not come; changed in place.
            ended: tiles whose results are there.
        """
        found: dict[int, TileProgress] = {}
        latest = time.monotonic() + LATE
        while True:
            try:
                late = max(latest - time.monotonic(), 0.0) if silent.intersection(ended) else 0.0
                message: TileProgress | TileEnd = (
                    self.messages.get(timeout=late) if late else self.messages.get_nowait()
                )
            except Empty:
                return list(found.values())
            if isinstance(message, TileEnd):
                silent.discard(message.tile)
            else:
                found[message.tile] = message._replace(
                    epochs=message.epochs + found.get(message.tile, TileProgress()).epochs
                )

    def close(self) -> None:
        self.stop.set()
        self.pool.shutdown(cancel_futures=True)
