"""What a single network is made of."""

from ikura.nn.activation import ACTIVATIONS
from ikura.nn.dropout import Dropout
from ikura.nn.initialisation import INITIALISATIONS, initial_weights
from ikura.nn.mlp import MLP

__all__ = ["ACTIVATIONS", "INITIALISATIONS", "MLP", "Dropout", "initial_weights"]
