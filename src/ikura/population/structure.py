"""What tells networks apart that cannot share a population."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any

import torch
from torch import nn

__all__ = ["structure", "takes_codes"]

PLAIN = (int, float, bool, str, bytes, type(None), torch.dtype, torch.device, torch.Size)


def structure(module: nn.Module) -> Hashable:
    """Describe everything of a network but the values of its parameters and buffers.

    Two networks with the same structure compute the same function of (parameters, buffers, inputs), so one program can
    run both. Attributes that cannot be compared count as different, which only costs speed.

    Args:
        module: the network of one member.

    Returns:
        A value that is equal for networks that can be stacked.

    Example:
        >>> from torch.nn import Dropout, Linear
        >>> structure(Linear(2, 3)) == structure(Linear(2, 3))
        True
        >>> structure(Dropout(0.1)) == structure(Dropout(0.2))
        False
    """
    parts: list[Hashable] = []
    for name, part in module.named_modules():
        own = {k: v for k, v in vars(part).items() if k not in ("_parameters", "_buffers", "_modules")}
        tensors = [(k, None if t is None else (tuple(t.shape), t.dtype)) for k, t in part._parameters.items()]
        tensors += [(k, None if t is None else (tuple(t.shape), t.dtype)) for k, t in part._buffers.items()]
        parts.append((name, type(part), tuple(tensors), tuple((k, _comparable(v)) for k, v in sorted(own.items()))))
    return tuple(parts)


def takes_codes(module: nn.Module) -> bool:
    """Whether a network's forward takes codes of embedded categories beside the features."""
    return len(inspect.signature(module.forward).parameters) > 1


def _comparable(value: Any) -> Hashable:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, list | tuple):
        return tuple(_comparable(v) for v in value)
    if isinstance(value, set | frozenset):
        return frozenset(_comparable(v) for v in value)
    if isinstance(value, dict):
        return tuple((_comparable(k), _comparable(v)) for k, v in value.items())
    if callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>" and not isinstance(value, nn.Module):
        return value if isinstance(value, Hashable) else id(value)
    return id(value)
