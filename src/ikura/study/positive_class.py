"""The positive class of a study: which of two classes a metric such as f1 is about."""

from __future__ import annotations

from typing import Any

from ikura.data import Task
from ikura.data.task import Positive
from ikura.data.values import label
from ikura.metric import METRICS

__all__ = ["positive_of", "wanted_positive"]


def wanted_positive(named: Any, metric: str | None) -> Any:
    """What `prepare` is asked for: the class that was named, the rarer one for a metric that is about one, or nothing.

    Args:
        named: the class that the caller named, if any.
        metric: name of the metric that the caller chose, if any.

    Example:
        >>> wanted_positive(None, "f1").value, wanted_positive("fraud", None), wanted_positive(None, "accuracy")
        ('the rarer one', 'fraud', None)
    """
    if named is not None:
        return named
    return Positive.RARER if metric is not None and metric in METRICS and METRICS[metric].positive else None


def positive_of(task: Task, named: Any, metric: str) -> str | None:
    """The positive class as a setting keeps it; None where there are not two classes or nothing asks for one."""
    if task.name != "binary" or task.classes is None or wanted_positive(named, metric) is None:
        return None
    return label(task.classes[1])
