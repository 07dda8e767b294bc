"""Coarse to fine: sample the whole space, then zoom into the neighbourhood of the good results."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import ClassVar

import numpy as np

from ikura.search._base import Observation, Proposal, Proposer, Region, Stage, Widening, check_budget
from ikura.search.edge import widened
from ikura.search.neighbourhood import Neighbourhood, good
from ikura.search.quasi_random import sobol
from ikura.space import Space

__all__ = ["CoarseToFine"]

_FEWEST_TRIALS = 8
_THREE_STAGES = 48
_SHORTEST = 5
_EXPLORING = 0.1
_ANCHORED = 0.5
_LONGER = 0.125
_REACH = 0.05


class CoarseToFine(Proposer):
    """Sample the whole space with short training, then the neighbourhood of the good results with longer training.

    Half of the trials are coarse and train a third of the epochs (at least five); the others go to one fine stage, or
    with 48 trials and more to two, the last at the full epochs. Below 8 trials it is one stage over the whole space.
    A fine stage begins with the best configurations so far, an eighth of its trials, which it trains longer than they
    were. Its other draws are points of a scrambled Sobol' sequence, one for each stage. A tenth of them still cover the
    whole space; of the rest half cover the region of the good results (`Neighbourhood`) and half stay close to one of
    them, which keeps together what does well together. Where the good results crowd at the end of a range the next
    stage moves that end outwards (`widened`). Diverged and infeasible trials never count as good; where hardly any
    other result exists the stage covers the whole space again.

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
        space, near = self._narrowed(stage, history)
        names = sorted(space.dimensions)
        explore, anchored, chosen, *columns = sobol(3 + len(names), count, self.key("draws", stage)).T
        points = dict(zip(names, columns, strict=True))
        if near is not None:
            anchor = np.where(anchored < _ANCHORED, (chosen * len(near.points)).astype(np.int64), -1)
            for name, u in points.items():
                points[name] = np.where(explore < _EXPLORING, u, near.place(name, u, anchor))
        drawn = self.proposals(points, count, space, 1.0 if near is None else _REACH)
        longer = self._longer(stage, history)[:count]
        return longer + drawn[len(longer) :]

    def _longer(self, stage: Stage, history: Sequence[Observation]) -> list[Proposal]:
        """The best configurations of this search so far, to train longer; none where a stage is no longer."""
        found: list[Proposal] = []
        if stage.epochs <= _SHORTEST:
            return found
        for one in good([one for one in history if 0 <= one.stage < stage.index]):
            if len(found) == ceil(_LONGER * stage.trials):
                break
            proposal = Proposal(dict(one.configuration))
            if proposal not in found:
                found.append(proposal)
        return found

    def regions(self, stage: Stage, history: Sequence[Observation]) -> Region:
        near = self._narrowed(stage, history)[1]
        return {} if near is None else near.region()

    def searched(self, stage: Stage, history: Sequence[Observation]) -> Space:
        return self._widened(stage, history)[0]

    def widenings(self, stage: Stage, history: Sequence[Observation]) -> list[Widening]:
        return self._widened(stage, history)[1]

    def _widened(self, stage: Stage, history: Sequence[Observation]) -> tuple[Space, list[Widening]]:
        """The space of a stage, widened stage by stage, and what the last step widened."""
        space: Space = self.space
        found: list[Widening] = []
        for index in range(1, stage.index + 1):
            earlier = [one for one in history if one.stage < index]
            space, found = widened(space, earlier, good(earlier))
        return space, found

    def _narrowed(self, stage: Stage, history: Sequence[Observation]) -> tuple[Space, Neighbourhood | None]:
        space, found = self._widened(stage, history)
        earlier = [one for one in history if one.stage < stage.index]
        best = good(earlier)
        opened = {(one.hyperparameter, one.end) for one in found}
        return space, Neighbourhood(space, earlier, best, opened) if best else None
