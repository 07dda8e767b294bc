"""A trial as it is recorded: what was tried, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ikura.population.member import Member
from ikura.trial_state import State

__all__ = ["FINAL_STAGE", "Purpose", "Trial", "ranked"]

FINAL_STAGE = 1_000_000
"""What tables show as the finalists' stage, behind all stages of the search."""


COMPARABLE = frozenset(one for one in State if one.comparable)


class Purpose(StrEnum):
    """What a trial is for."""

    SEARCH = "search"
    FINALIST = "finalist"


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial.

    Attributes:
        number: from 0, in the order in which trials were proposed.
        purpose: search, or finalist: one of the best configurations trained again with another seed.
        stage: index of its stage.
        seed: key of all its draws.
        hyperparameters: what it tries.
        parent: a finalist's trial of the search, or the trial that one of the search began as a copy of.
        state: how it stands.
        dev_score, dev_loss, train_score, train_loss: at the best epoch; None where there is none, or it is no number.
        epochs: how many it trained.
        best_epoch: the epoch with the lowest dev loss, from 1; None where there is none.
        seconds: its share of its tiles' time.
    """

    number: int
    purpose: Purpose
    stage: int
    seed: int
    hyperparameters: Mapping[str, Any]
    parent: int | None = None
    state: State = State.WAITING
    dev_score: float | None = None
    dev_loss: float | None = None
    train_score: float | None = None
    train_loss: float | None = None
    epochs: int = 0
    best_epoch: int | None = None
    seconds: float = 0.0

    @property
    def searched(self) -> bool:
        """Whether it is a trial of the search."""
        return self.purpose is Purpose.SEARCH

    @property
    def configuration(self) -> int:
        """Number of the trial of the search whose configuration it has: its own, or that of a finalist's parent."""
        return self.number if self.searched else self.origin

    @property
    def origin(self) -> int:
        """Number of its parent, which must be there."""
        assert self.parent is not None
        return self.parent

    @property
    def score(self) -> float:
        """Its dev score, which must be there."""
        assert self.dev_score is not None
        return self.dev_score

    @property
    def member(self) -> Member:
        """The member that it is in a population."""
        return Member(self.number, self.hyperparameters, self.seed)

    def copy(self, number: int, stage: int, hyperparameters: Mapping[str, Any] | None = None) -> Trial:
        """A new trial of the search that goes on from where this one stands, with its own or other hyperparameters."""
        tried = self.hyperparameters if hyperparameters is None else hyperparameters
        return Trial(number, Purpose.SEARCH, stage, self.seed, tried, self.number, epochs=self.epochs)

    def rank_key(self, sign: float) -> tuple[float, float, int]:
        """By what the best trial is chosen, the greater the better: dev score, dev loss, number.

        Args:
            sign: 1 if a greater dev score is better, -1 otherwise.
        """
        assert self.dev_loss is not None
        return sign * self.score, -self.dev_loss, -self.number


def ranked(trials: Iterable[Trial], sign: float) -> list[Trial]:
    """Put the trials that have a dev score in order, the best first; pruned ones come last.

    Equal scores are told apart by the dev loss, then by the number.

    Args:
        trials: in any order.
        sign: 1 if a greater dev score is better, -1 otherwise.

    Example:
        >>> three = [Trial(n, Purpose.SEARCH, 0, 0, {}, None, State.COMPLETE, 0.5, loss)
        ...          for n, loss in enumerate((1.0, 0.9, None))]
        >>> [trial.number for trial in ranked(three, 1.0)]
        [1, 0]
    """
    found = [
        one for one in trials if one.state in COMPARABLE and one.dev_score is not None and one.dev_loss is not None
    ]
    keys = [
        [one.number for one in found],
        [one.dev_loss for one in found],
        [-sign * one.score for one in found],
        [one.state is State.PRUNED for one in found],
    ]
    return [found[place] for place in np.lexsort(np.array(keys, np.float64))]
