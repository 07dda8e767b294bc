"""What the networks of the zoo have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.nn.normalisation import normalisation
from ikura.wording import one_line

__all__ = ["Factory", "Normalise", "as_network", "channels_last", "flat_size", "image_shape", "normaliser_of", "pooled"]

Factory = Callable[[Mapping[str, Any]], Module]
Normalise = Callable[[int], Module]
"""Makes the normaliser of so many channels."""


def channels_last(factory: Factory) -> Factory:
    """Let a factory's convolutions have the channels of a pixel side by side, which is the faster layout."""

    @wraps(factory)
    def factory_last(hp: Mapping[str, Any]) -> nn.Module:
        made: nn.Module = factory(hp).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return made

    return factory_last


def normaliser_of(hp: Mapping[str, Any], images: bool = True) -> Normalise:
    """Read the normaliser from hyperparameters: a function of the number of channels; batch norm if they name none.

    Raises:
        UsageError: the name is unknown.
    """
    name, size = hp.get("normalisation", "batch"), int(hp.get("ghost_size", 32))
    momentum = float(hp.get("normalisation_momentum", 0.1))

    def make(channels: int) -> nn.Module:
        from ikura.nn.normalisers import normaliser

        made = normaliser(name, channels, momentum=momentum, ghost_size=size, images=images)
        return nn.Identity() if made is None else made

    normalisation(name)
    return make


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


def pooled(height: int, width: int) -> tuple[int, int]:
    """Height and width behind a block: half, rounded down; one pixel wide or high stays as it is."""
    return (height // 2, width // 2) if min(height, width) >= 2 else (height, width)


def flat_size(features: nn.Module, shape: tuple[int, int, int]) -> int:
    """Count the numbers that a stack of layers makes of one image."""
    with torch.no_grad():
        training = features.training
        out: Tensor = features.eval()(torch.zeros(1, *shape))
        features.train(training)
    return out.numel()


def as_network(name: str, thing: Any) -> Factory:
    """Take a network that was found under a name.

    Raises:
        UsageError: it is no function that makes networks.
    """
    if isinstance(thing, Module) or not callable(thing):
        raise UsageError(
            f"the network {name!r} must be a function from hyperparameters to an nn.Module, but is "
            f"{one_line(repr(thing), 60)}"
        )
    found: Factory = thing
    return found
