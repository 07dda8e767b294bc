"""CMA-ES: move and shape a normal distribution from generation to generation."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ikura.search._base import Observation, Stage, ranked
from ikura.search._generations import Generations

__all__ = ["CMAESSearch"]

_SHARE = 0.25
_STEP = 0.2


class CMAESSearch(Generations):
    """Covariance matrix adaptation on the unit scale of the numbers of the space.

    The distribution begins at the mean of the best quarter of the first generation. For each generation it is made anew
    from the recorded ones, told in their order; only ranks count, and diverged or infeasible trials are the last.
    Choices, and hyperparameters that only some configurations have, are no coordinates of a normal distribution: they
    are drawn at random (scrambled Sobol'), so other searches serve better where much depends on them. Generations have
    at least 4 + 3 ln d trials; one of which trials are missing is passed over.

    Example:
        >>> from ikura.space import Space, log
        >>> CMAESSearch(Space(learning_rate=log(1e-4, 1)), 0).stages(120, 10)[1].trials
        10

    References:
        Hansen, The CMA evolution strategy: a tutorial, arXiv:1604.00772, 2016. Nomura and Shibata, cmaes,
        arXiv:2402.01373, 2024.
    """

    name: ClassVar[str] = "cma-es"

    @override
    def smallest(self) -> int:
        return max(super().smallest(), 4 + floor(3 * log(max(len(self._names), 1))))

    @property
    def _names(self) -> list[str]:
        """Numbers that are open in every configuration."""
        names = sorted(self.space.dimensions)
        return [name for name in names if self.space[name].numeric and self.space.condition(name) is None]

    @override
    def model(self, stage: Stage, count: int, earlier: Sequence[Observation]) -> dict[str, NDArray[np.float64]]:
        from cmaes import CMA

        points = self.spread(stage, count)
        names = self._names
        if not names:
            return points
        generations: dict[int, list[Observation]] = {}
        for one in earlier:
            generations.setdefault(one.stage, []).append(one)
        first, *later = (generations[index] for index in sorted(generations))
        best = [one for one in ranked(first)[: ceil(_SHARE * len(first))] if one.usable]
        mean = np.mean([self._point(names, one) for one in best], axis=0) if best else np.full(len(names), 0.5)
        size = max(self.smallest(), min((len(one) for one in later), default=0))
        bounds = np.tile([0.0, 1.0], (len(names), 1))
        state = CMA(mean, _STEP, bounds=bounds, population_size=size, seed=self.key("cma-es", stage))
        for trials in later:
            generation = ranked(trials[:size])
            if len(generation) == size and any(one.usable for one in generation):
                state.tell([(self._point(names, one), float(place)) for place, one in enumerate(generation)])
        drawn = np.array([state.ask() for _ in range(count)]).reshape(count, len(names))
        return points | {name: np.clip(drawn[:, i], 0.0, 1.0) for i, name in enumerate(names)}

    def _point(self, names: Sequence[str], one: Observation) -> NDArray[np.float64]:
        return np.array([self.space[name].to_unit(one.configuration[name]) for name in names])
