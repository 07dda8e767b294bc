"""Bounds of predictions: no further than the values that were given, unless the dev rows speak against it."""

from __future__ import annotations

import math

import numpy as np

from ikura.study.record.prediction_bounds import PredictionBounds

__all__ = ["fit_bounds", "measured_bounds"]

SURE = 1.645
"""Standard errors by which the dev rows must be predicted worse: 5 % on one side."""


def fit_bounds(on_dev: np.ndarray, dev: np.ndarray, train: np.ndarray) -> tuple[float, float] | None:
    """Find between which values predictions are kept.

    A network goes on beyond the rows that it was trained on, as far as its layers do; a row unlike all others may then
    be predicted as several times the greatest value ever seen. Bounds are wrong where values grow beyond those of
    training, as with time: then the dev rows, bounded by the values of the training rows, have a larger square error.

    Args:
        on_dev: predictions of the dev rows by networks that were not trained on them, shape (n,).
        dev, train: values of dev and training rows, in the same unit.

    Returns:
        The least and the greatest value of both; None where the square error of the dev rows grows beyond chance, a
        prediction is NaN, or it is not one value that is predicted.

    Example:
        >>> values = np.arange(10.0)
        >>> fit_bounds(values, values, values), fit_bounds(values + 20, values + 20, values)
        ((0.0, 9.0), None)
    """
    if dev.ndim > 1 or not len(dev) or not bool(np.isfinite(on_dev).all()):
        return None
    predicted = on_dev.astype(np.float64)
    bounded = predicted.clip(float(train.min()), float(train.max()))
    worse = np.square(bounded - dev) - np.square(predicted - dev)
    mean, rows = float(worse.mean()), len(worse)
    if mean > 0 and rows > 1 and mean > SURE * float(worse.std(ddof=1)) / math.sqrt(rows):
        return None
    return min(float(train.min()), float(dev.min())), max(float(train.max()), float(dev.max()))


def measured_bounds(bounds: tuple[float, float] | None, outputs: np.ndarray) -> PredictionBounds | None:
    """Count the test rows whose prediction lies beyond the bounds; None without bounds.

    Args:
        bounds: as `fit_bounds` gives them.
        outputs: what the network predicts of the test rows.
    """
    if bounds is None or not len(outputs):
        return None
    low, high = bounds
    return PredictionBounds(low, high, int(((outputs < low) | (outputs > high)).sum()), len(outputs))
