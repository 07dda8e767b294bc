"""What the searches that fit a model have in common: they propose whole generations from what is known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ikura.search._base import Observation, Proposal, Proposer, Stage, check_budget
from ikura.search.quasi_random import sobol

__all__ = ["Generations", "thinned"]

_BEGINNING = 10
_PARTS = 12
_SMALLEST = 4


def thinned(best_first: Sequence[Observation], most: int) -> list[Observation]:
    """Keep the best half of a limit and, of the others, as many at even distances in rank.

    Args:
        best_first: trials in the order of `ranked`.
        most: how many to keep at most.

    Returns:
        All of them where there are no more than `most`.

    Example:
        >>> trials = [Observation(n, 0, {}, float(-n), 0.0) for n in range(100)]
        >>> [one.number for one in thinned(trials, 8)]
        [0, 1, 2, 3, 4, 36, 67, 99]
    """
    if len(best_first) <= most:
        return list(best_first)
    best = most // 2
    rest = np.linspace(best, len(best_first) - 1, most - best).round().astype(int)
    return [*best_first[:best], *(best_first[i] for i in rest)]


class Generations(Proposer):
    """Propose a whole generation at a time, from a model fitted to all trials of earlier generations.

    The first generation takes points of a scrambled Sobol' sequence. The following ones, but for the last, are of
    equal size, about a twelfth of the trials: enough of them to learn between, large enough to fill populations. Every
    trial may train for all the epochs. No state is kept: the model is made again from the recorded trials.
    """

    largest = 256
    """Most trials of a generation."""

    def stages(self, trials: int, epochs: int) -> list[Stage]:
        check_budget(trials, epochs)
        size = min(max(self.smallest(), ceil(trials / _PARTS)), self.largest)
        first = max(_BEGINNING, size)
        if first >= trials:
            return [Stage(0, "beginning", trials, epochs)]
        sizes = [min(size, trials - begin) for begin in range(first, trials, size)]
        later = [Stage(i, f"generation {i}", one, epochs) for i, one in enumerate(sizes, start=1)]
        return [Stage(0, "beginning", first, epochs), *later]

    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        earlier = sorted((one for one in history if one.stage < stage.index), key=lambda one: one.number)
        if self.space.dimensions and any(one.usable for one in earlier):
            return self.proposals(self.model(stage, count, earlier), count)
        return self.proposals(self.spread(stage, count), count)

    def smallest(self) -> int:
        """Fewest trials of a generation."""
        return _SMALLEST

    def spread(self, stage: Stage, count: int) -> dict[str, NDArray[np.float64]]:
        """Spread points evenly over the unit cube.

        Returns:
            Name of each varying hyperparameter to coordinates, shape (count,).
        """
        names = sorted(self.space.dimensions)
        points = sobol(len(names), count, self.key("spread", stage))
        return {name: points[:, i] for i, name in enumerate(names)}

    @abstractmethod
    def model(self, stage: Stage, count: int, earlier: Sequence[Observation]) -> dict[str, NDArray[np.float64]]:
        """Choose points of the unit cube by a model of what is known.

        Args:
            stage: the generation.
            count: how many; a larger count begins with the same points.
            earlier: trials of earlier generations by number, at least one of them usable.

        Returns:
            Name of each varying hyperparameter to coordinates, shape (count,).
        """
