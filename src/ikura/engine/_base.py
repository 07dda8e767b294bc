"""Where tiles run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

from ikura.population.job import Job, TileProgress
from ikura.population.outcome import Outcome

__all__ = ["SECONDS_BETWEEN_LOOKS", "Engine"]

SECONDS_BETWEEN_LOOKS = 0.1
"""How long an engine that has nothing to train waits before it asks for a job again."""


class Engine(ABC):
    """Runs the jobs of a study; results come in any order and do not depend on it."""

    @abstractmethod
    def run(self, jobs: Iterable[Job | None], tell: Callable[[TileProgress], None]) -> Iterator[list[Outcome]]:
        """Train tiles.

        Args:
            jobs: in the order in which they are begun. Each is taken when there is somebody to train it, or soon will
                be; None says that there is nothing to begin now, but may be later.
            tell: called in the caller's thread with what tiles in training tell.

        Yields:
            The outcomes of each job as it ends.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what the engine holds."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
