"""A trained network with its preprocessing as one module of PyTorch: from raw values to probabilities or values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ikura.metric.calibration import heated
from ikura.nn.loss import chosen_loss, usual_loss
from ikura.nn.mlp import MLP
from ikura.population.inputs import call_forward, over_floats

__all__ = ["DeployedNetwork"]


class DeployedNetwork(nn.Module):
    """A network behind its preprocessing, and what its outputs mean.

    Args:
        network: the trained network.
        encoding: takes raw values to x and codes.
        description: task, loss, target_mean, target_std, temperature and bounds.
    """

    def __init__(self, network: nn.Module, encoding: nn.Module, description: Mapping[str, Any]) -> None:
        super().__init__()
        self.network, self.encoding = network, encoding
        self.task: str = description["task"]
        named = None if description.get("own_loss") else chosen_loss(description.get("loss"))
        self.loss = named or usual_loss(self.task)
        self.temperature = float(description.get("temperature", 1.0))
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(description[f"target_{name}"], dtype=torch.float64))
        self.bounds: tuple[float, float] | None = tuple(description["bounds"]) if "bounds" in description else None
        self.dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
        self.eval()

    def forward(self, *raw: Tensor) -> Tensor:
        """Predict.

        Args:
            raw: what the encoding takes, rows first.

        Returns:
            Probabilities, shape (rows, classes) or (rows, labels), or values in the target's units, float64 of shape
            (rows,), or (rows, targets) of several.
        """
        x, codes = self.encoding(*raw)
        if isinstance(self.network, MLP):
            x = x.flatten(1)
        x = over_floats(x, lambda one: one.to(self.dtype))
        outputs = call_forward(self.network, x, codes)
        outputs = outputs if self.temperature == 1.0 else outputs.double()
        found = self.loss.predict(self.task, outputs, self.mean, self.std)
        if self.bounds is not None:
            found = found.clamp(*self.bounds)
        if self.task == "binary":
            found = torch.stack([1 - found, found], 1)
        return found if self.temperature == 1.0 else heated(found, self.temperature).to(self.dtype)
