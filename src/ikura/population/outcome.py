"""What becomes of a member of a tile that was trained."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ikura.trial_state import State

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What became of one member.

    Attributes:
        number: the trial's number.
        tile, place: where it ran.
        state: complete, diverged, frozen or stopped.
        curve: (train loss, dev loss, dev score) after each epoch, shape (epochs, 3).
        best_epoch: the epoch whose weights are kept, from 1; 0 if there is none, or the member is frozen.
        dev_loss, dev_score, train_loss, train_score: at the best epoch, NaN if there is none.
        seconds: the member's share of its tile's time.
        weights, buffers: the best ones, if the job keeps them.
        going_on: what a later round goes on from, if the job keeps it; of a paused one always, if it is known.
        dev_losses: loss on each dev example after the last epoch, float64 of shape (dev examples,), if the job keeps it
            and the member still trains.
        evidence: what `ikura.metric.evidence` keeps of the best weights' predictions of the dev examples, if the job
            keeps the best.
        distances: ‖w - w_0‖ of each parameter, by name, after each epoch, float64 of shape (epochs,), if the job keeps
            them.
        measures: further metrics of the best weights on the dev set, by name; NaN if there are none.
        values: what else is recorded of its epochs, by name, float64 of shape (epochs,).
        paused: whether it stands still, to go on when it is told to.
    """

    number: int
    tile: int
    place: int
    state: State
    curve: np.ndarray
    best_epoch: int
    dev_loss: float
    dev_score: float
    train_loss: float
    train_score: float
    seconds: float
    weights: np.ndarray | None = None
    buffers: dict[str, np.ndarray] | None = None
    going_on: dict[str, np.ndarray] | None = None
    dev_losses: np.ndarray | None = None
    evidence: np.ndarray | None = None
    distances: dict[str, np.ndarray] | None = None
    measures: dict[str, float] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    paused: bool = False

    @property
    def scored(self) -> bool:
        """Whether it was trained, to its end or the deadline, to a dev score."""
        return self.state.trained and self.best_epoch > 0 and bool(np.isfinite(self.dev_score))

    def rank_key(self, sign: float) -> tuple[float, float, int]:
        """By what the best one is chosen: dev score (sign 1: greater is better; -1: lower), dev loss, number."""
        return sign * self.dev_score, -self.dev_loss, -self.number
