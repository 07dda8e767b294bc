"""Whether a study's metric can be measured on its dev and test set, before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data import Dataset, Part
from ikura.errors import DataError
from ikura.metric import METRICS, Metric, undefined
from ikura.metric._base import Needs

__all__ = ["check_measurable", "not_measured"]

NOTHING = 1e-9
"""Share of the target's deviation below which a target is a rounding of 0."""


def not_measured(dataset: Dataset, part: Part, metric: Metric) -> str | None:
    """Say why a metric cannot be given on a part; None where it can."""
    if part.y.ndim > 1 or dataset.task.name == "own":
        return None
    return undefined(metric, _targets(dataset, part.y), dataset.task.classes)


def check_measurable(dataset: Dataset, metric: Metric, dtype: str) -> None:
    """Refuse a metric that no network's dev score would have; the test set is left to the final evaluation.

    Args:
        dataset: the data.
        metric: what trials are compared by.
        dtype: precision of the training.

    Raises:
        DataError: the metric says nothing on the dev set, or the training set has one target only.
    """
    task, named = dataset.task, repr(dataset.task.target)
    if task.classes is None and float(np.ptp(dataset.train.y)) == 0:
        raise DataError(
            f"target {named} is the same in all {len(dataset.train)} training rows; there is nothing to learn from"
        )
    reason = not_measured(dataset, dataset.dev, metric)
    if reason is None and task.classes is None and dataset.dev.y.ndim == 1 and task.name != "own":
        rounded = dataset.dev.y.astype(dtype).astype(np.float64)
        reason = undefined(metric, _targets(dataset, rounded))
        reason = reason and f"{reason}, as far as {dtype} tells beside those of the training rows"
    if reason is not None:
        others = [one.name for one in METRICS.values() if task.name in one.tasks and one.needs is Needs.ROWS]
        raise DataError(
            f"{metric.name} of {named} cannot be given on the dev set, because {reason}; compare by another metric "
            f"({', '.join(others)}), or with other dev rows (--seed, --dev FILE)"
        )


def _targets(dataset: Dataset, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Targets in their own units, without the rounding of what was 0."""
    if dataset.task.classes is not None:
        return y.astype(np.int64)
    values = y * dataset.target_std + dataset.target_mean
    return np.where(np.abs(values) < NOTHING * dataset.target_std, 0.0, values)
