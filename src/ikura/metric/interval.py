"""How sure a measured metric is."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from ikura.errors import UsageError
from ikura.metric._base import Array, Metric, as_array, each_member
from ikura.metric.classification import decided
from ikura.metric.resampling import evidence, of_sums, scores

__all__ = ["interval"]

# One chunk of resamples gathers about this many predictions; the intermediate arrays take some 200 bytes for each.
CHUNK_NUMBERS = 200_000


def interval(
    metric: Metric,
    predictions: Sequence[Any],
    target: Any,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Give the confidence interval of a metric's mean over replicates.

    The accuracy of one prediction, or of several that are right on the same examples, has Wilson's interval.
    All else has the percentile interval of a bootstrap on two levels: each resample draws replicates with
    replacement, then examples with replacement (the same ones for every replicate), and averages the metric.

    Args:
        metric: what is measured.
        predictions: an array or tensor for each replicate (a network with a seed of its own), of shape (n,) or (n, C).
        target: the truth, shape (n,).
        level: the confidence, between 0 and 1.
        resamples: how many resamples the bootstrap draws.
        seed: keys the bootstrap's draws; the same seed gives the same interval.

    Returns:
        The lower and the upper end. Both are NaN when a prediction is NaN. A resample on which the metric is
        not defined (`roc_auc` with one class only) is left out; both are NaN when none is left.

    Raises:
        UsageError: there is no prediction or no example, the lengths differ, or a number is out of its range.

    Source: Wilson (1927), Probable inference, JASA 22; Davison and Hinkley (1997), Bootstrap methods, 3.8.

    Example:
        >>> from ikura.metric import METRICS
        >>> low, high = interval(METRICS["accuracy"], [np.array([0.9] * 9 + [0.1])], np.ones(10))
        >>> round(low, 3), round(high, 3)
        (0.596, 0.982)
    """
    predictions, target = [as_array(one) for one in predictions], as_array(target)
    _check(predictions, target, level, resamples)
    if any(bool(np.isnan(prediction).any()) for prediction in predictions):
        return float("nan"), float("nan")
    if metric.name == "accuracy" and target.ndim == 1:
        hits = np.stack([decided(prediction) == target for prediction in predictions])
        if bool((hits == hits[0]).all()):
            return wilson(int(hits[0].sum()), len(target), level)
    values = _bootstrap(metric, predictions, target, resamples, seed)
    values = values[~np.isnan(values)]
    if values.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(right: int, n: int, level: float) -> tuple[float, float]:
    """Wilson's interval of a share: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), z the normal quantile.

    Example:
        >>> [round(end, 3) for end in wilson(10, 10, 0.95)]
        [0.722, 1.0]
    """
    share, z = right / n, float(ndtri((1 + level) / 2))
    centre, width = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = (centre - width) / (1 + z * z / n), (centre + width) / (1 + z * z / n)
    return 0.0 if right == 0 else float(low), 1.0 if right == n else float(high)


def _check(predictions: Sequence[Array], target: Array, level: float, resamples: int) -> None:
    if not 0 < level < 1:
        raise UsageError(f"0 < level < 1 must hold, but got level={level}")
    if resamples < 1:
        raise UsageError(f"resamples must be at least 1, but got {resamples}")
    if len(predictions) == 0:
        raise UsageError("an interval needs at least one prediction, but got none")
    if len(target) == 0:
        raise UsageError("an interval needs at least one example, but the target is empty")
    for replicate, prediction in enumerate(predictions):
        if len(prediction) != len(target):
            raise UsageError(f"prediction {replicate} has {len(prediction)} examples, but the target {len(target)}")


def _bootstrap(metric: Metric, predictions: Sequence[Array], target: Array, resamples: int, seed: int) -> np.ndarray:
    """Measure every resample; returns float64 of shape (resamples,)."""
    key = [seed % 2**63, zlib.crc32(b"interval")]
    n, replicates = len(target), len(predictions)
    # weights[b, r]: how often resample b drew replicate r, over the number of replicates
    weights = np.random.default_rng([*key, 0]).multinomial(replicates, [1 / replicates] * replicates, resamples)
    examples = np.random.default_rng([*key, 1])
    chunk = max(1, CHUNK_NUMBERS // max(prediction.size for prediction in predictions))
    measured = []
    if target.ndim == 2 and of_sums(metric, target, predictions[0].ndim):
        shown = [evidence(metric, prediction, target) for prediction in predictions]
        for start in range(0, resamples, chunk):
            count = min(chunk, resamples - start)
            drawn = examples.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float32)
            measured.append(scores(metric, shown, target, counts).T)
    for start in range(0, 0 if measured else resamples, chunk):
        drawn = examples.integers(0, n, (min(chunk, resamples - start), n))
        truth = target[drawn]
        if metric.name == "accuracy" and target.ndim == 1:
            rows = [(decided(prediction) == target)[drawn].mean(1) for prediction in predictions]
        else:
            rows = [each_member(metric, prediction[drawn], truth, own_targets=True) for prediction in predictions]
        measured.append(np.stack(rows, 1))
    means: np.ndarray = np.where(weights > 0, weights * np.concatenate(measured), 0.0).sum(axis=1) / replicates
    return means
