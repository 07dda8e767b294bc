"""Shapes of outputs and targets: what a loss accepts in more than one form."""

from __future__ import annotations

from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Tensor, pytree

__all__ = ["as_one_logit", "first_tensor", "like_target"]


def first_tensor(outputs: Any) -> Tensor:
    """The first tensor of what a network returns: itself, or the first of a tuple or dictionary.

    Raises:
        UsageError: it returns none.

    Example:
        >>> import torch
        >>> first_tensor((torch.zeros(2, 1), torch.ones(2))).shape
        torch.Size([2, 1])
    """
    if isinstance(outputs, Tensor):
        return outputs
    for one in pytree.tree_leaves(outputs):
        if isinstance(one, Tensor):
            return one
    raise UsageError(f"the network returns a {type(outputs).__name__} without a tensor in it")


def as_one_logit(outputs: Tensor) -> Tensor:
    """The logit of the second of two classes, shape (..., rows), from one output or two for each row.

    Two logits become z_1 - z_0, with which log(1 + e^z) - y z is the cross-entropy of their softmax.

    Args:
        outputs: shape (..., rows, 1) or (..., rows, 2), or (rows,).

    Example:
        >>> import torch
        >>> as_one_logit(torch.tensor([[1.0, 3.0]])), as_one_logit(torch.tensor([[2.0]]))
        (tensor([2.]), tensor([2.]))
    """
    if outputs.dim() == 1:
        return outputs
    return outputs[..., 1] - outputs[..., 0] if outputs.shape[-1] == 2 else outputs[..., 0]


def like_target(outputs: Tensor, target: Tensor) -> Tensor:
    """Outputs in the shape of the target, which has as many numbers.

    Raises:
        UsageError: it has not.

    Example:
        >>> import torch
        >>> like_target(torch.zeros(3, 1), torch.zeros(3)).shape
        torch.Size([3])
    """
    if outputs.shape == target.shape:
        return outputs
    if outputs.numel() != target.numel():
        raise UsageError(f"outputs of shape {tuple(outputs.shape)} do not fit targets of shape {tuple(target.shape)}")
    return outputs.reshape(target.shape)
