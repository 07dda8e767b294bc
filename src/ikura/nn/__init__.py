"""What a single network is made of; modules of torch are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ikura.nn.activation import ACTIVATIONS
from ikura.nn.initialisation import INITIALISATIONS, initial_weights, initialise
from ikura.nn.normalisation import NORMALISATIONS

if TYPE_CHECKING:
    from ikura.nn.dropout import Dropout
    from ikura.nn.mlp import MLP
    from ikura.nn.normalisers import BatchNorm, GhostNorm, normaliser

__all__ = [
    "ACTIVATIONS",
    "INITIALISATIONS",
    "MLP",
    "NORMALISATIONS",
    "BatchNorm",
    "Dropout",
    "GhostNorm",
    "initial_weights",
    "initialise",
    "normaliser",
]

_HOMES = {
    "MLP": "ikura.nn.mlp",
    "Dropout": "ikura.nn.dropout",
    "BatchNorm": "ikura.nn.normalisers",
    "GhostNorm": "ikura.nn.normalisers",
    "normaliser": "ikura.nn.normalisers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ikura.nn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
