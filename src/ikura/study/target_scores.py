"""The score of each of several targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ikura.data import Dataset
from ikura.metric import Metric, interval, undefined
from ikura.study.record.result import TargetScore

__all__ = ["score_targets"]


def score_targets(
    dataset: Dataset,
    measure: Metric,
    dev: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> list[TargetScore]:
    """Measure the predictions of each of several target columns.

    Args:
        dataset: whose task names them.
        measure: the study's metric, which is the mean over targets.
        dev, test: predictions and truth of the two parts, as the metric takes them, shape (n, targets).
        seed: keys the intervals.

    Returns:
        Each target's scores in the order of the columns; none where there is one target.
    """
    found = []
    for k, name in enumerate(dataset.task.targets or ()):
        # Values are measured as of one target; metrics of labels want an axis of labels.
        place: Any = k if dataset.task.levels is None else [k]
        of_dev, of_test = ([one[:, place] for one in part] for part in (dev, test))
        value, ends = math.nan, (math.nan, math.nan)
        if len(of_test[1]) and undefined(measure, of_test[1]) is None:
            value = float(measure(*of_test))
            ends = interval(measure, [of_test[0]], of_test[1], seed=seed)
        found.append(TargetScore(name, float(measure(*of_dev)), value, ends))
    return found
