"""The errors of a study's choice on the training and the dev set, each as one share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np

from ikura.metric import METRICS, Metric, evidence
from ikura.metric.estimate import LEVEL, Estimate, difference, with_seeds
from ikura.metric.interval import wilson
from ikura.metric.resampling import draws, scores
from ikura.study.record.diagnosis import ERROR_RATE, Errors

__all__ = ["MEASURES", "MOST_EXAMPLES", "MOST_IMAGES", "compared", "error_of", "measured_by", "rates"]

MEASURES: dict[str, tuple[str, str]] = {
    "accuracy": ("accuracy", ERROR_RATE),
    "log_loss": ("accuracy", ERROR_RATE),
    "brier": ("accuracy", ERROR_RATE),
    "mcc": ("balanced_accuracy", "1 - balanced accuracy"),
    "average_precision": ("average_precision", "1 - average precision"),
    "balanced_accuracy": ("balanced_accuracy", "1 - balanced accuracy"),
    "f1": ("f1", "1 - F1"),
    "roc_auc": ("roc_auc", "1 - ROC AUC"),
    "r2": ("r2", "unexplained variance"),
    "rmse": ("r2", "unexplained variance"),
    "mae": ("r2", "unexplained variance"),
}
"""A study's metric to the one that errors are measured by, and what 1 minus that is called.

An error is always a share, so that what counts as a large one does not depend on units: of the examples that are wrong,
or of the variance of the target that is left, 1 - R².
"""

RESAMPLES = 1000
MOST_EXAMPLES, MOST_IMAGES = 10_000, 3_000
"""Training examples that the training error is measured on at most."""


def measured_by(metric: Metric) -> tuple[Metric, str]:
    """The metric that errors are measured by, and the error's name, for a study's metric."""
    if metric.name.partition(":")[0] == "quantile":
        share = replace(metric, greater_is_better=True, function=lambda *given: 1 - _of_constant(metric, *given))
        return share, "quantile loss as a share of that of the best constant"
    if metric.name not in MEASURES and not metric.greater_is_better:
        # An error already: 1 minus what this metric gives is it.
        return replace(
            metric, greater_is_better=True, function=lambda *given: 1 - metric.function(*given), by_task=None
        ), metric.name
    name, measure = MEASURES.get(metric.name, (metric.name, f"1 - {metric.name}"))
    found = METRICS[name] if name in METRICS and metric.name in METRICS else metric
    return (found if name in MEASURES else metric), measure


def _of_constant(metric: Metric, prediction: np.ndarray, target: np.ndarray, lead: int = 0) -> np.ndarray:
    """A quantile loss as a share of that of the quantile of the targets: 1 minus scikit-learn's d2_pinball_score."""
    q = float(metric.name.partition(":")[2] or 0.5)
    constant = np.quantile(target.astype(np.float64), q, axis=lead, keepdims=True)
    share: np.ndarray = metric.function(prediction, target, lead) / metric.function(constant, target, lead)
    return share


def error_of(
    metric: Metric, predictions: Sequence[np.ndarray], target: np.ndarray, seed: int = 0
) -> tuple[Estimate, list[float]]:
    """Measure the error of several networks of one configuration on the same examples.

    Of accuracies the interval is Wilson's, of all else the percentile interval of a bootstrap over the examples.

    Args:
        metric: what 1 minus makes the error.
        predictions: of each network, shape (n,) or (n, C).
        target: the truth, shape (n,).
        seed: keys the bootstrap.

    Returns:
        The mean with its interval over examples, and each network's own.
    """
    shown = [evidence(metric, prediction, target) for prediction in predictions]
    n = len(target)
    whole = 1 - scores(metric, shown, target, np.ones((1, n), np.float32))[:, 0]
    value = float(whole.mean())
    if metric.name == "accuracy":
        low, high = wilson(round(value * n * len(shown)) / len(shown), n, LEVEL)  # type: ignore[arg-type]
    else:
        blocks = draws(n, RESAMPLES, seed, "diagnosis")
        drawn = np.concatenate([1 - scores(metric, shown, target, counts).mean(0) for counts in blocks])
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if drawn.size else (np.nan, np.nan)
    return Estimate(value, min(float(low), value), max(float(high), value)), whole.tolist()


def compared(
    measure: str, train: tuple[Estimate, list[float]], dev: tuple[Estimate, list[float]], rows: tuple[int, int]
) -> Errors:
    """Put training and dev error together, as `error_of` measured them."""
    gap = difference(dev[0], train[0])
    # Of shares only; an error of another kind may be of any size.
    most = 1.0 if measure == ERROR_RATE or measure.startswith("1 - ") else inf
    by_seed = [b - a for a, b in zip(train[1], dev[1], strict=True)]
    return Errors(
        measure,
        _error(with_seeds(train[0], train[1], rows[0]), most),
        _error(with_seeds(dev[0], dev[1], rows[1]), most),
        with_seeds(gap, by_seed, min(rows)),
        *rows,
        networks=len(by_seed),
    )


def _error(found: Estimate, most: float) -> Estimate:
    """No error is below 0, or above what an error can be."""
    low, high = min(max(found.low, 0.0), found.value), max(min(found.high, most), found.value)
    return replace(found, low=low, high=high)


def rates(train: float, dev: float, train_rows: int, dev_rows: int) -> Errors:
    """Errors of one network from its error rates and the number of examples.

    Example:
        >>> rates(0.01, 0.11, 1000, 100).gap.value
        0.1
    """
    found = []
    for share, rows in ((train, train_rows), (dev, dev_rows)):
        low, high = wilson(share * rows, rows, LEVEL)  # type: ignore[arg-type]
        found.append((Estimate(share, low, high), [share]))
    return compared(ERROR_RATE, found[0], found[1], (train_rows, dev_rows))
