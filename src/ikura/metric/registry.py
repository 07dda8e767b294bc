"""The metrics by name."""

from __future__ import annotations

from ikura import built_in
from ikura.errors import UsageError, nearest
from ikura.metric._base import Metric
from ikura.metric.own import own_metric
from ikura.nn.loss import LOSSES
from ikura.registry import Registry

__all__ = ["METRICS", "default_metric", "metric"]

METRICS: Registry[Metric] = built_in.METRICS
"""Name to metric."""

DEFAULTS = {"binary": "accuracy", "multiclass": "accuracy", "multilabel": "label_accuracy", "regression": "r2"}


def default_metric(task: str) -> Metric:
    """Give the metric that a task is judged by when nobody chose one.

    Args:
        task: "binary", "multiclass", "multilabel" or "regression".

    Returns:
        Accuracy for classes, label_accuracy for several labels, r2 for regression.

    Raises:
        UsageError: there is no such task.

    Example:
        >>> default_metric("regression").name
        'r2'
    """
    if task not in DEFAULTS:
        raise UsageError(f"there is no task '{task}'{nearest(task, DEFAULTS)}; tasks are {', '.join(DEFAULTS)}")
    return METRICS[DEFAULTS[task]]


def metric(name: str, task: str) -> Metric:
    """Find a metric by name.

    Args:
        name: one of `METRICS`; where a loss of the caller's own says what is learned, also that loss.
        task: the task it has to fit.

    Returns:
        The metric.

    Raises:
        UsageError: there is no such metric or task, or the metric is not for this task.

    Example:
        >>> metric("f1", "binary").greater_is_better
        True
        >>> metric("f1", "regression")
        Traceback (most recent call last):
        ikura.errors.UsageError: metric 'f1' is not for regression; metrics for regression are r2, rmse, mae, quantile
    """
    if task != "own":
        default_metric(task)
    elif name not in METRICS and name in LOSSES and (loss := LOSSES[name]).own is not None:
        return own_metric(lambda prediction, target: loss.mean("own", prediction, target), name, False)
    if name in METRICS and task in METRICS[name].tasks:
        return METRICS[name].for_task(task)
    fitting = ", ".join(one.name for one in METRICS.values() if task in one.tasks)
    if name not in METRICS:
        raise UsageError(f"there is no metric '{name}'{nearest(name, METRICS)}; metrics for {task} are {fitting}")
    raise UsageError(f"metric '{name}' is not for {task}; metrics for {task} are {fitting}")
