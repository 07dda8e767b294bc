"""How much better one prediction is than others, on the same examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ikura.metric._base import Array, Metric
from ikura.metric.resampling import draws, evidence, of_mean, scores

__all__ = ["NOISE", "no_noise", "paired_gain"]

NOISE = 1e-12
"""Share of a score below which a difference is due to rounding."""

RESAMPLES, SLOWER = 1000, 10
"""Resamples, and by how much fewer there are where the metric is no mean over examples."""


def no_noise(differences: Sequence[float], score: float) -> list[float]:
    """Take differences of scores that rounding makes for none.

    Args:
        differences: any; NaN stays.
        score: about what the scores are.

    Example:
        >>> no_noise([1.1e-16, -0.01], 0.99)
        [0.0, -0.01]
    """
    return [0.0 if abs(one) <= NOISE * abs(score) else one for one in differences]


def paired_gain(
    metric: Metric, one: Array, others: Sequence[Array], target: Array, seed: int
) -> tuple[float, tuple[float, float]]:
    """Measure how much better one prediction is than others are in the mean, on the same examples.

    Args:
        metric: what is measured.
        one: its predictions, shape (n, ...).
        others: predictions of the others.
        target: the truth, shape (n, ...).
        seed: keys the bootstrap.

    Returns:
        The difference, positive where the one is better, and its 95 % percentile interval over examples.
    """
    sign = 1.0 if metric.greater_is_better else -1.0
    shown = [evidence(metric, predicted, target) for predicted in (one, *others)]
    count = RESAMPLES if of_mean(metric.name) else RESAMPLES // SLOWER
    found = np.concatenate(
        [scores(metric, shown, target, counts) for counts in draws(len(target), count, seed, "gain")], 1
    )
    apart = sign * (found[0] - found[1:].mean(0))
    apart = apart[np.isfinite(apart)]
    low, high = np.quantile(apart, [0.025, 0.975]).tolist() if apart.size else (math.nan, math.nan)
    value, *rest = (float(metric(predicted, target)) for predicted in (one, *others))
    gain, low, high = no_noise([sign * (value - math.fsum(rest) / len(rest)), low, high], value)
    return gain, (low, high)
