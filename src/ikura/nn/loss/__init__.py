"""Losses: what a network is trained to make small, and what its raw outputs mean."""

from ikura.nn.loss._base import TASKS, Loss, Prediction, Targets, own_loss
from ikura.nn.loss.by_task import each_loss, outputs_of, predict, task_loss, usual_loss
from ikura.nn.loss.output_shape import OutputShape
from ikura.nn.loss.registry import LOSSES, chosen_loss, loss
from ikura.nn.loss.target_shapes import as_one_logit, first_tensor

__all__ = [
    "LOSSES",
    "TASKS",
    "Loss",
    "OutputShape",
    "Prediction",
    "Targets",
    "as_one_logit",
    "chosen_loss",
    "each_loss",
    "first_tensor",
    "loss",
    "outputs_of",
    "own_loss",
    "predict",
    "task_loss",
    "usual_loss",
]
