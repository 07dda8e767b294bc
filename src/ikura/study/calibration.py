"""What becomes of a chosen network's probabilities: their temperature, and the threshold of its answers."""

from __future__ import annotations

import numpy as np

from ikura.metric import Metric
from ikura.metric.calibration import at_temperature, fit_temperature
from ikura.metric.decisions import DECIDING, fit_threshold
from ikura.study.record.calibration_record import Calibration

__all__ = ["as_answered", "calibrate"]


def calibrate(task: str, metric: Metric, on_dev: np.ndarray, target: np.ndarray, seed: int) -> Calibration | None:
    """Fit temperature and threshold to the dev examples; each is used only where it is better beyond chance.

    Args:
        task: the study's; only classes have either.
        metric: what the study is judged by; a threshold is for those that look at answers, other than accuracy.
        on_dev: probabilities of the dev examples by networks that were not trained on them.
        target: their classes.
        seed: keys the resamples.
    """
    if task not in ("binary", "multiclass") or not bool(np.isfinite(on_dev).all()):
        return None
    shares, truth = on_dev.astype(np.float64), target.astype(np.int64)
    wide = np.stack([1 - shares, shares], 1) if task == "binary" else shares
    temperature = fit_temperature(wide, truth)
    if task != "binary" or metric.name == "accuracy":
        return Calibration(temperature, None)
    used = at_temperature(shares, temperature.value) if temperature.matters else shares
    return Calibration(temperature, fit_threshold(used, truth, metric, seed))


def as_answered(found: Calibration | None, metric: Metric, shares: np.ndarray) -> np.ndarray:
    """Probabilities as a metric takes them: for one of answers, 1 where the threshold is passed and 0 elsewhere."""
    if found is None or found.threshold_used is None or metric.name not in DECIDING or shares.ndim > 1:
        return shares
    return (shares > found.threshold_used).astype(np.float64)
