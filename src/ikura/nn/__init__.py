"""What a single network is made of."""

from ikura.nn.activation import ACTIVATIONS
from ikura.nn.dropout import Dropout
from ikura.nn.initialisation import INITIALISATIONS, initial_weights, initialise
from ikura.nn.mlp import MLP
from ikura.nn.normalisation import NORMALISATIONS, BatchNorm, GhostNorm, normaliser

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
