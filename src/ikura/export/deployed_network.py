"""A trained network with its preprocessing as one module of PyTorch: from raw values to probabilities or values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ikura.data.encoder import ArrayEncoder, Encoder, ImageEncoder, TableEncoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.number import LARGEST
from ikura.data.encoder.vector import VectorEncoder
from ikura.errors import UsageError
from ikura.export.table_encoding import TableEncoding
from ikura.metric.calibration import heated
from ikura.nn.loss import chosen_loss, usual_loss
from ikura.nn.mlp import MLP
from ikura.population.inputs import call_forward

__all__ = ["DeployedNetwork", "encoding_of"]


class DeployedNetwork(nn.Module):
    """A network behind its preprocessing, and what its outputs mean.

    Args:
        network: the trained network.
        encoding: takes raw values to x and codes.
        description: task, loss, target_mean, target_std and temperature.
    """

    def __init__(self, network: nn.Module, encoding: nn.Module, description: Mapping[str, Any]) -> None:
        super().__init__()
        self.network, self.encoding = network, encoding
        self.task: str = description["task"]
        named = None if description.get("own_loss") else chosen_loss(description.get("loss"))
        self.loss = named or usual_loss(self.task)
        self.temperature = float(description.get("temperature", 1.0))
        self.mean, self.std = float(description["target_mean"]), float(description["target_std"])
        self.dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
        self.eval()

    def forward(self, *raw: Tensor) -> Tensor:
        """Predict.

        Args:
            raw: what the encoding takes, rows first.

        Returns:
            Probabilities, shape (rows, classes), or values in the target's units, float64 of shape (rows,).
        """
        x, codes = self.encoding(*raw)
        if isinstance(self.network, MLP):
            x = x.flatten(1)
        x = x.to(self.dtype) if x.is_floating_point() else x
        outputs = call_forward(self.network, x, codes)
        outputs = outputs if self.temperature == 1.0 else outputs.double()
        found = self.loss.predict(self.task, outputs, self.mean, self.std)
        if self.task == "binary":
            found = torch.stack([1 - found, found], 1)
        return found if self.temperature == 1.0 else heated(found, self.temperature).to(self.dtype)


def encoding_of(encoder: Encoder) -> nn.Module:
    """Make the module that encodes as an encoder does.

    Raises:
        UsageError: there is none for this kind of encoder.
    """
    if isinstance(encoder, TableEncoder):
        return TableEncoding(encoder)
    if isinstance(encoder, VectorEncoder):
        return _Standardise([one.mean for one in encoder.standards], [one.std for one in encoder.standards])
    if isinstance(encoder, ArrayEncoder):
        return _Standardise(encoder.standard.mean, encoder.standard.std, encoder.channels_last)
    if isinstance(encoder, GivenEncoder):
        return _AsGiven(encoder.channels_last)
    if isinstance(encoder, ImageEncoder):
        return _Pixels(encoder.standard.mean, encoder.standard.std)
    raise UsageError(f"a model of inputs of this kind ({type(encoder).__name__}) is not exported yet")


def _no_codes(x: Tensor) -> Tensor:
    return torch.zeros((x.shape[0], 0), dtype=torch.int32, device=x.device)


class _Standardise(nn.Module):
    """Numbers v as (v - μ) / σ, computed in double precision; a missing one becomes 0."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Any, std: Any, channels_last: bool = False) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.movedim(-1, 1) if self.channels_last else x
        values = ((x.double() - self.mean) / self.std).clamp(-LARGEST, LARGEST)
        return torch.where(x.isnan(), 0.0, values).float(), _no_codes(x)


class _AsGiven(nn.Module):
    """Arrays as they are."""

    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.movedim(-1, 1) if self.channels_last else x, _no_codes(x)


class _Pixels(nn.Module):
    """Bytes b as (b / 255 - μ) / σ by channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32).reshape(-1, 1, 1)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x.float() / 255.0 - self.mean) / self.std, _no_codes(x)
