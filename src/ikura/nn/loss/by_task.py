"""What is usual for a task: its loss, how many outputs that takes, and what is made of them."""

from __future__ import annotations

from typing import Any

from ikura.lazy_torch import Tensor
from ikura.nn.loss._base import Loss
from ikura.nn.loss.of_classes import BINARY_CROSS_ENTROPY, CROSS_ENTROPY
from ikura.nn.loss.of_values import MSE

__all__ = ["each_loss", "outputs_of", "predict", "task_loss", "usual_loss"]

USUAL = {
    "binary": CROSS_ENTROPY,
    "multiclass": CROSS_ENTROPY,
    "multilabel": BINARY_CROSS_ENTROPY,
    "regression": MSE,
}


def usual_loss(task: str) -> Loss:
    """The loss of a task where none is chosen: cross-entropy for classes and labels, squared error for values.

    Example:
        >>> usual_loss("regression").name
        'mse'
    """
    return USUAL[task]


def outputs_of(task: str, classes: int, values: int = 1, loss: Loss | None = None) -> int:
    """Number of raw outputs that a network needs.

    Args:
        task: "binary", "multiclass", "multilabel" or "regression".
        classes: number of classes.
        values: labels, or values, of an example.
        loss: what the outputs are for; None for the task's usual one.

    Returns:
        One logit for binary, one a class for multiclass, one a label for multilabel, and for a regression one a value,
        or as many as the loss takes for each.

    Example:
        >>> outputs_of("multiclass", 3), outputs_of("regression", 0, values=2)
        (3, 2)
    """
    if task in ("binary", "multiclass"):
        return classes if task == "multiclass" else 1
    return values * (loss.per_value if loss is not None and task == "regression" else 1)


def task_loss(task: str, outputs: Tensor, target: Tensor, smoothing: Tensor | None = None) -> Tensor:
    """Mean of a task's usual loss of one network on one mini-batch, as `Loss.mean`.

    Example:
        >>> import torch
        >>> round(task_loss("multiclass", torch.zeros(2, 4), torch.tensor([0, 3])).item(), 4)
        1.3863
    """
    return usual_loss(task).mean(task, outputs, target, smoothing)


def each_loss(task: str, outputs: Tensor, target: Tensor, smoothing: Tensor | None = None) -> Tensor:
    """A task's usual loss of one network on each example, whose mean is `task_loss`.

    Example:
        >>> import torch
        >>> each_loss("regression", torch.zeros(2, 1), torch.tensor([1.0, 3.0])).tolist()
        [1.0, 9.0]
    """
    return usual_loss(task).each(task, outputs, target, smoothing)


def predict(task: str, outputs: Any, mean: Any = 0.0, std: Any = 1.0) -> Any:
    """Turn raw outputs into predictions as the task's usual loss does, see `Loss.predict`."""
    return usual_loss(task).predict(task, outputs, mean, std)
