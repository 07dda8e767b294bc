"""What is raced: data, hyperparameters and budgets, stated once for both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.fashion import fashion_mnist

if TYPE_CHECKING:
    from ikura.space import Space

__all__ = ["WORKLOADS", "Range", "Workload"]


@dataclass(frozen=True)
class Range:
    """Values of one hyperparameter.

    Attributes:
        low, high: both ends included.
        log: whether it is drawn on the logarithmic scale.
        whole: whether it is an integer.
        options: the options of a choice, in place of low and high.
        rule: the update rule it belongs to; "" for all of them.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    options: tuple[str | int, ...] = ()
    rule: str = ""

    def parameter(self) -> Any:
        """Return it as ikura takes it."""
        from ikura.space import choice, fixed, integer, linear, log

        if self.options:
            return choice(*self.options)
        if self.low == self.high:
            return fixed(int(self.low) if self.whole else self.low)
        if self.whole:
            return integer(int(self.low), int(self.high), self.log)
        return log(self.low, self.high) if self.log else linear(self.low, self.high)

    def suggest(self, trial: Any, name: str) -> Any:
        """Ask an Optuna trial for a value."""
        if self.options:
            return trial.suggest_categorical(name, self.options)
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Workload:
    """One race.

    Attributes:
        name: its name.
        data: makes the examples: x of shape (rows, features) and classes of shape (rows,).
        ranges: what is searched, update rule before what depends on it.
        trials: configurations.
        epochs: passes over the training set of each.
    """

    name: str
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    ranges: Mapping[str, Range]
    trials: int
    epochs: int

    def space(self) -> Space:
        """Return the space as ikura takes it."""
        from ikura.space import Space, when

        plain = {name: one.parameter() for name, one in self.ranges.items() if not one.rule}
        conditions = [
            when(optimizer=one.rule, **{name: one.parameter()}) for name, one in self.ranges.items() if one.rule
        ]
        return Space(*conditions, **plain)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Ask an Optuna trial for a configuration."""
        found: dict[str, Any] = {}
        for name, one in self.ranges.items():
            if not one.rule or one.rule == found["optimizer"]:
                found[name] = one.suggest(trial, name)
        return found

    def draws(self, trials: int, seed: int) -> list[dict[str, Any]]:
        """Return the configurations that ikura's random search draws."""
        from ikura.search import proposer

        search = proposer("random", self.space(), seed)
        [stage] = search.stages(trials, self.epochs)
        return [proposal.configuration for proposal in search.ask(stage, trials, [])]


def _clusters() -> tuple[np.ndarray, np.ndarray]:
    """600 rows of 16 features in three classes of two overlapping clusters each."""
    from sklearn.datasets import make_classification

    return make_classification(
        600, 16, n_informative=8, n_redundant=4, n_classes=3, n_clusters_per_class=2, class_sep=1.0, random_state=0
    )


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


TRAINING = {
    "learning_rate": Range(1e-4, 1e-1, log=True),
    "optimizer": Range(options=("momentum", "rmsprop", "adam")),
    "momentum": Range(0.8, 0.99, rule="momentum"),
    "activation": Range(options=("relu", "tanh", "sigmoid")),
}

WORKLOADS: dict[str, Workload] = {
    "tiny": Workload(
        "tiny",
        _clusters,
        TRAINING
        | {
            "layers": Range(1, 3, whole=True),
            "units": Range(8, 32, whole=True),
            "batch_size": Range(options=(16, 32, 64)),
            "dropout": Range(0, 0.5),
        },
        trials=512,
        epochs=20,
    ),
    "small": Workload(
        "small",
        _digits,
        TRAINING
        | {
            "layers": Range(1, 3, whole=True),
            "units": Range(16, 128, whole=True),
            "batch_size": Range(options=(32, 64, 128, 256)),
            "dropout": Range(0, 0.5),
        },
        trials=512,
        epochs=30,
    ),
    "medium": Workload(
        "medium",
        fashion_mnist,
        TRAINING
        | {
            "learning_rate": Range(1e-4, 1e-2, log=True),
            "layers": Range(2, 2, whole=True),
            "units": Range(64, 256, whole=True),
            "batch_size": Range(options=(128,)),
        },
        trials=16,
        epochs=2,
    ),
}
"""Name to workload."""
