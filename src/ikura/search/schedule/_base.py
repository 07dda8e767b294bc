"""What every schedule does: say, round by round, who goes on training, who ends and who begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ikura.best_epoch import best_epochs
from ikura.errors import UsageError
from ikura.registry import check_class
from ikura.space import Space
from ikura.trial_state import State

__all__ = ["Copy", "Round", "Schedule", "StageContext", "Standing"]


@dataclass(frozen=True, eq=False)
class Standing:
    """How one trial of a stage stands: what a schedule knows of it.

    Attributes:
        number: the trial's number; trials of a stage that are no copies are numbered in the order they began.
        state: running, complete, pruned (by an earlier round) or diverged.
        epochs: epochs trained so far; a copy's count those of its parent up to the copy.
        scores: dev score after each epoch, higher is better, shape (epochs,); NaN where there is none.
        losses: dev loss after each epoch, shape (epochs,).
        hyperparameters: what the trial tries.
        parent: the trial that it is a copy of; None for a fresh one.
        dev_losses: loss on each dev example, shape (dev examples,), by the number of epochs at which a round of the
            trial ended; empty unless the schedule is `paired`.
    """

    number: int
    state: State
    epochs: int
    scores: NDArray[np.float64]
    losses: NDArray[np.float64]
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    parent: int | None = None
    dev_losses: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)

    def score_after(self, epochs: int) -> float:
        """Dev score of the weights that are kept after so many epochs: those with the lowest dev loss until then.

        Returns:
            The score, higher is better; NaN if the trial diverged by then or has not come that far.

        Example:
            >>> scores, losses = np.array([0.5, 0.9, 0.8]), np.array([0.7, 0.2, 0.3])
            >>> standing = Standing(0, State.RUNNING, 3, scores, losses)
            >>> standing.score_after(1), standing.score_after(3)
            (0.5, 0.9)
        """
        failed = self.state == State.DIVERGED and epochs >= self.epochs
        if failed or not 0 < epochs <= len(self.losses) or not isfinite(self.scores[epochs - 1]):
            return nan
        best = self.best_after(epochs)
        return nan if best < 0 else float(self.scores[best])

    def best_after(self, epochs: int) -> int:
        """Place, from 0, of the epoch whose weights are kept after so many epochs; -1 if there is none."""
        return int(self._kept[:epochs][-1])

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        return best_epochs(self.losses)


@dataclass(frozen=True)
class Copy:
    """A new trial that goes on from another one's weights with other hyperparameters.

    Attributes:
        parent: the trial whose weights, curve and epochs it begins with; it must be running.
        hyperparameters: what the copy goes on with; of the same structure as the parent's.
        until: epochs in all, the parent's included, to which it trains in this round.
    """

    parent: int
    hyperparameters: Mapping[str, Any]
    until: int


@dataclass(frozen=True)
class Round:
    """What happens next; running trials that are neither trained nor dropped wait for a later round.

    Attributes:
        train: running trial -> epochs in all to which it trains in this round, more than it has.
        drop: running trial -> why it ends here.
        fresh: epochs to which each fresh trial trains in this round; they are taken in the proposer's order.
        copies: trials that begin as copies; their parents may go on, or be dropped in the same round.
    """

    train: Mapping[int, int] = field(default_factory=dict)
    drop: Mapping[int, str] = field(default_factory=dict)
    fresh: tuple[int, ...] = ()
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class StageContext:
    """What a stage is given.

    Attributes:
        trials: fresh trials in all.
        epochs: how long a trial may train at most.
        max_concurrent: how many trials are worth training at once; a schedule that refills freed places keeps to it.
        seed: key of a schedule's draws; another one in each stage.
        space: what is searched.
        changeable: names of the hyperparameters that a copy may have otherwise than its parent; the others decide what
            the network is, and a copy keeps them.

    Raises:
        UsageError: trials, epochs or max_concurrent is below 1.
    """

    trials: int
    epochs: int
    max_concurrent: int
    seed: int
    space: Space = field(default_factory=Space)
    changeable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("trials", "epochs", "max_concurrent"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, but got {getattr(self, name)}")


class Schedule(ABC):
    """Says who goes on training, who ends and who begins: a pure function of how the trials of a stage stand.

    A round is recorded before it is carried out. When all its training is done, the schedule is asked for the next one,
    with standings that contain nothing but what is recorded; so a study that was killed goes on as if it had not been.

    Attributes:
        name: what users call it.
        paired: whether standings are to hold the loss on each dev example.
        refills: whether it keeps to `max_concurrent`, taking fresh trials into places that are freed.
        copies: whether trials may begin as copies of others; a trial's result is then not its hyperparameters' alone.
    """

    name: ClassVar[str]
    paired: ClassVar[bool] = False
    refills: ClassVar[bool] = False
    copies: ClassVar[bool] = False

    @abstractmethod
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        """Decide what happens next.

        Args:
            standings: of all trials of the stage that have begun, in any order; none at first.
            context: what the stage is given.

        Returns:
            The next round, which trains at least one trial; None when the stage has come to its end, and whoever is
            still running then is dropped. A trial whose last score is not finite never goes on, and of those that have
            a finite one at least one trains all its epochs or stops on its own.
        """

    def patience(self, epochs: int) -> int | None:
        """Say how long a trial may go without a better dev loss.

        Args:
            epochs: how long a trial may train at most.

        Returns:
            Epochs after which it stops on its own; None never stops it.
        """
        return None


def as_schedule(name: str, thing: Any) -> type[Schedule]:
    """Take a schedule that was found under a name.

    Raises:
        UsageError: it is no whole schedule of that name.
    """
    check_class("schedule", name, thing, Schedule)
    found: type[Schedule] = thing
    return found
