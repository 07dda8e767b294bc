"""Where the weights of a built-in network lie in one flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from ikura.nn.initialisation import initial_weights
from ikura.nn.mlp import MLP, embedding_size
from ikura.nn.noise import key, normal
from ikura.population.member import Member

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """The shape of a member's network, and its weights in the order of `MLP.parameters()`.

    Attributes:
        inputs: numeric features.
        outputs: raw outputs.
        units: width of each hidden layer.
        cardinalities: number of codes of each embedding.
    """

    inputs: int
    outputs: int
    units: tuple[int, ...]
    cardinalities: tuple[int, ...] = ()

    @classmethod
    def of(cls, member: Member, inputs: int, outputs: int, cardinalities: Sequence[int]) -> Layout:
        """Read a member's layout from its hyperparameters."""
        return cls(inputs, outputs, (int(member.values.units),) * int(member.values.layers), tuple(cardinalities))

    @property
    def tables(self) -> list[tuple[int, int]]:
        """(cardinality, size) of each embedding."""
        return [(c, embedding_size(c)) for c in self.cardinalities]

    @property
    def widths(self) -> list[int]:
        """Joined inputs, hidden units, outputs."""
        return [self.inputs + sum(size for _, size in self.tables), *self.units, self.outputs]

    @property
    def size(self) -> int:
        """Number of weights and biases."""
        layers = sum((a + 1) * b for a, b in pairwise(self.widths))
        return layers + sum(c * size for c, size in self.tables)

    def initial(self, member: Member) -> np.ndarray:
        """Draw the member's initial weights: float64 of shape (size,).

        The draws are keyed by (seed, layer, unit, input): a narrower network begins as a part of a wider one.
        """
        parts = []
        for i, (cardinality, size) in enumerate(self.tables):
            parts.append(normal(key(member.seed, "embedding", i), cardinality, size).ravel() / np.sqrt(size))
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths)):
            stream = key(member.seed, "weights", layer)
            parts.append(initial_weights(member.values.initialisation, stream, fan_out, fan_in).ravel())
            parts.append(np.zeros(fan_out))
        return np.concatenate(parts)

    def matrices(self) -> np.ndarray:
        """Find the weights that are no biases: (place, rows, columns) of each, a row for each unit or category."""
        found, place = [], 0
        for cardinality, size in self.tables:
            found.append((place, cardinality, size))
            place += cardinality * size
        for fan_in, fan_out in pairwise(self.widths):
            found.append((place, fan_out, fan_in))
            place += (fan_in + 1) * fan_out
        return np.array(found, np.int64)

    def penalised(self) -> np.ndarray:
        """Tell weights from biases: bool of shape (size,)."""
        found = np.zeros(self.size, bool)
        for place, rows, columns in self.matrices():
            found[place : place + rows * columns] = True
        return found

    def padded(self, member: Member, wide: Layout) -> tuple[np.ndarray, np.ndarray]:
        """Place the member's initial weights in a wider network whose other weights are zero.

        Returns:
            the weights, float64 of shape (wide.size,), and which of them belong to the member, bool of the same shape.
        """
        own, weights, free = self.initial(member), np.zeros(wide.size), np.zeros(wide.size, bool)
        start = sum(c * size for c, size in self.tables)
        weights[:start], free[:start] = own[:start], True
        mine = there = start
        for layer in range(len(self.widths) - 1):
            (a, b), (wide_a, wide_b) = self.widths[layer : layer + 2], wide.widths[layer : layer + 2]
            matrix = (np.arange(b)[:, None] * wide_a + np.arange(a)[None, :]).ravel() + there
            places = np.concatenate([matrix, there + wide_a * wide_b + np.arange(b)])
            weights[places], free[places] = own[mine : mine + (a + 1) * b], True
            mine, there = mine + (a + 1) * b, there + (wide_a + 1) * wide_b
        return weights, free

    def module(self, member: Member, weights: np.ndarray | None = None) -> MLP:
        """Build the member's network as a plain PyTorch module, with the given or its initial weights."""
        values = member.values
        with torch.random.fork_rng(devices=[]):
            net = MLP(self.inputs, self.outputs, self.units, values.activation, values.dropout, self.cardinalities)
        vector = torch.from_numpy(np.asarray(self.initial(member) if weights is None else weights))
        net = net.to(vector.dtype)
        torch.nn.utils.vector_to_parameters(vector, net.parameters())
        return net
