"""Inverted dropout whose rate may differ between the members of a population."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ikura.nn.noise import current_draws

__all__ = ["INPUTS", "Dropout"]

INPUTS = 1 << 16
"""Number of the inputs among the layers of a network's noise; hidden layers count from 0."""


class Dropout(nn.Module):
    """Inverted dropout: in training y = x · 1[u ≥ rate] / (1 - rate) with u uniform on [0, 1); otherwise y = x.

    The rate is a buffer, so networks with different rates can be stacked. While ikura trains, u is keyed noise, common
    to all members and independent of how rows are grouped into mini-batches; elsewhere it comes from torch's generator.

    Args:
        rate: probability of dropping a unit, in [0, 1).
        layer: number of the layer, which tells its noise from that of the other layers.

    Example:
        >>> Dropout(0.5).eval()(torch.ones(2, 2)).tolist()
        [[1.0, 1.0], [1.0, 1.0]]

    References:
        Srivastava et al. 2014, JMLR 15:1929.
    """

    rate: Tensor

    def __init__(self, rate: float, layer: int = 0) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("rate", torch.tensor(float(rate), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Drop units of one mini-batch, shape (rows, ..., units)."""
        if not self.training:
            return x
        draws = current_draws()
        if draws is None:
            noise = torch.rand(x.shape, dtype=torch.float64, device=x.device)
        else:
            flat = draws.bits(self.layer, x.shape[0], x[0].numel()).astype(np.float64) / 2.0**32
            noise = torch.from_numpy(flat.reshape(x.shape)).to(x.device)
        keep = 1 - self.rate
        return x * ((noise >= self.rate) / keep).to(x.dtype)
