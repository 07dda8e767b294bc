"""This very thread: for an accelerator, for one job, and where processes cannot be forked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from typing_extensions import override

from ikura.engine._base import Engine
from ikura.population.job import Job, Outcome, TileProgress, train
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
    def run(self, jobs: Sequence[Job], tell: Callable[[TileProgress], None]) -> Iterator[list[Outcome]]:
        for job in jobs:
            yield train(self.setup, job, tell)

    def close(self) -> None:
        """Nothing is held."""
