"""This very thread: for an accelerator, for one job, and where processes cannot be forked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from typing_extensions import override

from ikura.engine._base import SECONDS_BETWEEN_LOOKS, Engine
from ikura.population.job import Job, TileProgress, train
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup

__all__ = ["SerialEngine"]


class SerialEngine(Engine):
    """Runs one job after another.

    Args:
        setup: examples, task, network.
    """

    def __init__(self, setup: TrainingSetup) -> None:
        self.setup = setup

    @override
    def run(self, jobs: Iterable[Job | None], tell: Callable[[TileProgress], None]) -> Iterator[list[Outcome]]:
        for job in jobs:
            if job is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
            else:
                yield train(self.setup, job, tell)

    def close(self) -> None:
        """Nothing is held."""
