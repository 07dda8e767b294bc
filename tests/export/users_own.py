"""A user's own network, in a module of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self, inputs: int, units: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, units)
        self.norm = nn.BatchNorm1d(units)
        self.head = nn.Linear(units, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.norm(self.first(x))))


def factory(hp: object) -> Net:
    return Net(hp.inputs, hp.units, hp.outputs)  # type: ignore[attr-defined]
