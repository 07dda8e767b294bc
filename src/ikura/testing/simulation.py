"""A stage of a study without training: learning curves that are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ikura.search.schedule import Round, Schedule, StageContext, Standing, check_round
from ikura.trial_state import State

__all__ = ["Curves", "Simulation", "learning_curves"]

Curves = NDArray[np.float64]
"""Dev score and dev loss of each trial after each epoch, shape (trials, epochs, 2); NaN from where a trial diverges."""


def learning_curves(trials: int, epochs: int, seed: int = 0, diverging: float = 0.2) -> Curves:
    """Draw curves that rise to a limit at a rate of their own, with noise; some diverge, some are equal.

    Args:
        trials: number of trials.
        epochs: points of each curve.
        seed: key of the draws.
        diverging: share of the trials that diverge at some epoch.

    Returns:
        Curves of shape (trials, epochs, 2).

    Example:
        >>> learning_curves(5, 9).shape
        (5, 9, 2)
    """
    random = np.random.default_rng(seed)
    limit, rate = random.uniform(0.5, 1, (trials, 1)), random.uniform(0.05, 1, (trials, 1))
    limit[trials // 2 :: 7], rate[trials // 2 :: 7] = 0.8, 0.5
    noise = random.normal(0, 0.01, (trials, epochs))
    noise[trials // 2 :: 7] = 0
    scores = limit * (1 - np.exp(-rate * np.arange(1, epochs + 1))) + noise
    for trial in np.flatnonzero(random.random(trials) < diverging):
        scores[trial, random.integers(epochs) :] = np.nan
    return np.stack([scores, 1 - scores], 2)


@dataclass
class Simulation:
    """Carries out the rounds of a schedule on curves that are known beforehand.

    A copy goes on with its parent's curve until its birth and then with that of another trial.

    Attributes:
        schedule: the schedule.
        context: what the stage is given.
        curves: of the fresh trials, in the order in which they begin.
        standings: of all trials that have begun, by number.
        rounds: what was decided so far.
    """

    schedule: Schedule
    context: StageContext
    curves: Curves
    standings: dict[int, Standing] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    _own: dict[int, Curves] = field(default_factory=dict)

    def run(self, order: Callable[[list[Standing]], Sequence[Standing]] = list) -> Simulation:
        """Go on to the end of the stage.

        Args:
            order: in which order the schedule is told of the trials.

        Raises:
            IkuraError: the schedule decided what it must not, or comes to no end.
        """
        while self.step(order):
            if len(self.rounds) > 10 * self.context.trials * self.context.epochs:
                raise AssertionError(f"schedule {self.schedule.name!r} comes to no end")
        return self

    def step(self, order: Callable[[list[Standing]], Sequence[Standing]] = list) -> bool:
        """Ask for a round and carry it out; return whether there was one."""
        standings = list(self.standings.values())
        decided = self.schedule.next(order(standings), self.context)
        if decided is None:
            for number, one in self.standings.items():
                if one.state == State.RUNNING:
                    self.standings[number] = replace(one, state=State.PRUNED)
            return False
        check_round(self.schedule, decided, standings, self.context)
        self.rounds.append(decided)
        parents = {copy.parent: self.standings[copy.parent] for copy in decided.copies}
        for number in decided.drop:
            self.standings[number] = replace(self.standings[number], state=State.PRUNED)
        for number, until in decided.train.items():
            self._train(number, until)
        for until in decided.fresh:
            self._begin(until)
        for copy in decided.copies:
            number, parent = len(self.standings), parents[copy.parent]
            self._own[number] = self.curves[number % len(self.curves)].copy()
            self._own[number][: parent.epochs] = self._own[copy.parent][: parent.epochs]
            self.standings[number] = replace(
                parent, number=number, hyperparameters=copy.hyperparameters, parent=copy.parent
            )
            self._train(number, copy.until)
        return True

    def _begin(self, until: int) -> None:
        number = len(self.standings)
        begun = sum(one.parent is None for one in self.standings.values())
        self._own[number] = self.curves[begun]
        hyperparameters = self.context.space.from_unit(
            dict(zip(self.context.space.dimensions, np.random.default_rng(begun).random(99).tolist(), strict=False))
        )
        self.standings[number] = Standing(number, State.RUNNING, 0, np.empty(0), np.empty(0), hyperparameters)
        self._train(number, until)

    def _train(self, number: int, until: int) -> None:
        one, patience = self.standings[number], self.schedule.patience(self.context.epochs)
        scores, losses = self._own[number][:, 0], self._own[number][:, 1]
        state, epochs = one.state, one.epochs
        while epochs < until and state is State.RUNNING:
            epochs += 1
            best = int(np.argmin(np.where(np.isnan(losses[:epochs]), np.inf, losses[:epochs]))) + 1
            if not np.isfinite(losses[epochs - 1]):
                state = State.DIVERGED
            elif epochs == self.context.epochs or (patience is not None and epochs - best >= patience):
                state = State.COMPLETE
        # Each example's loss is the trial's, more or less; members see the same examples, so they can be paired.
        kept = dict(one.dev_losses)
        if self.schedule.paired and state is not State.DIVERGED:
            kept[epochs] = np.abs(losses[epochs - 1] + np.random.default_rng(7).normal(0, 0.3, 50))
        self.standings[number] = replace(
            one, state=state, epochs=epochs, scores=scores[:epochs], losses=losses[:epochs], dev_losses=kept
        )
