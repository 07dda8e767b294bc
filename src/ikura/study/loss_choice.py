"""Which task a chosen loss means, and whether it fits the data."""

from __future__ import annotations

import numpy as np

from ikura.data import Dataset
from ikura.errors import UsageError, listed
from ikura.nn.loss import LOSSES, Loss, usual_loss
from ikura.space import Space

__all__ = ["check_labels_fit", "check_loss_fits", "task_of_loss"]


def task_of_loss(task: str, loss: Loss | None) -> str:
    """The task that is asked of the data.

    Args:
        task: what the caller asked.
        loss: the loss; None for the task's usual one.

    Example:
        >>> task_of_loss("auto", LOSSES["huber"]), task_of_loss("auto", LOSSES["focal"]), task_of_loss("auto", None)
        ('regression', 'classification', 'auto')
    """
    if task != "auto" or loss is None or loss.own is not None:
        return task
    return "regression" if loss.tasks == ("regression",) else "classification"


def check_labels_fit(loss: Loss | None, dataset: Dataset, space: Space) -> None:
    """Refuse hyperparameters that change labels, where the loss or the target has none that can be changed.

    Raises:
        UsageError: naming the hyperparameter.
    """
    task, several = dataset.task.name, dataset.train.y.ndim > 1
    used = usual_loss(task) if loss is None and task != "own" else loss
    if "label_smoothing" in space and task != "regression" and used is not None and not used.smooths(task):
        raise UsageError(f"label_smoothing cannot be used with the loss {used.name!r}; take it out of the space")
    if "label_noise" in space and (several or task in ("multilabel", "own")):
        raise UsageError("label_noise is for one class or one value of each example; take it out of the space")


def check_loss_fits(loss: Loss | None, dataset: Dataset) -> None:
    """Refuse a loss that is not for a task, and targets that it cannot take.

    Raises:
        UsageError: saying which losses are.
    """
    task = dataset.task
    if loss is None:
        if task.name == "own":
            raise UsageError(
                f"target {task.target!r} holds whole numbers of shape {dataset.train.y.shape}: say what they are by "
                "task='regression' or task='multiclass', or give a loss of your own"
            )
        return
    if task.name not in loss.tasks:
        fitting = [name for name in LOSSES.built_in if task.name in LOSSES[name].tasks]
        others = f"losses for {task.name} are {listed(fitting)}" if fitting else "give a loss of your own"
        raise UsageError(f"the loss {loss.name!r} is not for a {task.name} task; {others}")
    if loss.name != "poisson" or loss.own is not None:
        return
    least = np.min([np.min(part.y, axis=0) for part in (dataset.train, dataset.dev)], axis=0)
    names = task.targets or [task.target]
    if (least < 0).any():
        name = names[int(np.argmin(least)) % len(names)] if np.ndim(least) < 2 else task.target
        raise UsageError(f"the loss 'poisson' is of counts, but the target {name!r} goes down to {least.min():g}")
