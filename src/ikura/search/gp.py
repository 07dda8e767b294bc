"""Gaussian process: model the score and try where improvement is likely or little is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ikura.search._base import Observation, Stage, ranked
from ikura.search._generations import Generations, thinned
from ikura.search._optuna import frozen, quiet, suggested

__all__ = ["GPSearch"]

_MOST_TRIALS = 256


class GPSearch(Generations):
    """Optuna's Gaussian-process search, asked for whole generations.

    A generation is chosen one after another by expected improvement, in expectation over what those already chosen may
    score (Optuna's qLogEI). Scores further below the median than the best is above it are raised to that, so that a few
    very bad trials do not hide the differences between good ones; diverged and infeasible trials get the same. A choice
    is a dimension in which values are equal or not. Hyperparameters that only some configurations have are drawn at
    random: the process knows those that are always open. Of more than 256 trials the best half of 256 and the others at
    even distances in rank are fitted.

    A proposal takes seconds of one core: this is for trials that take longer.

    Example:
        >>> from ikura.space import Space, log
        >>> GPSearch(Space(learning_rate=log(1e-4, 1)), 0).stages(200, 10)[1].trials
        16

    References:
        Snoek, Larochelle and Adams, Practical Bayesian optimization of machine learning algorithms, NeurIPS 2012.
    """

    name: ClassVar[str] = "gp"
    largest = 16

    @override
    def model(self, stage: Stage, count: int, earlier: Sequence[Observation]) -> dict[str, NDArray[np.float64]]:
        best_first = ranked(earlier)
        scores = [one.score for one in best_first if one.usable]
        floor = 2 * float(np.median(scores)) - scores[0]
        kept = sorted(thinned(best_first, _MOST_TRIALS), key=lambda one: one.number)
        worth = [max(one.score, floor) if one.usable else floor for one in kept]
        points = self.spread(stage, count)
        with quiet():
            from optuna import create_study
            from optuna.samplers import GPSampler

            sampler = GPSampler(
                seed=self.key("gp", stage), n_startup_trials=min(10, len(kept)), warn_independent_sampling=False
            )
            study = create_study(direction="maximize", sampler=sampler)
            study.add_trials(frozen(self.space, kept, worth))
            for i in range(count):
                for name, u in suggested(self.space, study.ask()).items():
                    points[name][i] = u
        return points
