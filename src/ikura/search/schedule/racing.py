"""Racing: whoever is worse than the leader beyond chance, and too far back to win, makes room for a fresh trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ikura.errors import UsageError
from ikura.search.schedule._base import Round, Schedule, StageContext, Standing
from ikura.trial_state import State

__all__ = ["Racing", "excess", "field_share", "look_epochs"]

FIELD = (
    (0.01, 1.00),
    (0.02, 0.74),
    (0.04, 0.74),
    (0.06, 0.72),
    (0.08, 0.71),
    (0.12, 0.71),
    (0.16, 0.66),
    (0.24, 0.61),
    (0.32, 0.52),
    (0.48, 0.24),
    (0.64, 0.13),
)
"""Share of the epochs, and best share of the field among which the later best trial was by then, at all looks at once,
in at least 95 of 100 studies of 64 trials (`python -m benchmarks.racing --field --seed 0` measures it again; it is the
last line for the first five tasks, rounded up).
"""


def look_epochs(epochs: int) -> list[int]:
    """List the epochs at which trials are compared: those of 1, 2, 3, 4, 6, 8, 12, ... where it can pay, and the last.

    It cannot where nobody is too far back yet, nor in the last fifth, where little is left to be saved.

    Args:
        epochs: how long a trial may train at most, at least 1.

    Returns:
        Increasing numbers of epochs; the last is `epochs`.

    Example:
        >>> look_epochs(100)
        [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100]
    """
    steps = sorted({1, *(start * 2**k for k in range(epochs.bit_length()) for start in (2, 3))})
    return [*(look for look in steps if look <= 0.8 * epochs and field_share(look / epochs) < 1), epochs]


def field_share(share: float) -> float:
    """Say what best share of the field a later winner belongs to after this share of the epochs.

    Interpolated in the logarithm of the epochs.

    Args:
        share: epochs trained, over the epochs of the budget, in (0, 1].

    Returns:
        A share in (0, 1], smaller the more has been trained.

    Example:
        >>> field_share(0.12), field_share(1)
        (0.71, 0.13)
    """
    at, best = zip(*FIELD, strict=True)
    return float(np.interp(np.log(share), np.log(at), best))


def excess(losses: NDArray[np.floating], leader: NDArray[np.floating]) -> tuple[float, float]:
    """Compare two members example by example: d = mean of the differences, and d over its standard error.

    Shared mini-batches, noise and examples make the losses of two members rise and fall together, so that their
    difference is known far better than either.

    Args:
        losses: loss on each dev example, shape (dev examples,), at least two.
        leader: the same of the leader.

    Returns:
        d and t = √n d / s, s the standard deviation of the differences; t is 0 where nothing differs,
        and infinite where the losses are not finite and the leader's are.

    Example:
        >>> excess(np.array([2.0, 4.0]), np.array([1.0, 1.0]))
        (2.0, 2.0)
    """
    if not np.isfinite(leader).all():
        return 0.0, 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.asarray(losses, np.float64) - np.asarray(leader, np.float64)
        gap = float(differences.mean())
    if not isfinite(gap):
        return inf, inf
    spread = float(differences.std(ddof=1))
    if spread == 0:
        return gap, inf if gap > 0 else 0.0
    return gap, sqrt(len(differences)) * gap / spread


@dataclass(frozen=True)
class _Entry:
    """A trial as it stood at a look: the score and loss of its kept weights."""

    standing: Standing
    epochs: int
    score: float
    loss: float

    @property
    def rank_key(self) -> tuple[float, float, int]:
        """The greater, the better: score, then loss, then number, as a study ranks its trials."""
        return self.score, -self.loss, -self.standing.number

    def dev_losses(self) -> NDArray[np.floating]:
        """Losses on the dev examples at the look, until this one, at which their mean was lowest; empty for none."""
        recorded = [losses for epochs, losses in sorted(self.standing.dev_losses.items()) if epochs <= self.epochs]
        return min(recorded, key=lambda losses: float(np.mean(losses)), default=np.empty(0))


class Racing(Schedule):
    """Compare after 2, 3, 4, 6, 8, 12, ... epochs, and drop whoever fails two tests at once.

    *Beyond chance*: the losses on the dev examples are compared with the leader's at the same look, in pairs; a trial
    fails if Student's t is above its quantile 1 - α / (looks · (trials - 1)). The correction is Bonferroni's because
    all looks see the same examples: there is no new evidence of which a sequential test could make use.

    *Too far back*: curves cross, so a trial behind now may win in the end. It fails if it stands outside the best share
    of the field to which later winners belonged at this point of their training (`field_share`). The field is all
    trials that set out for the look; whoever ended before counts as worse, with the exception of those that stopped on
    their own, which keep their best weights.

    The leader is the trial whose kept weights (those with the lowest dev loss so far) have the best dev score, equal
    scores by loss; it is never dropped. A trial also ends when its dev loss has not improved for a fifth of the epochs,
    at least five. Fresh trials take freed places at once, and are compared with how the others stood at the same look.

    The error is to drop the trial that would be the best if all trained to their ends: highest dev score, equal scores
    by dev loss. By chance, that is by the choice of dev examples, it happens in at most a share α of the stages,
    whoever leads at which look, as far as Student's t holds for the mean of the differences. By crossing curves it
    happens as rarely as in the studies on which the shares of the field were measured, and no study can check that for
    itself: at a rate of 5 % it would take 19 winners trained in full. See docs/racing.md for where it fails.

    Args:
        alpha: error rate α, between 0 and 1.

    Raises:
        UsageError: alpha is not between 0 and 1.

    Example:
        >>> Racing().next([], StageContext(trials=30, epochs=100, max_concurrent=4, seed=0)).fresh
        (2, 2, 2, 2)

    References:
        Maron and Moore, Hoeffding races: accelerating model selection search, NIPS 1993; Birattari et al., A racing
        algorithm for configuring metaheuristics, GECCO 2002.
    """

    name: ClassVar[str] = "racing"
    paired: ClassVar[bool] = True
    refills: ClassVar[bool] = True

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 < alpha < 1:
            raise UsageError(f"alpha must be between 0 and 1, but got {alpha}")
        self.alpha = alpha

    @override
    def patience(self, epochs: int) -> int | None:
        return max(5, epochs // 5)

    @override
    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        ladder = look_epochs(context.epochs)
        train: dict[int, int] = {}
        drop: dict[int, str] = {}
        for epochs in sorted({one.epochs for one in standings if one.state == State.RUNNING}):
            here = [one for one in standings if one.state == State.RUNNING and one.epochs == epochs]
            fallen = self._fallen(here, standings, epochs, context)
            drop |= fallen
            following = next(look for look in ladder if look > epochs)
            train |= {one.number: following for one in here if one.number not in fallen}
        going = dict(sorted(train.items())[: context.max_concurrent])
        fresh = min(context.max_concurrent - len(going), context.trials - len(standings))
        return Round(going, drop, (ladder[0],) * fresh) if going or fresh else None

    def _fallen(
        self, here: Sequence[Standing], standings: Sequence[Standing], epochs: int, context: StageContext
    ) -> dict[int, str]:
        """Which of the trials that stand at a look are dropped there, and why."""
        field = sorted(_arrived(standings, epochs), key=lambda one: one.rank_key, reverse=True)
        lost = sum(one.state in (State.PRUNED, State.DIVERGED) and one.epochs < epochs for one in standings)
        size = len(field) + lost
        places = {one.standing.number: place for place, one in enumerate(field)}
        found: dict[int, str] = {}
        for one in here:
            if one.number not in places:
                found[one.number] = f"its dev score after {_epochs(epochs)} is not finite"
                continue
            if places[one.number] <= field_share(epochs / context.epochs) * size:
                continue
            mine, best = field[places[one.number]].dev_losses(), field[0].dev_losses()
            if not 1 < len(mine) == len(best):
                continue
            gap, t = excess(mine, best)
            if t > self._quantile(len(mine), context):
                found[one.number] = (
                    f"{places[one.number] + 1} of {size} after {_epochs(epochs)}; its dev loss is {gap:.3g} above that "
                    f"of trial {field[0].standing.number}, {t:.3g} standard errors"
                )
        return found

    def _quantile(self, examples: int, context: StageContext) -> float:
        """The quantile of Student's t above which a difference is no chance, in any of a stage's comparisons."""
        from scipy.special import stdtrit

        comparisons = len(look_epochs(context.epochs)) * max(context.trials - 1, 1)
        return -float(stdtrit(examples - 1, self.alpha / comparisons))


def _arrived(standings: Sequence[Standing], epochs: int) -> list[_Entry]:
    """How all trials stood at a look that came to it with a finite score, or had stopped on their own before."""
    found = []
    for one in standings:
        if one.state == State.DIVERGED or (one.epochs < epochs and one.state != State.COMPLETE):
            continue
        until = min(epochs, one.epochs)
        score = one.score_after(until)
        if isfinite(score):
            found.append(_Entry(one, until, score, float(one.losses[one.best_after(until)])))
    return found


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"
