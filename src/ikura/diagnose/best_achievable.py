"""Bounds on the best achievable error, from what other learners reach on the same data."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ikura.diagnose.error_rates import error_of, measured_by
from ikura.diagnose.power_law import fit
from ikura.metric.estimate import Estimate, percent
from ikura.study.other_learners import as_columns, predicted_by
from ikura.study.record.diagnosis import Neighbour

if TYPE_CHECKING:
    from ikura.diagnose.chosen_networks import Chosen

__all__ = ["best_achievable", "cover_hart", "nearest_neighbour", "untuned_learners"]

MOST_ROWS, MOST_QUERIES = 10_000, 2_000
"""Training examples that neighbours are looked for among at most, and dev examples that ask."""
MOST_PEER_ROWS, MOST_PEER_INPUTS = 5_000, 256
TREES = 100
PARTS = 5
"""The nearest neighbour is looked for among all training examples, a half of them, a quarter, ..."""
BLOCK = 256


def nearest_neighbour(
    x: np.ndarray, y: np.ndarray, asked: np.ndarray, truth: np.ndarray, classes: int, seed: int = 0
) -> Neighbour:
    """Measure the error of the nearest neighbour.

    Args:
        x, y: training examples, shape (rows, d), and targets.
        asked, truth: dev examples and targets.
        classes: number of classes, 0 for regression.
        seed: orders the training examples, of which parts are looked at too.
    """
    # The first rows of a random order are a part of the training set; one search finds the neighbours in all parts.
    order = np.random.default_rng([seed % 2**63, zlib.crc32(b"neighbours")]).permutation(len(x))
    references, queries = x[order].astype(np.float64), asked.astype(np.float64)
    squares = np.square(references).sum(1)
    sizes = [max(len(x) >> step, 1) for step in range(PARTS)]
    # ‖q - r‖² less ‖q‖², which is the same for all references.
    blocks = [
        np.stack([distances[:, :size].argmin(1) for size in sizes])
        for i in range(0, len(queries), BLOCK)
        for distances in [squares - 2 * queries[i : i + BLOCK] @ references.T]
    ]
    found = y[order][np.concatenate(blocks, 1)]
    if classes:
        errors = (found != truth).mean(1)
    else:
        errors = ((found - truth) ** 2).mean(1) / 2 / max(float(truth.var()), 1e-12)
    limit = min(float(fit(sizes, errors, np.ones(PARTS)).a[0]), float(errors[0]))
    return Neighbour(float(errors[0]), limit, classes, len(asked))


def cover_hart(error: float, classes: int) -> float:
    """The least best achievable error that a nearest neighbour's error e allows, as the number of examples grows.

    For C classes R ≥ (C-1)/C (1 - √(1 - C/(C-1) e)).

    Source: Cover and Hart (1967), Nearest neighbor pattern classification, IEEE Transactions on Information Theory 13.

    Example:
        >>> round(cover_hart(0.18, 2), 3), cover_hart(0.5, 2)
        (0.1, 0.5)
    """
    most = (classes - 1) / classes
    return most * (1 - math.sqrt(max(0.0, 1 - error / most)))


def best_achievable(neighbour: Neighbour | None, reached: Mapping[str, Estimate]) -> tuple[Estimate, str]:
    """Bound the best achievable error from both sides.

    It is at most what anybody has reached on examples not trained on. It is at least what the error that the nearest
    neighbour would come down to allows (Cover and Hart; for regression half of its mean squared error), if that is of
    any use: where that bound lies above what has been reached, 0 takes its place.

    Args:
        neighbour: of dev examples among training examples; None if there is none.
        reached: who has reached which error.

    Returns:
        An estimate whose interval are the two bounds, its value between them; and a sentence on where it is from.
    """
    if neighbour is not None:
        reached = {**reached, "the nearest neighbour": neighbour.reached}
    who, least = min(reached.items(), key=lambda pair: pair[1].value)
    low, why = 0.0, "nothing is known of how low it can be"
    if neighbour is not None:
        bound = cover_hart(neighbour.limit, neighbour.classes) if neighbour.classes else neighbour.limit
        if 0 < bound <= least.value:
            low, why = bound, f"the nearest neighbours' error seems to allow no less than {percent(bound)}"
        else:
            why = "the nearest neighbours are too far away to say how low it can be"
    value = (low + max(least.value, 0.0)) / 2
    note = (
        f"an estimate: {who} reached {percent(least.value)} ({percent(least.low)} to {percent(least.high)}), and {why}"
    )
    return Estimate(value, low, max(least.high, value)), note


def untuned_learners(chosen: Chosen) -> dict[str, Estimate]:
    """Let learners that need no tuning have a try: the dev error of a random forest and of the 15 nearest neighbours.

    They are given at most 5,000 training examples and 256 inputs.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    setup = chosen.setup
    by, _ = measured_by(chosen.metric)
    random = np.random.default_rng([chosen.seed % 2**63, zlib.crc32(b"peers")])
    if setup.train.y.ndim > 1 or setup.task not in ("binary", "multiclass", "regression"):
        return {}
    train = setup.train.sample(MOST_PEER_ROWS, chosen.seed, "diagnosis")
    x, asked = (as_columns(part) for part in (train, setup.dev))
    if x.shape[1] > MOST_PEER_INPUTS:
        inputs = np.sort(random.choice(x.shape[1], MOST_PEER_INPUTS, replace=False))
        x, asked = x[:, inputs], asked[:, inputs]
    target = setup.scorer.target(setup.dev.y)
    regression = setup.task == "regression"
    forest = RandomForestRegressor if regression else RandomForestClassifier
    near = KNeighborsRegressor if regression else KNeighborsClassifier
    learners = {
        "a random forest": forest(TREES, random_state=0, n_jobs=1),
        "15 nearest neighbours": near(min(15, len(x))),
    }
    found = {}
    for name, learner in learners.items():
        learner.fit(x, train.y if regression else train.y.astype(np.int64))
        predicted = predicted_by(learner, asked, setup)
        found[name] = error_of(by, [predicted], target, chosen.seed)[0]
    return found
