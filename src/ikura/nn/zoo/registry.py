"""The networks by name, and the hyperparameters that each of them reads."""

from __future__ import annotations

from ikura import built_in
from ikura.errors import UsageError, nearest
from ikura.nn.zoo._base import Factory
from ikura.nn.zoo.cnn import CNN_DEFAULTS
from ikura.registry import Registry

__all__ = ["NETWORKS", "READS", "network"]


NETWORKS: Registry[Factory] = built_in.NETWORKS
"""Name to the function that makes a network from hyperparameters.

They have `inputs`, `outputs` and `shape` (of one example) beside what the trial names.
"""

_NORMALISATION = ("normalisation", "ghost_size", "normalisation_momentum")

READS: dict[str, tuple[str, ...]] = {
    name: (*_NORMALISATION, *(("dropout",) if name in ("c1", "c3", "alexnet") else ())) for name in NETWORKS.built_in
} | {"cnn": tuple(CNN_DEFAULTS)}
"""Name to the hyperparameters of its architecture; those of training are read by none."""


def network(name: str) -> Factory:
    """Look a network up by name.

    Returns:
        The factory.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> network("resnet44")({"shape": (3, 32, 32), "outputs": 10}).out
        Linear(in_features=64, out_features=10, bias=True)
    """
    if name not in NETWORKS:
        raise UsageError(f"unknown network {name!r}{nearest(str(name), NETWORKS)}: use mlp, {', '.join(NETWORKS)}")
    return NETWORKS[name]
