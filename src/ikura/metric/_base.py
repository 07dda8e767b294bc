"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

__all__ = ["TASKS", "Metric", "Needs", "each_member", "undefined_where"]

TASKS = ("binary", "multiclass", "multilabel", "regression", "own")


class Needs(Enum):
    """What targets must be like, so that a metric can tell predictions apart."""

    ROWS = "any rows"
    DIFFERENT = "targets that are not all the same"
    POSITIVE = "both classes, if there are two"


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are.

    The function is written for one member and has no control flow that depends on data, so that
    `torch.func.vmap` runs it over the leading axis of a population's predictions.

    Args:
        name: its name, such as "accuracy".
        greater_is_better: True for a score, False for an error.
        tasks: the tasks it fits, out of "binary", "multiclass" and "regression".
        function: (prediction, target) to a float64 tensor without axes. The shapes are, for n examples
            and C classes: binary, prediction (n,), the probability of the second class, and target (n,) of
            0 and 1; multiclass, prediction (n, C), probabilities, and target (n,) of int64 class numbers;
            regression, prediction and target (n,) in the target's own unit.
            A NaN among the predictions makes the result NaN.
        positive: whether with two classes it is about one of them, the second.
        needs: what it needs of the targets.
        one_by_one: whether it is measured for one member after another, because vmap cannot run it.
        made_by: the caller's function or object that it was made of; None for others.
        by_task: makes the function for a task, where it depends on it; None where it does not.

    Example:
        >>> from ikura.metric import METRICS
        >>> float(METRICS["accuracy"](torch.tensor([0.9, 0.2, 0.6, 0.1]), torch.tensor([1.0, 0.0, 0.0, 0.0])))
        0.75
    """

    name: str
    greater_is_better: bool
    tasks: frozenset[str]
    function: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    positive: bool = False
    needs: Needs = Needs.ROWS
    one_by_one: bool = False
    made_by: Any = field(default=None, repr=False, compare=False)
    by_task: Callable[[str], Callable[[Tensor, Tensor], Tensor]] | None = field(default=None, repr=False, compare=False)

    def for_task(self, task: str) -> Metric:
        """The metric as it is measured for a task."""
        return self if self.by_task is None else replace(self, function=self.by_task(task))

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Measure one member's predictions.

        Args:
            prediction: probabilities or values, shape (n,) or (n, C).
            target: the truth, shape (n,).

        Returns:
            A float64 tensor without axes; NaN when a prediction is NaN.
        """
        return self.function(prediction, target)


def each_member(metric: Callable[[Tensor, Tensor], Tensor], predictions: Tensor, target: Tensor) -> Tensor:
    """Measure each member's predictions.

    Args:
        metric: a `Metric`, or a function as one has it.
        predictions: shape (members, n, ...).
        target: the truth, shape (n, ...).

    Returns:
        Shape (members,).

    Example:
        >>> from ikura.metric import METRICS
        >>> each_member(METRICS["mae"], torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([1.0, 4.0]))
        tensor([1.0000, 2.5000], dtype=torch.float64)
    """
    if getattr(metric, "one_by_one", False):
        return torch.stack([metric(one, target) for one in predictions])
    return vmap(metric, in_dims=(0, None))(predictions, target)


def undefined_where(condition: Tensor, value: Tensor) -> Tensor:
    """Replace a value by NaN where a condition holds.

    Args:
        condition: booleans, any shape; one True is enough.
        value: a tensor without axes.

    Returns:
        The value as float64, or NaN.

    Example:
        >>> undefined_where(torch.tensor([False, True]), torch.tensor(1.0)).item()
        nan
    """
    value = value.double()
    return torch.where(condition.any(), torch.full_like(value, torch.nan), value)
