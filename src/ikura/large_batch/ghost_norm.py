"""Ghosts in a network of the caller's own: its batch normalisation made ghost normalisation, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ikura.nn import BatchNorm, GhostNorm
from ikura.population.factory import Factory
from ikura.population.member import Hyperparameters

__all__ = ["Ghosts", "ghosted", "normalises", "without_ghosts"]


@dataclass(frozen=True)
class Ghosts:
    """A factory whose batch normalisation is by ghosts where the hyperparameters say `normalisation = "ghost"`.

    Attributes:
        factory: the caller's.
    """

    factory: Factory

    def __call__(self, hp: Mapping[str, Any]) -> nn.Module:
        """Make the network, and put ghosts in it if the hyperparameters ask for them."""
        module = self.factory(Hyperparameters(hp))
        return ghosted(module, int(hp["ghost_size"])) if hp.get("normalisation") == "ghost" else module


def normalises(part: nn.Module) -> bool:
    """Whether a layer is batch normalisation with scale, shift and an exponential average."""
    if isinstance(part, BatchNorm):
        return True
    return isinstance(part, _BatchNorm) and part.affine and part.track_running_stats and part.momentum is not None


def ghosted(module: nn.Module, size: int) -> nn.Module:
    """Put ghost normalisation in the place of batch normalisation, with the same scale, shift and momentum.

    Args:
        module: the network, changed in place.
        size: examples in a ghost.

    Returns:
        The network; itself a ghost normalisation if it is nothing but a batch normalisation.

    Example:
        >>> ghosted(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), 16)[1].ghost_size
        16
    """
    if normalises(module):
        momentum = float(module.momentum)  # type: ignore[arg-type]
        epsilon = module.epsilon if isinstance(module, BatchNorm) else module.eps
        made = GhostNorm(len(module.weight), size, momentum, epsilon)  # type: ignore[arg-type]
        made.weight, made.bias = module.weight, module.bias  # type: ignore[assignment]
        return made
    for name, part in module.named_children():
        setattr(module, name, ghosted(part, size))
    return module


@torch.no_grad()
def without_ghosts(trained: nn.Module, plain: nn.Module) -> nn.Module:
    """Copy a trained network with ghosts into one with batch normalisation; in evaluation both give the same outputs.

    The running deviation σ of a ghost stands for √(variance + ε), so the running variance becomes σ² - ε.

    Args:
        trained: what `ghosted` made, trained.
        plain: the network as its factory makes it, changed in place.

    Returns:
        `plain`, in evaluation mode.
    """
    states = trained.state_dict()
    found = dict(plain.named_modules())
    for name, part in trained.named_modules():
        if isinstance(part, GhostNorm) and not isinstance(found[name], GhostNorm):
            front = f"{name}." if name else ""
            states[f"{front}running_var"] = states.pop(f"{front}running_deviation") ** 2 - part.epsilon
            if not isinstance(found[name], BatchNorm):
                states.pop(f"{front}momentum")
                states[f"{front}num_batches_tracked"] = torch.tensor(0)
    plain.load_state_dict(states)
    return plain.eval()
