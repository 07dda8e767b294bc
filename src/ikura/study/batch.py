"""Batches: trials that are trained alike, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ikura.population.job import Job
from ikura.population.outcome import Outcome
from ikura.study.record.trial import Trial

__all__ = ["Batch", "TrainOptions", "TrainingState"]

TrainingState = dict[str, np.ndarray]
"""What a member goes on from."""


@dataclass(frozen=True)
class TrainOptions:
    """How trials are trained, beside how far.

    Attributes:
        patience: epochs without improvement before a member stops; None never stops one.
        budget: epochs of a whole training; who has come that far has ended.
        state: what a trial goes on from after so many epochs, or the job that trains it again.
        going_on: whether members that do not end carry the state that they go on from.
        losses: whether the loss on each dev example is recorded.
        weights: whether outcomes carry weights.
        best: whether the best one's of each tile does, and every one that ends its evidence.
        each: called with the outcomes of those of a tile that have ended, before they are recorded.
    """

    patience: int | None
    budget: int
    state: Callable[[int, int], TrainingState | Job] | None = None
    going_on: bool = False
    losses: bool = False
    weights: bool = False
    best: bool = False
    each: Callable[[list[Outcome]], None] = lambda outcomes: None


@dataclass(frozen=True)
class Batch:
    """Trials that are trained alike.

    Attributes:
        rows: trials of the store that have not come so far.
        until: epochs in all, by trial.
        options: how.
    """

    rows: Sequence[Trial]
    until: Mapping[int, int]
    options: TrainOptions

    @cached_property
    def by_number(self) -> dict[int, Trial]:
        """The trials by their numbers."""
        return {row.number: row for row in self.rows}

    @cached_property
    def since(self) -> dict[int, int]:
        """Epochs that the trials had trained before, by trial."""
        return {row.number: row.epochs for row in self.rows}
