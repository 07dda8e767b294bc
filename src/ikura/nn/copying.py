"""Copies of networks."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

from ikura.lazy_torch import Tensor, nn

__all__ = ["copy_of"]

Copied = TypeVar("Copied", bound="nn.Module")


def copy_of(module: Copied) -> Copied:
    """Copy a network, also one that keeps computed tensors in attributes, such as `torch.nn.utils.weight_norm`.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> layer.last = layer.weight * 2
        >>> copy_of(layer).last.equal(layer.last), copy_of(layer).weight is layer.weight
        (True, False)
    """
    computed = [v for part in module.modules() for v in vars(part).values() if isinstance(v, Tensor) and not v.is_leaf]
    return deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in computed})
