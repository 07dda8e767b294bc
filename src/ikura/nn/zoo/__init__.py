"""Networks by name: each is a factory that makes a module from a trial's hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ikura.nn.zoo.cnn import Recipe
from ikura.nn.zoo.registry import NETWORKS, READS, network

if TYPE_CHECKING:
    from ikura.nn.zoo.cnn_module import CNN

__all__ = ["CNN", "NETWORKS", "READS", "Recipe", "network"]


def __getattr__(name: str) -> Any:
    if name != "CNN":
        raise AttributeError(f"module 'ikura.nn.zoo' has no attribute {name!r}")
    from ikura.nn.zoo.cnn_module import CNN

    return CNN
