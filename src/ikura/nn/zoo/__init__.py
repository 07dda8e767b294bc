"""Networks by name: each is a factory that makes a module from a trial's hyperparameters."""

from ikura.nn.zoo.cnn import CNN, Recipe
from ikura.nn.zoo.registry import NETWORKS, READS, network

__all__ = ["CNN", "NETWORKS", "READS", "Recipe", "network"]
