"""What every proposer does: say what to try next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ikura.errors import UsageError
from ikura.space import Space, Value, feasible_draw

__all__ = ["Observation", "Proposal", "Proposer", "Region", "Stage", "check_budget"]

Region = dict[str, list[Value]]


@dataclass(frozen=True)
class Stage:
    """A part of a study in which all trials are proposed from the same knowledge.

    Attributes:
        index: position, from 0.
        name: what to call it.
        trials: how many trials it has.
        epochs: how long a trial in it may train.
    """

    index: int
    name: str
    trials: int
    epochs: int


@dataclass(frozen=True)
class Observation:
    """How a finished trial did.

    Attributes:
        number: the trial's number in the study.
        stage: index of the stage that proposed it.
        configuration: its hyperparameters.
        score: dev score, higher is better; NaN for a diverged trial.
        loss: dev loss, lower is better; decides between equal scores.
    """

    number: int
    stage: int
    configuration: dict[str, Any]
    score: float
    loss: float


@dataclass(frozen=True)
class Proposal:
    """A configuration worth trying."""

    configuration: dict[str, Any]


class Proposer(ABC):
    """Says which configurations to try; knows nothing of how they are trained.

    `ask` is a pure function of the space, the seed, the stage and the observations of earlier stages, so that a study
    that was killed asks again and gets the same answer.

    Args:
        space: what is searched.
        seed: key of all draws, a non-negative integer.

    Raises:
        UsageError: the seed is negative.
    """

    name: ClassVar[str]

    def __init__(self, space: Space, seed: int) -> None:
        if seed < 0:
            raise UsageError(f"seed must be at least 0, but got {seed}")
        self.space = space
        self.seed = seed

    @abstractmethod
    def stages(self, trials: int, epochs: int) -> list[Stage]:
        """Divide a study into stages.

        Args:
            trials: trials of the whole study, at least 1.
            epochs: how long a trial may train at most, at least 1.

        Returns:
            The stages in order; their trials add up to `trials`, and the last has all the epochs.

        Raises:
            UsageError: trials or epochs is below 1.
        """

    @abstractmethod
    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        """Propose the first trials of a stage.

        Args:
            stage: one of `stages`.
            count: how many; a larger count begins with the same proposals.
            history: finished trials in any order; only those of earlier stages are looked at, and those whose score
                is NaN or infinite count as bad.

        Returns:
            `count` proposals.
        """

    def regions(self, stage: Stage, history: Sequence[Observation]) -> Region:
        """Say where a stage searches, for plots.

        Args:
            stage: one of `stages`.
            history: as for `ask`.

        Returns:
            Name to [low, high] in the hyperparameter's own values, or to the list of its likely options; empty for the
            whole space.
        """
        return {}

    def draws(self, purpose: str, stage: Stage, count: int) -> NDArray[np.float64]:
        """Draw uniform numbers that depend on the seed, the purpose and the stage alone.

        Args:
            purpose: name of the stream, such as the hyperparameter's.
            stage: the stage.
            count: how many; a larger count begins with the same numbers.

        Returns:
            Numbers in [0, 1), shape (count,).
        """
        return np.random.default_rng([self.seed, crc32(b"proposal"), stage.index, crc32(purpose.encode())]).random(
            count
        )

    def whole(self, stage: Stage, count: int) -> dict[str, NDArray[np.float64]]:
        """Draw points uniformly in the unit cube; a dimension's draws do not depend on the others.

        Returns:
            Name of each varying hyperparameter to coordinates, shape (count,).
        """
        return {name: self.draws(f"whole {name}", stage, count) for name in self.space.dimensions}

    def proposals(self, points: Mapping[str, NDArray[np.float64]], count: int, reach: float = 1.0) -> list[Proposal]:
        """Turn points of the unit cube into proposals.

        Args:
            points: name of each varying hyperparameter to coordinates, shape (count,).
            count: how many.
            reach: how near a point's replacement is sought first where the point violates a constraint of the space,
                as for `ikura.space.feasible_draw`; 1 for the whole space.

        Returns:
            `count` feasible proposals; coordinates of hyperparameters that turn out inactive are not used.
        """
        return [
            Proposal(feasible_draw(self.space, {name: float(u[i]) for name, u in points.items()}, self.seed, reach))
            for i in range(count)
        ]


def check_budget(trials: int, epochs: int) -> None:
    """Refuse a study without trials or epochs.

    Raises:
        UsageError: trials or epochs is below 1.
    """
    for name, number in (("trials", trials), ("epochs", epochs)):
        if number < 1:
            raise UsageError(f"{name} must be at least 1, but got {number}")
