"""What a metric is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

from ikura.lazy_torch import Tensor, torch

__all__ = ["TASKS", "Array", "Metric", "Needs", "as_array", "each_member", "undefined_where"]

TASKS = ("binary", "multiclass", "multilabel", "regression", "own")

Array: TypeAlias = np.ndarray


class Needs(Enum):
    """What targets must be like, so that a metric can tell predictions apart."""

    ROWS = "any rows"
    DIFFERENT = "targets that are not all the same"
    POSITIVE = "both classes, if there are two"


def as_array(values: Any) -> Array:
    """Values as an array, those of a tensor shared with it where it lies on the CPU.

    Example:
        >>> as_array(torch.tensor([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    A function of tensors is written for one member and has no control flow that depends on data, so that
    `torch.func.vmap` runs it over the leading axis of a population's predictions.

    Args:
        name: its name, such as "accuracy".
        greater_is_better: True for a score, False for an error.
        tasks: the tasks it fits, out of "binary", "multiclass" and "regression".
        function: (prediction, target) to a float64 tensor without axes. The shapes are, for n examples
            and C classes: binary, prediction (n,), the probability of the second class, and target (n,) of
            0 and 1; multiclass, prediction (n, C), probabilities, and target (n,) of int64 class numbers;
            regression, prediction and target (n,) in the target's own unit, (n, targets) of several.
            A NaN among the predictions makes the result NaN.
        positive: whether with two classes it is about one of them, the second.
        needs: what it needs of the targets.
        one_by_one: whether it is measured for one member after another, because vmap cannot run it.
        made_by: the caller's function or object that it was made of; None for others.
        by_task: makes the function for a task, where it depends on it; None where it does not.
        arrays: whether the function is one of NumPy's arrays, as ikura's own are: (prediction, target, lead) to float64
            of the shape of the `lead` axes (0) that stand in front of those of the examples.
        least, most: what it can be at least and at most.

    Example:
        >>> from ikura.metric import METRICS
        >>> float(METRICS["accuracy"](np.array([0.9, 0.2, 0.6, 0.1]), np.array([1.0, 0.0, 0.0, 0.0])))
        0.75
    """

    name: str
    greater_is_better: bool
    tasks: frozenset[str]
    function: Callable[..., Any] = field(repr=False)
    positive: bool = False
    needs: Needs = Needs.ROWS
    one_by_one: bool = False
    made_by: Any = field(default=None, repr=False, compare=False)
    by_task: Callable[[str], Callable[..., Any]] | None = field(default=None, repr=False, compare=False)
    arrays: bool = False
    least: float = -math.inf
    most: float = math.inf

    def for_task(self, task: str) -> Metric:
        """The metric as it is measured for a task."""
        return self if self.by_task is None else replace(self, function=self.by_task(task))

    def __call__(self, prediction: Any, target: Any) -> Any:
        """Measure one member's predictions.

        Args:
            prediction: probabilities or values, an array or tensor of shape (n,) or (n, C).
            target: the truth, shape (n,).

        Returns:
            What was given, an array or a tensor, float64 without axes; NaN when a prediction is NaN.
        """
        if isinstance(prediction, Tensor):
            if not self.arrays:
                return self.function(prediction, target)
            return torch.as_tensor(self.function(as_array(prediction), as_array(target)), dtype=torch.float64)
        if self.arrays:
            return np.float64(self.function(prediction, target))
        return np.float64(self.function(torch.from_numpy(prediction), torch.from_numpy(target)))


def each_member(metric: Callable[..., Any], predictions: Any, target: Any, own_targets: bool = False) -> Array:
    """Measure each member's predictions.

    Args:
        metric: a `Metric`, or a function of tensors as one has it.
        predictions: shape (members, n, ...).
        target: the truth, shape (n, ...).
        own_targets: whether each member has a target of its own: shape (members, n, ...).

    Returns:
        float64, shape (members,).

    Example:
        >>> from ikura.metric import METRICS
        >>> each_member(METRICS["mae"], np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([1.0, 4.0])).tolist()
        [1.0, 2.5]
    """
    if isinstance(metric, Metric) and metric.arrays:
        target = as_array(target)
        found: Array = metric.function(as_array(predictions), target if own_targets else target[None], 1)
        return found
    shown, truth = (one if isinstance(one, Tensor) else torch.from_numpy(one) for one in (predictions, target))
    if getattr(metric, "one_by_one", False):
        truths = truth if own_targets else [truth] * len(shown)
        each = torch.stack([metric(one, its) for one, its in zip(shown, truths, strict=True)])
    else:
        function = metric.function if isinstance(metric, Metric) else metric
        each = torch.func.vmap(function, in_dims=(0, 0 if own_targets else None))(shown, truth)
    return as_array(each.double())


def undefined_where(condition: Array, value: Any, lead: int = 0) -> Array:
    """Replace values by NaN where a condition holds.

    Args:
        condition: booleans; one True behind the axes in front is enough.
        value: shape of the axes in front.
        lead: how many axes stand in front.

    Returns:
        The values as float64, or NaN.

    Example:
        >>> float(undefined_where(np.array([False, True]), 1.0))
        nan
    """
    return np.where(condition.any(tuple(range(lead, condition.ndim))), np.nan, value)
