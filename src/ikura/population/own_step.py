"""A training step of the caller's own: the loss of a mini-batch, computed with the network as the caller likes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ikura.errors import UsageError
from ikura.lazy_torch import Module, Tensor, nn
from ikura.population.member import Hyperparameters
from ikura.wording import one_line

__all__ = ["StepBatch", "TrainingStep", "as_training_step", "loss_by"]


class StepBatch(NamedTuple):
    """The mini-batch that a training step is given.

    Attributes:
        x: features, shape (rows, ...); of several inputs a tuple, or a dictionary by their names.
        codes: codes of categories, int64 of shape (rows, columns).
        y: targets as losses of the caller's own get them.
        weights: of the examples in the loss, shape (rows,); None for 1 each.
    """

    x: Tensor | tuple[Tensor, ...] | dict[str, Tensor]
    codes: Tensor
    y: Tensor
    weights: Tensor | None


TrainingStep = Callable[[Module, StepBatch, Hyperparameters], Any]
"""Computes the loss of a mini-batch from the network, the batch and the hyperparameters.

It is a tensor of no dimension, or a dictionary of it as "loss" and of further numbers.
"""

TAKEN = ("number", "epoch", "train_loss", "dev_loss", "dev_score")
"""What a curve holds under these names is ikura's."""


def as_training_step(name: str, thing: Any) -> TrainingStep:
    """Refuse what is no function.

    Raises:
        UsageError: it cannot be called.

    Example:
        >>> as_training_step("mine", 5)
        Traceback (most recent call last):
        ikura.errors.UsageError: training_step 'mine' must be a function of (module, batch, hyperparameters), but is 5
    """
    if not callable(thing) or isinstance(thing, type):
        shown = one_line(repr(thing), 60)
        must = "must be a function of (module, batch, hyperparameters)"
        raise UsageError(f"training_step {name!r} {must}, but is {shown}")
    return thing  # type: ignore[no-any-return]


def loss_by(
    step: TrainingStep, module: nn.Module, batch: StepBatch, hyperparameters: Hyperparameters
) -> tuple[Tensor, dict[str, float]]:
    """Compute the loss of a mini-batch by a training step, a tensor of no dimension, and what else it tells.

    Raises:
        UsageError: what it returns is no such loss, or has no gradient.

    Example:
        >>> import torch
        >>> batch, layer = StepBatch(torch.ones(2, 1), torch.ones(2, 0), torch.zeros(2), None), nn.Linear(1, 1)
        >>> step = lambda module, batch, hp: {"loss": module(batch.x).sum(), "kl": 0.5}
        >>> loss, others = loss_by(step, layer, batch, Hyperparameters())
        >>> loss.shape, others
        (torch.Size([]), {'kl': 0.5})
        >>> loss_by(lambda module, batch, hp: 3.0, layer, batch, Hyperparameters())
        Traceback (most recent call last):
        ikura.errors.UsageError: training_step must return the loss, a tensor of one number, but returned 3.0
    """
    found = step(module, batch, hyperparameters)
    others: dict[str, float] = {}
    if isinstance(found, Mapping):
        others = {name: _number(name, one) for name, one in found.items() if name != "loss"}
        found = found.get("loss")
    if not isinstance(found, Tensor) or found.numel() != 1 or not found.is_floating_point():
        shown = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else one_line(repr(found), 60)
        raise UsageError(f"training_step must return the loss, a tensor of one number, but returned {shown}")
    if not found.requires_grad:
        raise UsageError("the loss that training_step returns has no gradient; compute it from what the module returns")
    return found.reshape(()), others


def _number(name: Any, value: Any) -> float:
    """A further number that a training step tells."""
    if not isinstance(name, str) or not name.isidentifier() or name in TAKEN:
        shown = one_line(repr(name), 60)
        raise UsageError(
            f"training_step tells {shown}: a name is letters, digits and _, and none of {', '.join(TAKEN)}"
        )
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        shown = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else one_line(repr(value), 60)
        raise UsageError(f"training_step must tell a number as {name!r}, but tells {shown}") from None
