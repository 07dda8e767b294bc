"""Whether a study's metric can be measured on its dev and test set, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data import Dataset, Part, Task
from ikura.errors import DataError, UsageError
from ikura.lazy_torch import Tensor, torch
from ikura.metric import METRICS, Metric, undefined
from ikura.metric._base import Needs
from ikura.nn.generators import preserved
from ikura.population.inputs import call_forward, tensors_of
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.space import Space
from ikura.study.buildable import with_buildable

__all__ = ["check_measurable", "check_own_metrics", "not_measured"]

MOST_ROWS = 4096
"""Dev examples on which a metric of the caller's is tried before training."""

NOTHING = 1e-9
"""Share of the target's deviation below which a target is a rounding of 0."""


def not_measured(dataset: Dataset, part: Part, metric: Metric) -> str | None:
    """Say why a metric cannot be given on a part; None where it can."""
    if not len(part):
        return "no rows were kept for it"
    if part.y.ndim > 1 or dataset.task.name == "own":
        return None
    return undefined(metric, _targets(dataset, part.y), dataset.task.classes)


def _of_columns(dataset: Dataset, metric: Metric, dtype: str) -> tuple[str, str] | None:
    """The first of several targets that a metric says nothing of on the dev set, and why; refuses constant ones."""
    for k, name in enumerate(dataset.task.targets or ()):
        std, mean = dataset.target_std, dataset.target_mean
        if np.ndim(std):
            std, mean = std[k], mean[k]
        levels = None if dataset.task.levels is None else dataset.task.levels[k]
        one = Task("regression" if levels is None else "binary", levels, name)
        parts = (replace(part, y=part.y[:, k]) for part in (dataset.train, dataset.dev))
        train, dev = parts
        single = replace(dataset, task=one, train=train, dev=dev, target_std=std, target_mean=mean)
        if reason := _reason(single, metric, dtype):
            return name, reason
    return None


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
    reason = _reason(dataset, metric, dtype)
    if (
        reason is None
        and task.targets is not None
        and task.name != "own"
        and (found := _of_columns(dataset, metric, dtype))
    ):
        named, reason = repr(found[0]), found[1]
    if reason is not None:
        others = [one.name for one in METRICS.values() if task.name in one.tasks and one.needs is Needs.ROWS]
        raise DataError(
            f"{metric.name} of {named} cannot be given on the dev set, because {reason}; compare by another metric "
            f"({', '.join(others)}), or with other dev rows (--seed, --dev FILE)"
        )


def _reason(dataset: Dataset, metric: Metric, dtype: str) -> str | None:
    """Why a metric cannot be given on the dev set; refuses a target that is the same in all training rows."""
    task = dataset.task
    if task.classes is None and float(np.ptp(dataset.train.y)) == 0:
        raise DataError(
            f"target {task.target!r} is the same in all {len(dataset.train)} training rows; there is nothing to learn "
            "from"
        )
    reason = not_measured(dataset, dataset.dev, metric)
    if reason is None and task.classes is None and dataset.dev.y.ndim == 1 and task.name != "own":
        rounded = dataset.dev.y.astype(dtype).astype(np.float64)
        reason = undefined(metric, _targets(dataset, rounded))
        reason = reason and f"{reason}, as far as {dtype} tells beside those of the training rows"
    return reason


def check_own_metrics(setup: TrainingSetup, space: Space, seed: int) -> None:
    """Refuse a metric of the caller's that fails on what an untrained network predicts of the dev set.

    Where it divides by zero a trained network may do better, so that is let go by.

    Raises:
        UsageError: naming the metric, the shapes and the reason.
    """
    scorer = setup.scorer
    own = [one for one in (scorer.metric, *scorer.others.values()) if getattr(one, "made_by", None) is not None]
    if not own:
        return
    dev = setup.dev.head(MOST_ROWS)

    def predicted(hyperparameters: Mapping[str, Any]) -> np.ndarray:
        module = setup.module(Member(0, hyperparameters, seed)).to(torch.float32).eval()
        with torch.no_grad(), preserved():
            x = tensors_of(dev)
            x = x if isinstance(x, Tensor) and not x.is_floating_point() else x.to(torch.float32)
            outputs = call_forward(module, x, torch.from_numpy(dev.codes))
        return scorer.predicted(outputs, dev.y.shape[1:])

    try:
        predictions = with_buildable(space, predicted)
    except Exception:
        # What is wrong with the network is told by those who look at it.
        return
    target = scorer.target(dev.y)
    for one in own:
        try:
            one(predictions, target)
        except UsageError as error:
            if not isinstance(error.__cause__, ArithmeticError):
                raise


def _targets(dataset: Dataset, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Targets in their own units, without the rounding of what was 0."""
    if dataset.task.classes is not None:
        return y.astype(np.int64)
    values = y * dataset.target_std + dataset.target_mean
    return np.where(np.abs(values) < NOTHING * dataset.target_std, 0.0, values)
