"""Coarse to fine: sample the whole space, then zoom into the neighbourhood of the good results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ikura.search._base import Observation, Proposal, Proposer, Region, Stage, check_budget
from ikura.search.neighbourhood import Neighbourhood, good

__all__ = ["CoarseToFine"]

_FEWEST_TRIALS = 8
_THREE_STAGES = 48
_SHORTEST = 5
_EXPLORING = 0.1
_ANCHORED = 0.5
_REACH = 0.05


class CoarseToFine(Proposer):
    """Sample the whole space with short training, then the neighbourhood of the good results with longer training.

    Half of the trials are coarse and train a third of the epochs (at least five); the others go to one fine stage, or
    with 48 trials and more to two, the last at the full epochs. Below 8 trials it is random search. In a fine stage a
    tenth of the draws still come from the whole space; of the others half cover the region of the good results and half
    stay close to one of them, which keeps together what does well together. Diverged trials never count as good; where
    hardly any other result exists the stage samples the whole space again.

    Example:
        >>> from ikura.space import Space, log
        >>> search = CoarseToFine(Space(learning_rate=log(1e-4, 1)), seed=0)
        >>> [(stage.name, stage.trials, stage.epochs) for stage in search.stages(trials=128, epochs=100)]
        [('coarse', 64, 33), ('fine', 38, 58), ('finest', 26, 100)]

    References:
        Andrew Ng, Improving deep neural networks, week 3: tuning process (coarse to fine).
    """

    name: ClassVar[str] = "coarse-to-fine"

    def stages(self, trials: int, epochs: int) -> list[Stage]:
        check_budget(trials, epochs)
        if trials < _FEWEST_TRIALS:
            return [Stage(0, "random", trials, epochs)]
        coarse = trials // 2
        short = min(epochs, max(_SHORTEST, round(epochs / 3)))
        if trials < _THREE_STAGES:
            return [Stage(0, "coarse", coarse, short), Stage(1, "fine", trials - coarse, epochs)]
        fine = round(0.3 * trials)
        middle = min(epochs, max(short, round(epochs / 3**0.5)))
        return [
            Stage(0, "coarse", coarse, short),
            Stage(1, "fine", fine, middle),
            Stage(2, "finest", trials - coarse - fine, epochs),
        ]

    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        points = self.whole(stage, count)
        near = self._neighbourhood(stage, history)
        if near is not None:
            exploring = self.draws("explore", stage, count) < _EXPLORING
            anchored = self.draws("anchored", stage, count) < _ANCHORED
            chosen = (self.draws("anchor", stage, count) * len(near.points)).astype(np.int64)
            anchor = np.where(anchored, chosen, -1)
            for name, u in points.items():
                points[name] = np.where(
                    exploring, u, near.place(name, self.draws(f"near {name}", stage, count), anchor)
                )
        return self.proposals(points, count, 1.0 if near is None else _REACH)

    def regions(self, stage: Stage, history: Sequence[Observation]) -> Region:
        near = self._neighbourhood(stage, history)
        return {} if near is None else near.region()

    def _neighbourhood(self, stage: Stage, history: Sequence[Observation]) -> Neighbourhood | None:
        earlier = [one for one in history if one.stage < stage.index]
        best = good(earlier)
        return Neighbourhood(self.space, earlier, best) if best else None
