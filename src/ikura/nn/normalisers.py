"""Modules that normalise a layer before its activation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ikura.errors import UsageError
from ikura.nn.normalisation import EPSILON, normalisation

__all__ = ["BatchNorm", "GhostNorm", "normaliser"]


def _column(x: Tensor, numbers: Tensor) -> Tensor:
    """Shape one number a unit to go with x of shape (rows, units, ...)."""
    return numbers.reshape(-1, *(1,) * (x.dim() - 2))


class _Running(nn.Module):
    """Scale γ, shift β, and statistics that are averaged in training and used in evaluation."""

    weight: nn.Parameter
    bias: nn.Parameter
    momentum: Tensor
    running_mean: Tensor

    def __init__(self, units: int, momentum: float, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight, self.bias = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
        self.register_buffer("momentum", torch.tensor(float(momentum), dtype=torch.float64))
        self.register_buffer("running_mean", torch.zeros(units))

    def _fixed(self, x: Tensor, variance: Tensor, epsilon: float) -> Tensor:
        """Normalise by the running mean and a given variance."""
        return functional.batch_norm(x, self.running_mean, variance, self.weight, self.bias, False, 0.0, epsilon)


class BatchNorm(_Running):
    """Batch normalisation: y = γ (z - μ) / √(σ² + ε) + β with μ and σ² of each unit over the mini-batch.

    Training also moves the running statistics, r ← (1 - η) r + η s with s the mean and the unbiased variance;
    evaluation uses them in place of μ and σ². Equal to `torch.nn.BatchNorm1d` and `BatchNorm2d`, but η is a buffer, so
    that networks with different η can be stacked, and a single row passes: y = β, and the running variance stays.

    Args:
        units: columns of (rows, units), or channels of (rows, channels, height, width).
        momentum: η, the share of the mini-batch in the running statistics, in [0, 1].
        epsilon: ε.

    Example:
        >>> BatchNorm(1)(torch.tensor([[1.0], [3.0], [2.0]])).flatten().round(decimals=2).tolist()
        [-1.2200000286102295, 1.2200000286102295, 0.0]

    References:
        Ioffe and Szegedy 2015, arXiv:1502.03167.
    """

    running_var: Tensor

    def __init__(self, units: int, momentum: float = 0.1, epsilon: float = EPSILON) -> None:
        super().__init__(units, momentum, epsilon)
        self.register_buffer("running_var", torch.ones(units))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise one mini-batch, shape (rows, units, ...)."""
        if not self.training:
            return self._fixed(x, self.running_var, self.epsilon)
        if x.numel() == x.shape[1]:
            self._move(self.running_mean, x.detach().flatten())
            return torch.addcmul(_column(x, self.bias), x - x, _column(x, self.weight))
        # With a momentum of one the statistics of this mini-batch replace what is given.
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        y = functional.batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, self.epsilon)
        self._move(self.running_mean, mean)
        self._move(self.running_var, variance)
        return y

    def _move(self, running: Tensor, found: Tensor) -> None:
        running.mul_(1 - self.momentum).add_(self.momentum * found)


class GhostNorm(_Running):
    """Ghost batch normalisation: y = γ (z - μ_l) / σ_l + β with μ_l and σ_l = √(variance + ε) of each unit in ghost l.

    Ghosts are runs of `ghost_size` rows of the mini-batch; the last one has the rows that are left, and takes in a
    single row that would be left after it. Training moves the running statistics once for each of the K ghosts,
    r ← (1 - η)^K r + Σ_l (1 - η)^(K-l) η s_l for mean and deviation; evaluation uses them. A ghost as large as the
    mini-batch gives the outputs of batch normalisation, and mini-batches of whole ghosts give what their union gives.

    Args:
        units: columns of (rows, units), or channels of (rows, channels, height, width).
        ghost_size: rows of a ghost, at least 2.
        momentum: η, the share of one ghost in the running statistics, in [0, 1].
        epsilon: ε.

    Example:
        >>> GhostNorm(1, ghost_size=2)(torch.tensor([[1.0], [3.0], [7.0], [5.0]])).flatten().round().tolist()
        [-1.0, 1.0, 1.0, -1.0]

    References:
        Hoffer, Hubara and Soudry 2017, arXiv:1705.08741, algorithm 1.
    """

    running_deviation: Tensor

    def __init__(self, units: int, ghost_size: int = 32, momentum: float = 0.1, epsilon: float = EPSILON) -> None:
        super().__init__(units, momentum, epsilon)
        if ghost_size < 2:
            raise UsageError(f"ghost_size must be at least 2, but is {ghost_size}: one row has no deviation")
        self.ghost_size = int(ghost_size)
        self.register_buffer("running_deviation", torch.ones(units))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise one mini-batch, shape (rows, units, ...)."""
        if not self.training:
            return self._fixed(x, self.running_deviation**2, 0.0)
        rows = x.shape[0]
        whole = rows // self.ghost_size - (rows % self.ghost_size == 1)
        end = max(whole, 0) * self.ghost_size
        parts = [self._ghosts(x[:end], whole)] if end else []
        parts += [self._ghosts(x[end:], 1)] if end < rows else []
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _ghosts(self, x: Tensor, count: int) -> Tensor:
        """Normalise ghosts of equal size, and move the running statistics in their order."""
        parts = x.reshape(count, -1, *x.shape[1:])
        inside = [1, *range(3, parts.dim())]
        variance, mean = torch.var_mean(parts, inside, correction=0, keepdim=True)
        deviation = torch.sqrt(variance + self.epsilon)
        y = torch.addcmul(_column(x, self.bias), parts - mean, _column(x, self.weight) / deviation)
        left = torch.arange(count - 1, -1, -1, device=x.device, dtype=x.dtype)
        shares = (self.momentum * (1 - self.momentum) ** left).reshape(-1, 1)
        moved = [(self.running_mean, mean), (self.running_deviation, deviation)]
        for running, found in moved if x.numel() > x.shape[1] else moved[:1]:
            stays = (1 - self.momentum) ** count
            running.mul_(stays).add_((shares * found.detach().reshape(count, -1)).sum(0))
        return y.reshape(x.shape)


def normaliser(
    name: str, units: int, *, momentum: float = 0.1, ghost_size: int = 32, images: bool = False
) -> nn.Module | None:
    """Build the module that normalises one layer before its activation; the layer in front of it needs no bias.

    Args:
        name: one of `NORMALISATIONS`.
        units: units of the layer, or channels of a convolution.
        momentum: share of one mini-batch (or ghost) in the running statistics.
        ghost_size: rows of a ghost.
        images: whether the layer's outputs are (rows, channels, height, width). It only matters to "layer", which then
            normalises over channels and pixels, with γ and β for each channel.

    Returns:
        The module, None for "none".

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> normaliser("layer", 8)
        LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)
    """
    normalisation(name)
    if name == "batch":
        return BatchNorm(units, momentum)
    if name == "ghost":
        return GhostNorm(units, ghost_size, momentum)
    if name == "layer":
        return nn.GroupNorm(1, units, EPSILON) if images else nn.LayerNorm(units, EPSILON)
    return None
