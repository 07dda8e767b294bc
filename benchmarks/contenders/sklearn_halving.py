"""scikit-learn: HalvingRandomSearchCV over MLPClassifier (MLPRegressor), two processes; again with another seed.

The resource is `max_iter`, the number of epochs: 81 candidates train 3, the best 27 of them 9, and so on. What the
multi-layer perceptron of scikit-learn does not have is mapped to what is nearest: it knows no RMSprop (Adam) and no
dropout (left out), and its `alpha` is λ times the mini-batch's size. It has a dev score only at the end of a training,
and each round trains from the start again.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from benchmarks.contenders._base import Log, arguments

__all__ = ["candidate", "main"]

PROCESSES = 2
SHORTEST, FACTOR = 3, 3
FAILED = -1e9
RULES = {"momentum": "sgd", "rmsprop": "adam", "adam": "adam"}
ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


def candidate(hp: dict[str, Any], regression: bool) -> dict[str, Any]:
    """Map a configuration to the arguments of scikit-learn's multi-layer perceptron.

    Its penalty is α/2n ‖W‖² for a mini-batch of n, beside a regression's squared error halved.
    """
    return {
        "learning_rate_init": hp["learning_rate"],
        "solver": RULES[hp["optimizer"]],
        "momentum": hp["momentum"],
        "nesterovs_momentum": False,
        "activation": ACTIVATIONS[hp["activation"]],
        "hidden_layer_sizes": (hp["units"],) * hp["layers"],
        "batch_size": hp["batch_size"],
        "alpha": hp["l2"] * hp["batch_size"] / (2 if regression else 1),
    }


def main() -> None:
    """Search again and again until somebody ends the process."""
    given = arguments(__doc__ or "")
    os.environ["PYTHONWARNINGS"] = "ignore"
    warnings.simplefilter("ignore")
    import numpy as np
    from scipy.stats import loguniform, randint, uniform
    from sklearn.base import BaseEstimator
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    from benchmarks.tasks import TASKS, load

    log, task = Log(given.log), TASKS[given.task]
    log.note("imported")
    parts = load(task.name, given.data)
    regression = parts.task == "regression"
    kind, measure = (MLPRegressor, r2_score) if regression else (MLPClassifier, accuracy_score)

    class Network(BaseEstimator):
        """The perceptron by the names that all contenders search."""

        def __init__(
            self, learning_rate: float = 0.01, optimizer: str = "adam", momentum: float = 0.9, activation: str = "relu",
            layers: int = 1, units: int = 16, batch_size: int = 32, l2: float = 0.0, max_iter: int = SHORTEST,
            random_state: int = 0,
        ) -> None:  # fmt: skip
            self.learning_rate, self.optimizer, self.momentum = learning_rate, optimizer, momentum
            self.activation, self.layers, self.units = activation, layers, units
            self.batch_size, self.l2, self.max_iter, self.random_state = batch_size, l2, max_iter, random_state

        def fit(self, x: Any, y: Any) -> Network:
            hp = candidate(self.get_params(), regression)
            self.net_ = kind(**hp, max_iter=self.max_iter, random_state=self.random_state).fit(x, y)
            return self

    def scoring(network: Any, x: Any, y: Any) -> float:
        score = measure(y, network.net_.predict(x))
        log.score(score)
        return score

    ranges: dict[str, Any] = {}
    for name, one in task.ranges.items():
        if one.options:
            ranges[name] = list(one.options)
        elif one.whole and not one.log:
            ranges[name] = randint(int(one.low), int(one.high) + 1)
        elif one.whole:
            ranges[name] = _WholeLog(int(one.low), int(one.high))
        else:
            ranges[name] = loguniform(one.low, one.high) if one.log else uniform(one.low, one.high - one.low)
    del ranges["dropout"]
    x = np.concatenate([parts.train_x, parts.dev_x])
    y = np.concatenate([parts.train_y, parts.dev_y])
    y = y if regression else y.astype(np.int64)
    folds = PredefinedSplit(np.repeat([-1, 0], [len(parts.train_x), len(parts.dev_x)]))
    round_ = 0
    while True:
        seed = 1000 * round_ + given.seed
        HalvingRandomSearchCV(
            Network(random_state=seed),
            ranges,
            n_candidates=task.epochs // SHORTEST * FACTOR,
            factor=FACTOR,
            resource="max_iter",
            min_resources=SHORTEST,
            max_resources=task.epochs,
            cv=folds,
            scoring=scoring,
            refit=False,
            error_score=FAILED,
            random_state=seed,
            n_jobs=PROCESSES,
            return_train_score=False,
        ).fit(x, y)
        round_ += 1


class _WholeLog:
    """Integers of which each has the share that it covers on the logarithmic scale."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def rvs(self, random_state: Any = None) -> int:
        """Draw one."""
        import numpy as np

        low, high = np.log(self.low - 0.5), np.log(self.high + 0.5)
        return int(np.clip(np.round(np.exp(random_state.uniform(low, high))), self.low, self.high))


if __name__ == "__main__":
    main()
