"""A forest as a judge of data: what a plain learner that needs no tuning can tell from features."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.checks.subject import Subject
from ikura.population.examples import Examples

__all__ = ["MOST_ROWS", "feature_names", "forest_scores", "matrix", "rank_test"]

MOST_ROWS, MOST_FEATURES = 3000, 256
TREES = 100


def feature_names(subject: Subject, count: int) -> list[str]:
    """Name the inputs: as they are called, or by their columns where each column is one input."""
    if len(subject.names) == count:
        return list(subject.names)
    used = [one.name for one in subject.table.columns if one.used] if subject.table is not None else []
    return used if len(used) == count else [f"feature {i}" for i in range(count)]


def matrix(subject: Subject, examples: Examples, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Lay examples out as a table of numbers; of very many features a part is drawn."""
    chosen = examples.rows(rows)
    x = np.asarray(chosen.table(), np.float32)
    x = np.concatenate([x, chosen.codes.astype(np.float32)], axis=1)
    if x.shape[1] > MOST_FEATURES:
        x = x[:, np.random.default_rng(subject.seed).choice(x.shape[1], MOST_FEATURES, replace=False)]
    return np.nan_to_num(x, posinf=0.0, neginf=0.0)


def forest_scores(
    x: npt.NDArray[Any], y: npt.NDArray[Any], regression: bool, seed: int, leaf: int = 1
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Predict each example by the trees of a random forest that did not see it.

    Returns:
        Predictions, shape (n,), or shares of each class, shape (n, classes); and the importance of each feature.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if regression else RandomForestClassifier
    forest = kind(TREES, oob_score=True, min_samples_leaf=leaf, random_state=seed, n_jobs=1)
    if regression:
        forest.set_params(max_features=max(1, x.shape[1] // 3))
    forest.fit(x, y)
    out = forest.oob_prediction_ if regression else forest.oob_decision_function_
    return np.nan_to_num(out), forest.feature_importances_


def rank_test(scores: npt.NDArray[Any], second: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Area under the curve of scores that should be higher in the second group, and its one-sided p-value.

    Mann and Whitney's test in the limit of large samples, ties included.
    """
    from scipy.stats import mannwhitneyu

    test = mannwhitneyu(scores[second], scores[~second], alternative="greater", method="asymptotic")
    return float(test.statistic) / (int(second.sum()) * int((~second).sum())), float(test.pvalue)
