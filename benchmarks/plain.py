"""Networks and updates in plain PyTorch, as all peers that use it train them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn

__all__ = ["network", "optimiser"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def network(inputs: int, outputs: int, hp: dict[str, Any]) -> nn.Sequential:
    """Build layers of Linear, activation and dropout, and a last Linear; He initialisation, biases zero."""
    widths = [inputs, *[hp["units"]] * hp["layers"]]
    parts: list[nn.Module] = []
    for a, b in pairwise(widths):
        parts += [nn.Linear(a, b), ACTIVATIONS[hp["activation"]]()]
        if hp.get("dropout", 0) > 0:
            parts.append(nn.Dropout(hp["dropout"]))
    net = nn.Sequential(*parts, nn.Linear(widths[-1], outputs))
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def optimiser(net: nn.Module, hp: dict[str, Any], fast: bool = True) -> torch.optim.Optimizer:
    """Make the update rule, with ikura's coefficients.

    Args:
        net: the network.
        hp: the configuration; its l2 is for weights, not for biases.
        fast: fused or multi-tensor updates, which PyTorch does not choose by itself on the CPU.
    """
    rate = hp["learning_rate"]
    weights: Any = net.parameters()
    if hp.get("l2", 0) > 0:
        matrices, biases = ([p for p in net.parameters() if (p.ndim > 1) is many] for many in (True, False))
        weights = [{"params": matrices, "weight_decay": hp["l2"]}, {"params": biases}]
    fused = True if fast else None
    if hp["optimizer"] == "adam":
        return torch.optim.Adam(weights, lr=rate, fused=fused)
    if hp["optimizer"] == "rmsprop":
        return torch.optim.RMSprop(weights, lr=rate, alpha=0.999, foreach=True if fast else None)
    return torch.optim.SGD(weights, lr=rate, momentum=hp["momentum"], fused=fused)
