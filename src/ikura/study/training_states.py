"""States: what trials go on from, between one round and the next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ikura.files import write_atomically
from ikura.population.job import Job
from ikura.population.outcome import Outcome
from ikura.population.snapshot import packed, unpacked
from ikura.study.batch import TrainingState, TrainOptions
from ikura.study.executor import Executor
from ikura.study.lineage import own_segments
from ikura.study.steered import changes_of
from ikura.trial_state import State

__all__ = ["States", "as_copy"]

SECONDS = 30.0
"""How often states are written to a file, at most."""

REQUIRED = {"epoch", "curve", "seconds", "feedback", "followed"}
"""Arrays that every state has; one that was written under other names is made again."""


def as_copy(state: TrainingState) -> TrainingState:
    """What a copy begins with: all that its parent had, but for the time that it took."""
    return state | {"seconds": np.zeros_like(state["seconds"])}


@dataclass
class States:
    """The states of a stage's running trials: in memory, from time to time in a file, and otherwise made again.

    What a killed process had in memory is trained again, in the same tiles, so it is the same to the bit; the file
    bounds how much that is.

    Attributes:
        executor: where it happens.
        path: the file.
        options: how trials are trained.
    """

    executor: Executor
    path: Path
    options: TrainOptions
    _known: dict[tuple[int, int], TrainingState] | None = None
    _saved: float = field(default_factory=time.monotonic)

    @property
    def known(self) -> dict[tuple[int, int], TrainingState]:
        """States by trial and epochs."""
        if self._known is None:
            self._known = _load(self.path)
        return self._known

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Keep what a tile's members go on from."""
        for outcome in outcomes:
            if outcome.going_on is not None and outcome.state is State.COMPLETE:
                self.known[outcome.number, len(outcome.curve)] = outcome.going_on

    def keep(self, running: Mapping[int, int]) -> None:
        """Forget all but the states of these trials after so many epochs, and write the file if it is time."""
        self._known = {key: self.known[key] for key in running.items() if key in self.known}
        if time.monotonic() - self._saved >= SECONDS:
            arrays = {f"{n}/{epochs}/{name}": a for (n, epochs), s in self.known.items() for name, a in s.items()}
            write_atomically(self.path, packed(arrays))
            self._saved = time.monotonic()

    def __call__(self, number: int, epochs: int) -> TrainingState:
        """Return what a trial goes on from after so many epochs; a copy that has not trained has its parent's."""
        if (number, epochs) not in self.known:
            segments = own_segments(self.executor.ledger, number, epochs)
            if segments:
                self._again(segments[-1].tile, epochs)
            else:
                self.known[number, epochs] = as_copy(self(self.executor.store.trials()[number].origin, epochs))
        return self.known[number, epochs]

    def _again(self, tile: int, epochs: int) -> None:
        """Train a tile again, to so many epochs, for the states that were lost with a process."""
        segments = self.executor.ledger.of_tile(tile)
        trials = self.executor.store.trials()
        rows = [trials[segment.trial] for segment in segments]
        job = Job(
            tile,
            tuple(row.member for row in rows),
            epochs,
            self.options.patience,
            states={segment.trial: self(segment.trial, segment.since) for segment in segments if segment.since},
            keep_states=True,
            budget=self.options.budget,
            changes=changes_of(self.executor.store, rows),
        )
        for outcomes in self.executor.engine.run([job], lambda message: None):
            self.take(outcomes)


def _load(path: Path) -> dict[tuple[int, int], TrainingState]:
    """Read the file; one that is missing or damaged counts as empty, and a state without `REQUIRED` arrays as none."""
    found: dict[tuple[int, int], TrainingState] = {}
    for name, array in (unpacked(path) or {}).items():
        number, epochs, part = name.split("/", 2)
        found.setdefault((int(number), int(epochs)), {})[part] = array
    return {key: state for key, state in found.items() if state.keys() >= REQUIRED}
