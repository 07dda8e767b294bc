"""Metrics for numbers; shapes as in `Metric`, with `lead` axes in front where many are measured at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ikura.errors import UsageError
from ikura.metric._base import Array, Metric, Needs

__all__ = ["MAE", "QUANTILE", "R2", "RMSE", "quantile_loss"]

NUMBERS = frozenset({"regression"})


def _sums(values: Array, lead: int) -> Array:
    """The sum over all but the axes in front."""
    found: Array = values.sum(tuple(range(lead, values.ndim)))
    return found


def _each_target(prediction: Array, target: Array) -> Iterator[tuple[Array, Array]]:
    """Prediction and truth of one target after another."""
    return ((prediction[..., k], target[..., k]) for k in range(target.shape[-1]))


def r2(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The share of the target's variance explained, 1 - sum (y - p)^2 / sum (y - mean y)^2; at most 1.

    A target that does not vary gives 1 for perfect predictions and 0 for others; a single example gives NaN. Of several
    targets, shape (n, targets), it is the mean over those that vary; of values of more dimensions each has a mean of
    its own, and the sums run over all of them.

    Example:
        >>> float(r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])))
        0.5
    """
    target = target.astype(np.float64)
    if target.ndim == lead + 2:
        each = np.stack([r2(*one, lead) for one in _each_target(prediction, target)], -1)
        vary = target.max(lead) > target.min(lead)
        counted = np.where(vary.any(-1, keepdims=True), vary, True)
        mean: Array = np.where(counted, each, 0.0).sum(-1) / counted.sum(-1)
        return mean
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        residual = _sums(np.square(prediction.astype(np.float64) - target), lead)
        total = _sums(np.square(target - target.mean(lead, keepdims=True)), lead)
        if target.shape[lead] < 2:
            return residual * np.nan
        constant = np.where(residual > 0, 0.0, 1 + 0 * residual)
        # The mean of equal numbers may be off by a rounding, which is no variance.
        apart = target.max(lead) > target.min(lead)
        return np.where(apart.any(tuple(range(lead, apart.ndim))), 1 - residual / total, constant)


def rmse(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The root of the mean squared error, sqrt(mean (y - p)^2), in the target's unit; the mean over several targets.

    Example:
        >>> round(float(rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))), 6)
        1.414214
    """
    if target.ndim == lead + 2:
        each: Array = np.stack([rmse(*one, lead) for one in _each_target(prediction, target)], -1).mean(-1)
        return each
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.square(prediction.astype(np.float64) - target.astype(np.float64))
        found: Array = np.sqrt(off.mean(tuple(range(lead, off.ndim))))
    return found


def mae(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The mean absolute error, mean |y - p|, in the target's unit.

    Example:
        >>> float(mae(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        1.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(prediction.astype(np.float64) - target.astype(np.float64))
        found: Array = off.mean(tuple(range(lead, off.ndim)))
    return found


R2 = Metric("r2", True, NUMBERS, r2, needs=Needs.DIFFERENT, arrays=True, most=1)
RMSE = Metric("rmse", False, NUMBERS, rmse, arrays=True, least=0)
MAE = Metric("mae", False, NUMBERS, mae, arrays=True, least=0)


def quantile_loss(text: str) -> Metric:
    """The mean quantile loss, mean max(q (y - p), (q - 1) (y - p)), which the q-quantile makes least.

    Args:
        text: "quantile:q", with q between 0 and 1; "quantile" for the median, half of the mean absolute error.

    Raises:
        UsageError: q is no such number.

    Source: Koenker and Bassett (1978), Regression quantiles, Econometrica 46.

    Example:
        >>> float(quantile_loss("quantile:0.9")(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        0.9
    """
    try:
        q = float(text.partition(":")[2] or 0.5)
    except ValueError:
        q = float("nan")
    if not 0 < q < 1:
        raise UsageError(f"the metric {text!r} takes a number between 0 and 1, as in quantile:0.9")

    def quantile(prediction: Array, target: Array, lead: int = 0) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            above = target.astype(np.float64) - prediction.astype(np.float64)
            found: Array = np.maximum(q * above, (q - 1) * above).mean(tuple(range(lead, above.ndim)))
        return found

    return Metric(text, False, NUMBERS, quantile, arrays=True, least=0)


QUANTILE = quantile_loss("quantile")
