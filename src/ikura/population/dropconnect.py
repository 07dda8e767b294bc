"""DropConnect of stacked members: the weights that each of them computes with in one mini-batch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ikura.nn.noise import connection_bits, key

__all__ = ["DropConnect"]


class DropConnect:
    """Weights left out at random in training: w · 1[u ≥ rate] / (1 - rate) with u uniform on [0, 1).

    Draws are keyed by (seed, epoch, first row of the mini-batch, matrix, unit, input), so that all members share them
    and a narrower network has those of a wider one's corner. Matrices and filters are left out in part; biases, what
    normalisation scales by, embedding tables and frozen weights are not.

    Args:
        module: the network of one member.
        learning: names of the parameters that are trained.
        rates: of the members.
        seed: of the members.
        dtype, device: of the weights.

    Example:
        >>> connections = DropConnect(nn.Linear(4, 1), ["weight"], [0.0, 0.5], 0, torch.float64, torch.device("cpu"))
        >>> w = torch.ones(2, 1, 4, dtype=torch.float64)
        >>> connections({"weight": w}, epoch=1, first=0)["weight"].tolist()
        [[[1.0, 1.0, 1.0, 1.0]], [[2.0, 2.0, 2.0, 0.0]]]

    References:
        Wan et al. 2013, ICML.
    """

    def __init__(
        self,
        module: nn.Module,
        learning: Collection[str],
        rates: Sequence[float],
        seed: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.seed, self.dtype, self.device = seed, dtype, device
        self.rates = torch.tensor(rates, dtype=torch.float64, device=device)
        tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
        every = [(n, p.shape) for n, p in module.named_parameters() if p.dim() > 1 and id(p) not in tables]
        self.matrices = [(number, name, shape) for number, (name, shape) in enumerate(every) if name in learning]

    def draw(self, epoch: int, first: int) -> dict[str, Tensor]:
        """Draw u of every weight that may be left out of one mini-batch: float64 of each parameter's shape, by name."""
        stream, found = key(self.seed, "dropconnect", epoch), {}
        for number, name, shape in self.matrices:
            cells = connection_bits(stream, first, number, shape[0], shape[1:].numel()).astype(np.float64) / 2.0**32
            found[name] = torch.from_numpy(cells.reshape(shape)).to(self.device)
        return found

    def leave_out(self, leaves: dict[str, Tensor], draws: dict[str, Tensor], rates: Tensor) -> dict[str, Tensor]:
        """Leave weights out.

        Args:
            leaves: parameters by name, of one member, or of all with a leading axis of members.
            draws: what `draw` returned.
            rates: of that member or of all, shape () or (members,).

        Returns:
            What is left, by name, in the same shapes; differentiable.
        """
        left = dict(leaves)
        for name, u in draws.items():
            rate = rates.reshape(rates.shape + (1,) * u.dim())
            left[name] = leaves[name] * ((u >= rate) / (1 - rate)).to(self.dtype)
        return left

    def __call__(self, leaves: dict[str, Tensor], epoch: int, first: int) -> dict[str, Tensor]:
        """Leave weights of all members out of one mini-batch."""
        return self.leave_out(leaves, self.draw(epoch, first), self.rates)
