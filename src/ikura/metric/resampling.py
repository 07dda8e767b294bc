"""Metrics on bootstrap resamples of the examples, for many predictions at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikura.metric._base import Array, Metric, as_array, each_member
from ikura.metric.registry import METRICS

__all__ = ["AVERAGED", "COUNTED", "TOGETHER", "draws", "evidence", "of_mean", "of_sums", "own_scores", "scores"]

AVERAGED = {
    "accuracy": "accuracy",
    "log_loss": "log_loss",
    "brier": "brier",
    "mae": "mae",
    "rmse": "mae",
    "r2": "mae",
    "quantile": "quantile",
}
"""Metrics that are functions of a mean over examples, and the metric of a single example that the mean is made of."""

OF_TARGETS = ("mae", "rmse", "r2", "quantile", "log_loss", "brier")
"""Of these also the metrics of several targets, which are means over those of each target."""

COUNTED = ("balanced_accuracy", "f1", "mcc", "roc_auc", "label_accuracy", "label_f1")
"""Metrics made of counts and ranks, whose sums are exact: of many resamples at once they are the same to the bit."""
TOGETHER = (*COUNTED, "average_precision")
"""Metrics that are measured of many resamples at once."""

# One block of draws holds about this many counts: 8 MB in float32.
BLOCK_NUMBERS = 2_000_000


def of_mean(name: str) -> bool:
    """Whether the metric of a name is a function of a mean over examples.

    Example:
        >>> of_mean("quantile:0.9"), of_mean("f1")
        (True, False)
    """
    return name.partition(":")[0] in AVERAGED


def of_sums(metric: Any, target: Array, axes: int) -> bool:
    """Whether a metric follows from sums over examples: of each target, where there are several.

    Args:
        metric: what is measured.
        target: the truth.
        axes: of one prediction; several targets have one for each, classes of several positions do not.
    """
    name = getattr(metric, "name", "")
    if METRICS.get(name) is not metric or not of_mean(name):
        return False
    return target.ndim == 1 or (target.ndim == 2 == axes and name.partition(":")[0] in OF_TARGETS)


def evidence(metric: Any, prediction: Any, target: Any, lead: int = 0) -> Array:
    """Keep of a prediction what resampling the examples needs.

    Args:
        metric: what will be measured; a `Metric`.
        prediction: of the examples, shape (n,) or (n, C), or (n, targets) of several targets.
        target: the truth, shape (n,) or (n, targets).
        lead: how many axes the prediction has in front of these, of several networks.

    Returns:
        Shape (n,), or (n, targets) of several targets: whether each example is right (uint8) for accuracy, its loss
        (float32) for log_loss, its absolute error for mae, its squared error for rmse and r2, its loss for brier and
        quantile (float64). For all other metrics the prediction itself.

    Example:
        >>> from ikura.metric import METRICS
        >>> evidence(METRICS["accuracy"], np.array([0.9, 0.2, 0.6]), np.array([1.0, 0.0, 0.0]))
        array([1, 1, 0], dtype=uint8)
    """
    prediction, target = as_array(prediction), as_array(target)
    name = getattr(metric, "name", "")
    if not of_sums(metric, target, prediction.ndim - lead):
        return np.array(prediction)
    of_one, axis = METRICS[AVERAGED.get(name, name)].function, lead + target.ndim
    values: Array = of_one(np.expand_dims(prediction, axis), target[..., None], axis)
    if name == "accuracy":
        return values.astype(np.uint8)
    if name == "log_loss":
        return values.astype(np.float32)
    if name in ("rmse", "r2"):
        values = np.square(values)
    return values


def draws(n: int, resamples: int, seed: int, purpose: str) -> Iterator[NDArray[np.float32]]:
    """Draw resamples of n examples with replacement, in blocks.

    Args:
        n: number of examples.
        resamples: how many.
        seed, purpose: key the draws.

    Yields:
        How often each resample has drawn each example, shape (resamples of the block, n).
    """
    random = np.random.default_rng([seed % 2**63, zlib.crc32(purpose.encode())])
    size = max(1, BLOCK_NUMBERS // n)
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = random.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float32)


def scores(
    metric: Metric, shown: Sequence[NDArray[Any]], target: Any, counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Measure several predictions on resamples of the examples.

    Args:
        metric: what is measured.
        shown: what `evidence` kept of each prediction.
        target: the truth, shape (n,).
        counts: how often each resample has each example, shape (resamples, n); examples counted 0 are left out.

    Returns:
        The metric, float64 of shape (predictions, resamples); NaN where it is not defined (no example; `roc_auc` of
        one class).
    """
    target, own = as_array(target), METRICS.get(metric.name) is not metric
    if not own and metric.name in TOGETHER:
        return _together(metric, shown, target, counts)
    if own or not of_sums(metric, target, np.ndim(shown[0])):
        return _one_by_one(metric, shown, target, counts)
    values = np.stack(shown)
    if target.ndim > 1:
        sums = np.moveaxis(values, 2, 0) @ counts.T.astype(np.float64)
        return _of_targets(metric, sums, target, counts)
    # Sums of zeros and ones are exact in float32; losses are summed in float64.
    kind = np.float32 if metric.name == "accuracy" else np.float64
    sums = (values.astype(kind) @ counts.T.astype(kind)).astype(np.float64)
    return _of_sums(metric, sums, target, counts)


def own_scores(metric: Metric, shown: NDArray[Any], target: Array, counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measure predictions of each resample's own on that resample.

    Args:
        metric: what is measured.
        shown: what `evidence` kept of each prediction, shape (resamples, predictions, n, ...).
        target, counts: as for `scores`.

    Returns:
        The metric, float64 of shape (predictions, resamples); NaN where it is not defined.
    """
    if not of_sums(metric, target, shown.ndim - 2):
        each = [scores(metric, list(one), target, row[None])[:, 0] for one, row in zip(shown, counts, strict=True)]
        return np.stack(each, 1)
    kind = np.float32 if metric.name == "accuracy" else np.float64
    if target.ndim > 1:
        each_sum = np.matmul(np.moveaxis(shown, 3, 0).astype(kind), counts.astype(kind)[:, :, None])[..., 0]
        return _of_targets(metric, each_sum.swapaxes(1, 2), target, counts)
    sums = np.matmul(shown.astype(kind), counts.astype(kind)[:, :, None])[..., 0].astype(np.float64)
    return _of_sums(metric, sums.T, target, counts)


def _of_targets(
    metric: Metric, sums: NDArray[np.float64], target: Array, counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The mean over several targets that vary, from sums of shape (targets, predictions, resamples)."""
    each = np.stack([_of_sums(metric, sums[k], target[:, k], counts) for k in range(target.shape[1])])
    said = ~np.isnan(each) | np.isnan(sums)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = np.where(said, each, 0.0).sum(0) / said.sum(0)
    return found


def _of_sums(
    metric: Metric, sums: NDArray[np.float64], target: Array, counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The metric from sums over each resample, shape (predictions, resamples)."""
    total = counts.sum(1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric.name != "r2":
            means: NDArray[np.float64] = sums / total
            return np.sqrt(means) if metric.name == "rmse" else means
        truth = target.astype(np.float64)
        truth = truth - truth.mean()
        mean = counts @ truth / total
        spread = counts @ truth**2 - total * mean**2
        # A target that does not vary has no variance to explain; rounding leaves about n times 1e-16 of it.
        return np.where(spread > 1e-12 * np.square(truth).sum(), 1 - sums / spread, np.nan)


def _one_by_one(
    metric: Metric, shown: Sequence[NDArray[Any]], target: Array, counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    predictions = np.stack(shown)
    measured = np.full((len(shown), len(counts)), np.nan)
    examples = np.arange(counts.shape[1])
    for column, times in enumerate(counts.astype(np.int64)):
        rows = np.repeat(examples, times)
        if len(rows):
            measured[:, column] = each_member(metric, predictions[:, rows], target[rows])
    return measured


def _together(
    metric: Metric, shown: Sequence[NDArray[Any]], target: Array, counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """As `_one_by_one`, for resamples of as many examples at once."""
    predictions = np.stack(shown)
    measured = np.full((len(shown), len(counts)), np.nan)
    times = counts.astype(np.int64)
    totals = times.sum(1)
    for total in np.unique(totals[totals > 0]):
        same = np.flatnonzero(totals == total)
        size = max(1, BLOCK_NUMBERS * predictions.shape[1] // (predictions.size * int(total)))
        for start in range(0, len(same), size):
            columns = same[start : start + size]
            _, drawn = np.nonzero(times[columns])
            rows = np.repeat(drawn, times[columns][times[columns] > 0]).reshape(len(columns), total)
            measured[:, columns] = metric.function(predictions[:, rows], target[rows][None], 2)
    return measured
