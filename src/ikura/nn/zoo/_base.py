"""What the networks of the zoo have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ikura.errors import UsageError, nearest

__all__ = ["NORMALISERS", "Factory", "Normalise", "flat_size", "image_shape", "normaliser", "normaliser_of"]

Factory = Callable[[Mapping[str, Any]], nn.Module]
Normalise = Callable[[int], nn.Module]
"""Makes the normaliser of so many channels."""

NORMALISERS = ("none", "batch", "ghost", "layer")


def normaliser(name: str, channels: int, ghost_size: int = 32, momentum: float = 0.1, images: bool = True) -> nn.Module:
    """Make a normaliser by name.

    Args:
        name: none, batch, ghost or layer.
        channels: of an image, or units of a layer.
        ghost_size: examples in a ghost.
        momentum: share of a mini-batch's (or ghost's) statistics in the moving average.
        images: whether inputs are images (rows, channels, height, width) or units (rows, channels).

    Returns:
        A module that keeps the shape of its input.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> normaliser("batch", 4)
        BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
    """
    if name == "none":
        return nn.Identity()
    if name == "layer":
        return nn.GroupNorm(1, channels) if images else nn.LayerNorm(channels)
    if name == "batch":
        return nn.BatchNorm2d(channels, momentum=momentum) if images else nn.BatchNorm1d(channels, momentum=momentum)
    if name == "ghost":
        raise UsageError("normalisation 'ghost' is not there yet: use none, batch or layer")
    raise UsageError(f"unknown normalisation {name!r}{nearest(str(name), NORMALISERS)}: use {', '.join(NORMALISERS)}")


def normaliser_of(hp: Mapping[str, Any], images: bool = True, default: str = "batch") -> Normalise:
    """Read the normaliser from hyperparameters: a function of the number of channels."""
    name, size = hp.get("normalisation", default), int(hp.get("ghost_size", 32))
    momentum = float(hp.get("normalisation_momentum", 0.1))
    return lambda channels: normaliser(name, channels, size, momentum, images)


def image_shape(hp: Mapping[str, Any], name: str, least: int = 1) -> tuple[int, int, int]:
    """Read (channels, height, width) of an example.

    Raises:
        UsageError: the examples are no images, or too small for the network.
    """
    shape = tuple(int(side) for side in hp.get("shape", ()))
    if len(shape) != 3:
        raise UsageError(
            f"the network {name!r} takes images of shape (channels, height, width), but an example has shape {shape}"
        )
    if min(shape[1:]) < least:
        raise UsageError(f"the network {name!r} takes images of at least {least} × {least} pixels, but got {shape[1:]}")
    return shape[0], shape[1], shape[2]


def flat_size(features: nn.Module, shape: tuple[int, int, int]) -> int:
    """Count the numbers that a stack of layers makes of one image."""
    with torch.no_grad():
        training = features.training
        out: Tensor = features.eval()(torch.zeros(1, *shape))
        features.train(training)
    return out.numel()
