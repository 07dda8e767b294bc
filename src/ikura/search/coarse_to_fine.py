"""Coarse to fine: sample the whole space, then zoom into the neighbourhood of the good results."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import ClassVar

import numpy as np
from typing_extensions import override

from ikura.search._base import Observation, Proposal, Proposer, Region, Stage, Widening, check_budget
from ikura.search.neighbourhood import Neighbourhood, good_trials
from ikura.search.quasi_random import sobol
from ikura.search.widening import widened
from ikura.space import Space

__all__ = ["CoarseToFine"]

_SHARES = {
    48: {"coarse": 0.2, "zoom 1": 0.2, "zoom 2": 0.2, "zoom 3": 0.2, "fine": 0.1, "finest": 0.1},
    24: {"coarse": 0.3, "zoom 1": 0.3, "fine": 0.2, "finest": 0.2},
    8: {"coarse": 0.5, "fine": 0.5},
}
"""From so many trials on: the stages, and their shares of the trials."""
_GOING_ON = {16: {"fine": 0.5, "finest": 0.5}, 1: {"fine": 1.0}}
_SHORT = 1 / 3
_SHORTEST = 5
_EXPLORING = 0.1
_ANCHORED = 0.5
_AGAIN = 0.25
_REACH = 0.05


class CoarseToFine(Proposer):
    """Sample the whole space with short training, then the neighbourhood of the good results with longer training.

    With 48 trials and more the first fifth of them is coarse and trains a third of the epochs (at least five). Three
    more fifths, a tenth and the rest each zoom in on what all trials before them found; from stage to stage training
    grows by the same factor, up to the full epochs. With 24 trials and more there are four stages, below that a coarse
    and a fine one, and below 8 trials one over the whole space.
    A quarter of the last stage's trials are the best configurations so far, trained longer, unless they had ended
    by themselves. The other draws are points of a scrambled Sobol' sequence, one for each stage. After the coarse
    stage a tenth of them still covers the whole space; of the rest half cover the region of the good results
    (`Neighbourhood`) and half stay close to one of them, which keeps together what does well together. Where the
    good results crowd at the end of a range the next stage moves that end outwards (`widened`). Diverged and
    infeasible trials never count as good; where hardly any other result exists the stage covers the whole space
    again.

    Example:
        >>> from ikura.space import Space, log
        >>> search = CoarseToFine(Space(learning_rate=log(1e-4, 1)), seed=0)
        >>> [(stage.name, stage.trials, stage.epochs) for stage in search.stages(trials=24, epochs=100)]
        [('coarse', 7, 33), ('zoom 1', 7, 48), ('fine', 4, 69), ('finest', 6, 100)]

    A search that goes on from another one's trials has no coarse stage: with 16 trials and more it has a fine and a
    finest one, with fewer only the latter.

    Attributes:
        goes_on: whether it goes on from another search's trials, which are observations of a stage before its first.
        opened: names of ranges that these did not cover: its first stage narrows none of them.

    References:
        Andrew Ng, Improving deep neural networks, week 3: tuning process (coarse to fine).
    """

    name: ClassVar[str] = "coarse-to-fine"
    goes_on: bool = False
    opened: tuple[str, ...] = ()

    @override
    def stages(self, trials: int, epochs: int) -> list[Stage]:
        check_budget(trials, epochs)
        known = _GOING_ON if self.goes_on else _SHARES
        shares = next((shares for fewest, shares in known.items() if trials >= fewest), {"random": 1.0})
        short = _SHORT**0.5 if self.goes_on else _SHORT
        found: list[Stage] = []
        for index, (name, share) in enumerate(shares.items()):
            last = index == len(shares) - 1
            count = trials - sum(stage.trials for stage in found) if last else int(share * trials)
            length = epochs if last else max(_SHORTEST, round(epochs * short ** (1 - index / (len(shares) - 1))))
            again = ceil(_AGAIN * count) if last and found and found[-1].epochs < epochs else 0
            found.append(Stage(index, name, count, min(epochs, length), again))
        return found

    @override
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
        """The best configurations of this search so far that longer training may improve."""
        best = good_trials([one for one in history if 0 <= one.stage < stage.index])
        once = {tuple(one.configuration.items()): one.configuration for one in best if not one.settled}
        return [Proposal(dict(configuration)) for configuration in list(once.values())[: stage.again]]

    @override
    def regions(self, stage: Stage, history: Sequence[Observation]) -> Region:
        near = self._narrowed(stage, history)[1]
        return {} if near is None else near.region()

    @override
    def searched(self, stage: Stage, history: Sequence[Observation]) -> Space:
        return self._widened(stage, history)[0]

    @override
    def widenings(self, stage: Stage, history: Sequence[Observation]) -> list[Widening]:
        return self._widened(stage, history)[1]

    def _widened(self, stage: Stage, history: Sequence[Observation]) -> tuple[Space, list[Widening]]:
        """The space of a stage, widened stage by stage, and what the last step widened."""
        space: Space = self.space
        found: list[Widening] = []
        for index in range(1, stage.index + 1):
            earlier = [one for one in history if one.stage < index]
            space, found = widened(space, earlier, good_trials(earlier))
        return space, found

    def _narrowed(self, stage: Stage, history: Sequence[Observation]) -> tuple[Space, Neighbourhood | None]:
        space, found = self._widened(stage, history)
        earlier = [one for one in history if one.stage < stage.index]
        best = good_trials(earlier)
        opened = {(one.hyperparameter, one.end) for one in found}
        if stage.index == 0:
            opened |= {(name, end) for name in self.opened for end in ("low", "high")}
        return space, Neighbourhood(space, earlier, best, opened) if best else None
