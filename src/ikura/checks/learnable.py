"""Whether there is anything to learn: a forest's predictions against permuted targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.checks._base import Check, Result
from ikura.checks.forest import MOST_ROWS, forest_scores, matrix
from ikura.checks.subject import Subject

__all__ = ["LearnableCheck"]

PERMUTATIONS = 999
LEVEL = 0.05
LEAST_ROWS = 40
LEARNERS = 3
"""A forest, a linear model and near neighbours."""


class LearnableCheck(Check):
    """Compares predictions for examples that a learner did not see with their targets, and with permuted ones."""

    name = "learnable"
    about = "the targets go with the inputs: something can be learned"
    needs = ("examples",)

    def run(self, subject: Subject) -> Result:
        """Fit a forest, then plainer learners if it finds nothing."""
        assert subject.train is not None
        random = np.random.default_rng(subject.seed)
        rows = random.permutation(len(subject.train))[:MOST_ROWS]
        y = np.asarray(subject.train.y)[rows].reshape(len(rows), -1)[:, 0].astype(np.float64)
        if len(rows) < LEAST_ROWS or np.unique(y).size < 2 or not np.isfinite(y).all():
            return self.skipped(f"{len(rows)} training examples with {np.unique(y).size} targets are too few to tell")
        x = matrix(subject, subject.train, rows)
        regression = subject.task == "regression"
        y = y if regression else np.unique(y, return_inverse=True)[1].astype(np.float64)
        found = [self._forest(x, y, regression, subject.seed)]
        if LEARNERS * found[0][1] > LEVEL:
            found += [self._judge(one, y, regression, subject.seed) for one in _plain(x, y, regression)]
        score, p_value = min(found, key=lambda pair: pair[1])
        # Whichever of them find something, so many could have: Bonferroni's correction counts them all.
        p_value = min(1.0, LEARNERS * p_value)
        what = "r²" if regression else "balanced accuracy"
        figures = {"score": score, "measure": what, "p_value": p_value, "rows": len(rows), "learners": len(found)}
        told = f"held-out {what} {score:.2f}, p = {p_value:.3f} against permuted targets"
        if p_value <= LEVEL:
            return self.passed(told, **figures)
        return self.failed(
            f"no learner predicts the target better than permuted targets: {told}",
            "The labels are shuffled against the inputs, or the inputs say nothing about the target.",
            "Look at how rows of inputs and targets were joined and shuffled: both must go through the same order.",
            **figures,
        )

    def _forest(
        self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float64], regression: bool, seed: int
    ) -> tuple[float, float]:
        out, _ = forest_scores(x, y, regression, seed, leaf=3)
        return self._judge(out if regression else _named(out, y), y, regression, seed)

    def _judge(
        self, predicted: npt.NDArray[np.float64], y: npt.NDArray[np.float64], regression: bool, seed: int
    ) -> tuple[float, float]:
        """Score, and the share of permutations of the targets that score as well."""
        random = np.random.default_rng(seed + 1)
        measure = _correlation if regression else _balanced
        real = measure(predicted, y)
        better = sum(measure(predicted, random.permutation(y)) >= real for _ in range(PERMUTATIONS))
        score = 1 - float(((predicted - y) ** 2).mean() / y.var()) if regression else real
        return score, (1 + better) / (1 + PERMUTATIONS)


def _named(shares: npt.NDArray[Any], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The class whose share lies the most times above its share of all rows: a rare one is named, too.

    Args:
        shares: of each class, shape (n, classes).
        y: numbers of classes, shape (n,).
    """
    named: npt.NDArray[np.float64] = (shares / np.bincount(y.astype(np.int64))).argmax(1).astype(np.float64)
    return named


def _correlation(predicted: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    a, b = predicted - predicted.mean(), y - y.mean()
    return float(a @ b / max(np.sqrt((a @ a) * (b @ b)), 1e-300))


def _balanced(predicted: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    codes = y.astype(np.int64)
    return float((np.bincount(codes, predicted == y) / np.bincount(codes)).mean())


def _plain(x: npt.NDArray[np.float32], y: npt.NDArray[np.float64], regression: bool) -> list[npt.NDArray[np.float64]]:
    """Cross-validated predictions of a linear model and of near neighbours."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learners = (
        [Ridge(), KNeighborsRegressor(5)] if regression else [LogisticRegression(max_iter=200), KNeighborsClassifier(5)]
    )
    most = 3 if regression else min(3, int(np.unique(y, return_counts=True)[1].min()))
    if most < 2:
        return []
    how = "predict" if regression else "predict_proba"
    found = [cross_val_predict(make_pipeline(StandardScaler(), one), x, y, cv=most, method=how) for one in learners]
    return found if regression else [_named(one, y) for one in found]
