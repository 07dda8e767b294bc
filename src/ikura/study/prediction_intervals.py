"""Prediction intervals of a study's model: the errors they are made of, and how often they hold on the test set."""

from __future__ import annotations

import math

import numpy as np

from ikura.metric import Metric
from ikura.metric.conformal import HeldOutErrors, fit_held_out_errors
from ikura.metric.interval import wilson
from ikura.study.record.ensemble_record import Ensemble
from ikura.study.record.facts import BestRecord
from ikura.study.record.interval_coverage import IntervalCoverage

__all__ = ["flattery", "held_out_errors", "measured_coverage"]

LEVEL = 0.9
"""The level that is measured."""


def held_out_errors(
    task: str, on_dev: np.ndarray, target: np.ndarray, factor: float, seed: int
) -> HeldOutErrors | None:
    """Keep the errors of the dev rows; None where it is not one value that is predicted, or predictions are none.

    Args:
        task: the study's.
        on_dev: predictions of the dev rows by networks that were not trained on them, in the target's unit.
        target: the values of these rows.
        factor: as `flattery` gives it.
        seed: keys the draw of rows.
    """
    if task != "regression" or target.ndim > 1 or not bool(np.isfinite(on_dev).all()):
        return None
    return fit_held_out_errors(on_dev.astype(np.float64), target.astype(np.float64), factor, seed)


def flattery(metric: Metric, best: BestRecord, ensemble: Ensemble | None) -> float:
    """By how much the dev rows' errors are too small because these rows chose: corrected error over plain one.

    It is the ratio of root mean square errors, or of mean absolute ones where the metric is that, and at least 1.
    """
    if ensemble is not None and ensemble.used:
        plain, corrected = ensemble.dev, ensemble.corrected
    else:
        plain, corrected = best.dev, None if best.corrected is None else best.corrected.value
    if corrected is None or metric.name not in ("r2", "rmse", "mae"):
        return 1.0
    squared = metric.name == "r2"
    before, after = (1 - plain, 1 - corrected) if squared else (plain, corrected)
    if not (before > 0 and after > before):
        return 1.0
    return math.sqrt(after / before) if squared else after / before


def measured_coverage(errors: HeldOutErrors | None, outputs: np.ndarray, target: np.ndarray) -> IntervalCoverage | None:
    """Measure how often the intervals hold on the test rows; None where there are too few held-out rows for them.

    Args:
        errors: of held-out rows.
        outputs: what the model predicts of the test rows.
        target: their values.
    """
    if errors is None or errors.rows < 2 / (1 - LEVEL) - 1 or not len(target):
        return None
    low, high = errors.ends(outputs.astype(np.float64), LEVEL)
    truth = target.astype(np.float64)
    held = int(np.sum((low <= truth) & (truth <= high)))
    rows = len(truth)
    width = float(np.median(high - low))
    return IntervalCoverage(LEVEL, held / rows, wilson(held, rows, 0.95), width, errors.rows, rows)
