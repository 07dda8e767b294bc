"""Tree-structured Parzen estimator: draw where the good trials are denser than the others."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ikura.search._base import Observation, Stage, ranked
from ikura.search._generations import Generations, thinned
from ikura.search._optuna import coordinate, distributions, internal, quiet
from ikura.space._base import Configuration

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["TPESearch"]

_SHARE = 0.1
_MOST_GOOD = 25
_MOST_OTHERS = 256
_CANDIDATES = 24
_BLOCK = 32


class TPESearch(Generations):
    """Optuna's multivariate TPE, asked for whole generations.

    The density l of the good trials (the best tenth, 25 at most) and the density g of the others are fitted once for a
    generation, to the trials observed so far; each proposal is the one of 24 draws from l with the greatest l/g. What
    the trials of a generation have in common is therefore the model, not a choice, and nothing has to be assumed of
    those that still run. Hyperparameters that were always open together have one density; those that only some
    configurations have are fitted to these. Diverged and infeasible trials belong to g. Of many others 256 stand for
    all, at even distances in rank, so that the time for a proposal does not grow with the number of trials.

    Example:
        >>> from ikura.space import Space, log
        >>> [(stage.name, stage.trials) for stage in TPESearch(Space(learning_rate=log(1e-4, 1)), 0).stages(26, 10)]
        [('beginning', 10), ('generation 1', 4), ('generation 2', 4), ('generation 3', 4), ('generation 4', 4)]

    References:
        Bergstra, Bardenet, Bengio and Kégl, Algorithms for hyper-parameter optimization, NeurIPS 2011.
        Watanabe, Tree-structured Parzen estimator, arXiv:2304.11127, 2023.
    """

    name: ClassVar[str] = "tpe"

    @override
    def model(self, stage: Stage, count: int, earlier: Sequence[Observation]) -> dict[str, NDArray[np.float64]]:
        best_first = ranked(earlier)
        usable = sum(one.usable for one in best_first)
        share = min(ceil(_SHARE * len(best_first)), _MOST_GOOD, usable)
        good, others = best_first[:share], thinned(best_first[share:], _MOST_OTHERS)
        seen = [internal(self.space, one.configuration) for one in (*good, *others)]
        points: dict[str, NDArray[np.float64]] = {}
        with quiet():
            known = distributions(self.space)
            for group in _groups(list(known), seen):
                part = {name: known[name] for name in group}
                values = self._draw(stage, count, part, seen[: len(good)], seen[len(good) :])
                for name in group:
                    points[name] = np.array([coordinate(self.space, name, value) for value in values[name]])
        return points

    def _draw(
        self,
        stage: Stage,
        count: int,
        part: dict[str, BaseDistribution],
        good: Sequence[Configuration],
        others: Sequence[Configuration],
    ) -> dict[str, NDArray[Any]]:
        """Choose values for hyperparameters that are open together, in blocks of a fixed size each with its own key."""
        near, far = _density(part, good), _density(part, others)
        blocks = []
        for block in range(ceil(count / _BLOCK)):
            luck = np.random.RandomState(self.key(f"{block} {' '.join(part)}", stage))
            drawn = near.sample(luck, _BLOCK * _CANDIDATES)
            gain = (near.log_pdf(drawn) - far.log_pdf(drawn)).reshape(_BLOCK, _CANDIDATES)
            best = gain.argmax(axis=1) + _CANDIDATES * np.arange(_BLOCK)
            blocks.append({name: values[best] for name, values in drawn.items()})
        return {name: np.concatenate([block[name] for block in blocks] or [np.empty(0)])[:count] for name in part}


def _groups(names: Sequence[str], seen: Sequence[Configuration]) -> list[list[str]]:
    """Put names together that were open in the same trials."""
    groups: dict[tuple[bool, ...], list[str]] = {}
    for name in names:
        groups.setdefault(tuple(name in one for one in seen), []).append(name)
    return list(groups.values())


def _density(part: dict[str, BaseDistribution], seen: Sequence[Configuration]) -> Any:
    """Fit Optuna's Parzen estimator to the trials in which these hyperparameters were open."""
    from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters

    inside = [one for one in seen if all(name in one for name in part)]
    parameters = _ParzenEstimatorParameters(
        prior_weight=1.0, consider_magic_clip=True, consider_endpoints=False, weights=np.ones, multivariate=True
    )
    return _ParzenEstimator({name: np.array([one[name] for one in inside]) for name in part}, part, parameters)
