"""What every proposer does: say what to try next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ikura.errors import UsageError
from ikura.json_values import JsonObject
from ikura.registry import check_class
from ikura.space import Space, Value, feasible_draw
from ikura.space._base import Configuration

__all__ = [
    "EARLIER",
    "Observation",
    "Proposal",
    "Proposer",
    "Region",
    "Stage",
    "Widening",
    "as_search",
    "check_budget",
    "ranked",
]

Region = dict[str, list[Value]]
"""Name to where a stage searches: two ends of an interval, or options of a choice."""

EARLIER = -1
"""The stage of what was observed before the first one."""


@dataclass(frozen=True)
class Stage:
    """A part of a study in which all trials are proposed from the same knowledge.

    Attributes:
        index: position, from 0.
        name: what to call it.
        trials: how many trials it has.
        epochs: how long a trial in it may train.
        again: how many of its trials are the best configurations so far, trained longer.
    """

    index: int
    name: str
    trials: int
    epochs: int
    again: int = 0


@dataclass(frozen=True)
class Observation:
    """How a finished trial did.

    Attributes:
        number: the trial's number in the study.
        stage: index of the stage that proposed it.
        configuration: its hyperparameters.
        score: dev score, higher is better; NaN for a diverged trial.
        loss: dev loss, lower is better; decides between equal scores.
        feasible: whether the trial keeps to the constraints; one that does not never counts as good.
        settled: whether it ended by itself before its epochs were over, so that more of them would not have helped.
    """

    number: int
    stage: int
    configuration: Configuration
    score: float
    loss: float
    feasible: bool = True
    settled: bool = False

    @property
    def usable(self) -> bool:
        """Whether the trial can count as good: feasible, with a finite score."""
        return self.feasible and isfinite(self.score)


@dataclass(frozen=True)
class Proposal:
    """A configuration worth trying."""

    configuration: Configuration


@dataclass(frozen=True)
class Widening:
    """A range that a search moved outwards because good results lay at its end.

    Attributes:
        hyperparameter: whose range.
        end: "low" or "high".
        before: the end until then.
        after: the end from then on.
        at_edge: how many of the good results lay at the edge.
        good: how many good results there were.
    """

    hyperparameter: str
    end: str
    before: float
    after: float
    at_edge: int
    good: int

    def as_dict(self) -> JsonObject:
        """Write it as JSON values, its sentence among them."""
        return {**asdict(self), "sentence": str(self)}

    def __str__(self) -> str:
        before, after = (_short(value) for value in (self.before, self.after))
        return (
            f"{self.hyperparameter}: widened from {before} to {after}, "
            f"{self.at_edge} of the {self.good} best lay at the edge"
        )


def _short(value: float) -> str:
    near_one = 0.9 < value < 1
    return f"{1 - float(f'{1 - value:.2g}'):.12g}" if near_one else f"{value:.3g}" if value < 1000 else f"{value:.6g}"


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

    def searched(self, stage: Stage, history: Sequence[Observation]) -> Space:
        """Say in which space a stage searches: the space itself, or a wider form of it.

        Args:
            stage: one of `stages`.
            history: as for `ask`.

        Returns:
            A space with the same names, in which every proposal of the stage lies.
        """
        return self.space

    def widenings(self, stage: Stage, history: Sequence[Observation]) -> list[Widening]:
        """List the ranges that are wider from this stage on than in the one before.

        Args:
            stage: one of `stages`.
            history: as for `ask`.

        Returns:
            What was widened, in the order of the space.
        """
        return []

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

    def key(self, purpose: str, stage: Stage) -> int:
        """Make a seed that depends on the study's seed, the purpose and the stage alone.

        Returns:
            A number from 0 to 2^32 - 1.
        """
        words = [self.seed, crc32(b"proposal"), stage.index, crc32(purpose.encode())]
        return int(np.random.SeedSequence(words).generate_state(1)[0])

    def proposals(
        self, points: Mapping[str, NDArray[np.float64]], count: int, space: Space | None = None, reach: float = 1.0
    ) -> list[Proposal]:
        """Turn points of the unit cube into proposals.

        Args:
            points: name of each varying hyperparameter to coordinates, shape (count,).
            count: how many.
            space: whose unit cube; None for the proposer's.
            reach: how near a point's replacement is sought first where the point violates a constraint of the space,
                as for `ikura.space.feasible_draw`; 1 for the whole space.

        Returns:
            `count` feasible proposals; coordinates of hyperparameters that turn out inactive are not used.
        """
        space = space or self.space
        columns = [u[:count].tolist() for u in points.values()]
        rows = zip(*columns, strict=True) if columns else [()] * count
        named = (dict(zip(points, row, strict=True)) for row in rows)
        if space.constraints:
            return [Proposal(feasible_draw(space, point, self.seed, reach)) for point in named]
        return [Proposal(space.from_unit(point)) for point in named]


def as_search(name: str, thing: Any) -> type[Proposer]:
    """Take a search that was found under a name.

    Raises:
        UsageError: it is no whole proposer of that name.
    """
    check_class("search", name, thing, Proposer)
    found: type[Proposer] = thing
    return found


def ranked(history: Sequence[Observation]) -> list[Observation]:
    """Put trials in order, the best first.

    By score, then by loss, then by number. Trials that diverged or break a constraint come last, by number.

    Args:
        history: finished trials in any order.

    Returns:
        The same trials.

    Example:
        >>> history = [Observation(0, 0, {}, 0.5, 1.0), Observation(1, 0, {}, float("nan"), 0.1),
        ...            Observation(2, 0, {}, 0.5, 0.9)]
        >>> [one.number for one in ranked(history)]
        [2, 0, 1]
    """

    def order(one: Observation) -> tuple[bool, float, float, int]:
        if not one.usable:
            return True, 0.0, 0.0, one.number
        return False, -one.score, one.loss if isfinite(one.loss) else inf, one.number

    return sorted(history, key=order)


def check_budget(trials: int, epochs: int) -> None:
    """Refuse a study without trials or epochs.

    Raises:
        UsageError: trials or epochs is below 1.
    """
    for name, number in (("trials", trials), ("epochs", epochs)):
        if number < 1:
            raise UsageError(f"{name} must be at least 1, but got {number}")
