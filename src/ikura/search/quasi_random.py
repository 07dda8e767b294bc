"""Quasi-random search: points that fill the space more evenly than independent draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ikura.search._base import Observation, Proposal, Proposer, Stage, check_budget
from ikura.search.sobol_sequence import KNOWN, sobol_points

__all__ = ["HaltonSearch", "SobolSearch", "halton", "sobol"]

_MOST_DIMENSIONS = 21_201


def halton(dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    """Take the first points of a scrambled Halton sequence.

    Args:
        dimensions: coordinates of a point, at least 0.
        count: how many points; a larger count begins with the same points.
        seed: key of the scrambling.

    Returns:
        Points in [0, 1), shape (count, dimensions).
    """
    from scipy.stats import qmc

    if not dimensions or not count:
        return np.empty((count, dimensions))
    points: NDArray[np.float64] = qmc.Halton(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(count)
    return points


def sobol(dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    """Take the first points of a scrambled Sobol' sequence.

    Beyond the 21,201 dimensions of its tables coordinates are independent draws.

    Args:
        dimensions: coordinates of a point, at least 0.
        count: how many points; a larger count begins with the same points.
        seed: key of the scrambling.

    Returns:
        Points in [0, 1), shape (count, dimensions).
    """
    if not dimensions or not count:
        return np.empty((count, dimensions))
    if dimensions <= KNOWN:
        return sobol_points(dimensions, count, seed)
    from torch import float64
    from torch.quasirandom import SobolEngine

    known = min(dimensions, _MOST_DIMENSIONS)
    points: NDArray[np.float64] = SobolEngine(known, scramble=True, seed=seed).draw(count, dtype=float64).numpy()
    if known == dimensions:
        return points
    rest = np.random.default_rng([seed, 1]).random((count, dimensions - known))
    return np.hstack([points, rest])


class _QuasiRandomSearch(Proposer):
    """One stage over the whole space; each name has its own coordinate, used where it is active."""

    def stages(self, trials: int, epochs: int) -> list[Stage]:
        check_budget(trials, epochs)
        return [Stage(0, self.name, trials, epochs)]

    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        names = sorted(self.space.dimensions)
        sequence = halton if self.name == "halton" else sobol
        points = sequence(len(names), count, self.key(self.name, stage))
        return self.proposals({name: points[:, i] for i, name in enumerate(names)}, count)


class HaltonSearch(_QuasiRandomSearch):
    """Take configurations from a scrambled Halton sequence on the unit scale of the space.

    Each hyperparameter alone is covered as evenly as on a grid, with a new value in every trial, and so are pairs once
    there are more trials than the product of their two bases. A choice gets its options by equal parts of its
    coordinate. A hyperparameter that a configuration leaves out keeps its coordinate, so that the others stay even.

    Example:
        >>> from ikura.space import Space, log
        >>> search = HaltonSearch(Space(learning_rate=log(1e-4, 1)), seed=0)
        >>> [stage] = search.stages(trials=16, epochs=100)
        >>> rates = [one.configuration["learning_rate"] for one in search.ask(stage, 16, [])]
        >>> sorted(int(np.log10(rate) // 1) for rate in rates)
        [-4, -4, -4, -4, -3, -3, -3, -3, -2, -2, -2, -2, -1, -1, -1, -1]

    References:
        Owen, A randomized Halton algorithm in R, arXiv:1706.02808, 2017.
    """

    name: ClassVar[str] = "halton"


class SobolSearch(_QuasiRandomSearch):
    """Take configurations from a scrambled Sobol' sequence on the unit scale of the space.

    Numbers of trials that are powers of two are covered best. Choices and hyperparameters that a configuration leaves
    out are treated as by `HaltonSearch`.

    Example:
        >>> from ikura.space import Space, choice
        >>> search = SobolSearch(Space(activation=choice("relu", "tanh")), seed=0)
        >>> [stage] = search.stages(trials=8, epochs=100)
        >>> sorted(one.configuration["activation"] for one in search.ask(stage, 8, []))
        ['relu', 'relu', 'relu', 'relu', 'tanh', 'tanh', 'tanh', 'tanh']

    References:
        Owen, Scrambling Sobol' and Niederreiter-Xing points, Journal of Complexity 14, 1998.
    """

    name: ClassVar[str] = "sobol"
