"""The layer that undoes a transform of targets behind a network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ikura.nn.target_transform import LEAST, TargetTransform

__all__ = ["TargetLayer"]


class TargetLayer(nn.Module):
    """Undoes a transform behind a trained network, in double precision: z, any shape, becomes y.

    Args:
        transform: the transform.
    """

    knots: Tensor
    slope: Tensor
    added: Tensor

    def __init__(self, transform: TargetTransform) -> None:
        super().__init__()
        self.transform = transform
        if transform.kind == "quantile":
            half = len(transform.numbers) // 2
            values, scores = np.array(transform.numbers[:half]), np.array(transform.numbers[half:])
            for name, one in (("knots", scores[:-1]), ("slope", 1 / np.diff(scores)), ("added", np.diff(values))):
                self.register_buffer(name, torch.from_numpy(one), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """Undo the transform."""
        kind, numbers, wide = self.transform.kind, self.transform.numbers, z.double()
        if kind == "quantile":
            shares = ((wide[..., None] - self.knots.double()) * self.slope.double()).clamp(0, 1)
            return (numbers[0] + (shares * self.added.double()).sum(-1)).to(z.dtype)
        raw = numbers[0] + numbers[1] * wide
        y = (torch.exp(raw) - numbers[2]) / numbers[3] if kind == "log" else _powers_undone(raw, numbers[2])
        return y.clamp(self.transform.low, self.transform.high).to(z.dtype)


def _powers_undone(z: Tensor, power: float) -> Tensor:
    """Yeo and Johnson's power undone; each branch is computed of numbers for which it is finite."""
    above, below = z.clamp(min=0), (-z).clamp(min=0)
    rest = 2 - power
    positive = torch.exp(above) if power == 0 else (above * power + 1).clamp(min=LEAST) ** (1 / power)
    negative = torch.exp(below) if rest == 0 else (below * rest + 1).clamp(min=LEAST) ** (1 / rest)
    return torch.where(z >= 0, positive - 1, 1 - negative)
