"""What becomes of a chosen network's probabilities: their temperature, and the threshold of its answers."""

from __future__ import annotations

import numpy as np
import torch

from ikura.metric import Metric
from ikura.metric.calibration import fit_temperature, heated
from ikura.metric.decisions import DECIDING, fit_threshold
from ikura.study.record.calibration_record import Calibration

__all__ = ["as_answered", "calibrate"]


def calibrate(task: str, metric: Metric, on_dev: torch.Tensor, target: torch.Tensor, seed: int) -> Calibration | None:
    """Fit temperature and threshold to the dev examples; each is used only where it is better beyond chance.

    Args:
        task: the study's; only classes have either.
        metric: what the study is judged by; a threshold is for those that look at answers, other than accuracy.
        on_dev: probabilities of the dev examples by networks that were not trained on them.
        target: their classes.
        seed: keys the resamples.
    """
    if task not in ("binary", "multiclass") or not bool(on_dev.isfinite().all()):
        return None
    shares, truth = on_dev.double().numpy(), target.numpy().astype(np.int64)
    wide = np.stack([1 - shares, shares], 1) if task == "binary" else shares
    temperature = fit_temperature(wide, truth)
    if task != "binary" or metric.name == "accuracy":
        return Calibration(temperature, None)
    used = heated(on_dev.double(), temperature.value) if temperature.matters else on_dev.double()
    return Calibration(temperature, fit_threshold(used.numpy(), truth, metric, seed))


def as_answered(found: Calibration | None, metric: Metric, shares: torch.Tensor) -> torch.Tensor:
    """Probabilities as a metric takes them: for one of answers, 1 where the threshold is passed and 0 elsewhere."""
    if found is None or found.threshold_used is None or metric.name not in DECIDING or shares.dim() > 1:
        return shares
    return (shares > found.threshold_used).double()
