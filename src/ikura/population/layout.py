"""Where the weights of a built-in network lie in one flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ikura.json_values import JsonObject
from ikura.lazy_torch import torch
from ikura.nn.embedding_size import usual_size
from ikura.nn.encoding import NumericEncoding
from ikura.nn.generators import seeded
from ikura.nn.initial_encoding import initial_encoding
from ikura.nn.initialisation import initial_weights
from ikura.nn.noise import key, normal
from ikura.nn.target_transform import TargetTransform
from ikura.population.member import Member

if TYPE_CHECKING:
    from ikura.nn.mlp import MLP

__all__ = ["Layout"]

RUNNING = {"batch": ("running_mean", "running_var"), "ghost": ("running_mean", "running_deviation")}
"""Running statistics of a normalised layer, which begin as zeros and ones."""


@dataclass(frozen=True)
class Layout:
    """The shape of a member's network, and its weights in the order of `MLP.parameters()`.

    Factors on the inputs come first, then embedding tables, then what encodes numeric columns, then the layers. A layer
    is its matrix, row by row, then its bias, or in place of the bias the scale γ and shift β of its normalisation.

    Attributes:
        inputs: numeric features.
        outputs: raw outputs.
        units: width of each hidden layer.
        cardinalities: number of codes of each embedding.
        normalisation: of the hidden layers.
        encoding: of numeric columns; None where they go in as they are.
        scaled: whether inputs have learnt factors.
        target: what is learned in place of a value, which the trained network undoes; None for the value itself.
        embedding: numbers of an embedded category; 0 for the usual ones.
    """

    inputs: int
    outputs: int
    units: tuple[int, ...]
    cardinalities: tuple[int, ...] = ()
    normalisation: str = "none"
    encoding: NumericEncoding | None = None
    scaled: bool = False
    target: TargetTransform | None = None
    embedding: int = 0

    @classmethod
    def of(
        cls,
        member: Member,
        inputs: int,
        outputs: int,
        cardinalities: Sequence[int],
        encoding: NumericEncoding | None = None,
        target: TargetTransform | None = None,
    ) -> Layout:
        """Read a member's layout from its hyperparameters, and from what was fitted to its training rows."""
        units = tuple(int(width) for width in member.each_layer("units"))
        scaled = member.values.scale_rate > 0
        size = int(member.values.embedding_size) if cardinalities else 0
        every = units, tuple(cardinalities), member.values.normalisation, encoding, scaled, target, size
        return cls(inputs, outputs, *every)

    @cached_property
    def tables(self) -> list[tuple[int, int]]:
        """(cardinality, size) of each embedding."""
        return [(c, self.embedding or usual_size(c)) for c in self.cardinalities]

    @cached_property
    def widths(self) -> list[int]:
        """Joined inputs, hidden units, outputs."""
        encoded = self.inputs if self.encoding is None else self.encoding.width
        return [encoded + sum(size for _, size in self.tables), *self.units, self.outputs]

    @cached_property
    def scales(self) -> int:
        """Number of factors on inputs."""
        return self.widths[0] if self.scaled else 0

    @cached_property
    def encoders(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of each parameter of the encoding."""
        return {} if self.encoding is None else self.encoding.parameters

    @cached_property
    def ahead(self) -> int:
        """Number of parameters ahead of the layers."""
        return self.scales + sum(c * size for c, size in self.tables) + sum(map(prod, self.encoders.values()))

    @cached_property
    def layers(self) -> list[tuple[int, int, int]]:
        """(inputs, units, parameters for each unit beside its weights) of each layer, the output layer last."""
        hidden = 1 if self.normalisation == "none" else 2
        beside = [hidden] * len(self.units) + [1]
        return [(a, b, more) for (a, b), more in zip(pairwise(self.widths), beside, strict=True)]

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return self.ahead + sum((a + more) * b for a, b, more in self.layers)

    @cached_property
    def running(self) -> list[tuple[str, int]]:
        """Name and length of each running statistic, in the order of `MLP.named_buffers()`."""
        names = RUNNING.get(self.normalisation, ())
        return [(f"layers.{layer}.1.{name}", width) for layer, width in enumerate(self.units) for name in names]

    def initial_running(self) -> np.ndarray:
        """Running statistics at the start, one after another: float64 of shape (sum of lengths,)."""
        parts = [np.full(width, 0.0 if name.endswith("mean") else 1.0) for name, width in self.running]
        return np.concatenate(parts) if parts else np.empty(0)

    def initial(self, member: Member) -> np.ndarray:
        """Draw the member's initial weights: float64 of shape (size,).

        The draws are keyed by (seed, layer, unit, input): a narrower network begins as a part of a wider one (but for
        orthogonal weights). Biases and shifts begin at zero, scales at one.
        """
        values = member.values
        parts = [np.ones(self.scales)]
        for i, (cardinality, size) in enumerate(self.tables):
            table = normal(key(member.seed, "embedding", i), cardinality, size) / np.sqrt(size)
            table[0] = 0  # what training never shows must not count
            parts.append(table.ravel())
        if self.encoding is not None:
            parts += initial_encoding(self.encoding, member.seed, values.encoding_sigma)
        for layer, (fan_in, fan_out, more) in enumerate(self.layers):
            stream = key(member.seed, "weights", layer)
            drawn = initial_weights(values.initialisation, stream, fan_out, fan_in, values.initial_scale)
            parts += [drawn.ravel(), np.ones((more - 1) * fan_out), np.zeros(fan_out)]
        return np.concatenate(parts)

    def matrices(self) -> np.ndarray:
        """Find the weights that are no biases: (place, rows, columns) of each, a row for each unit or category."""
        found, place = [], self.scales
        for cardinality, size in self.tables:
            found.append((place, cardinality, size))
            place += cardinality * size
        for shape in self.encoders.values():
            if len(shape) == 2:
                found.append((place, shape[0], shape[1]))
            place += prod(shape)
        for fan_in, fan_out, more in self.layers:
            found.append((place, fan_out, fan_in))
            place += (fan_in + more) * fan_out
        return np.array(found, np.int64)

    def penalised(self) -> np.ndarray:
        """Tell weights from biases, scales and shifts: bool of shape (size,)."""
        found = np.zeros(self.size, bool)
        for place, rows, columns in self.matrices():
            found[place : place + rows * columns] = True
        return found

    def padded(self, member: Member, wide: Layout) -> tuple[np.ndarray, np.ndarray]:
        """Place the member's initial weights in a wider network whose other weights are zero.

        Layer normalisation takes its statistics over the width, so a network with it fits none but its own layout.

        Returns:
            the weights, float64 of shape (wide.size,), and which of them belong to the member, bool of the same shape.
        """
        own, weights, free = self.initial(member), np.zeros(wide.size), np.zeros(wide.size, bool)
        start = self.ahead
        weights[:start], free[:start] = own[:start], True
        mine = there = start
        for (a, b, more), (wide_a, wide_b, _) in zip(self.layers, wide.layers, strict=True):
            matrix = (np.arange(b)[:, None] * wide_a + np.arange(a)[None, :]).ravel() + there
            beside = (np.arange(more)[:, None] * wide_b + np.arange(b)[None, :]).ravel() + there + wide_a * wide_b
            places = np.concatenate([matrix, beside])
            weights[places], free[places] = own[mine : mine + (a + more) * b], True
            mine, there = mine + (a + more) * b, there + (wide_a + more) * wide_b
        return weights, free

    def arguments(self, member: Member) -> JsonObject:
        """Arguments of `MLP` for the member's network, as JSON holds them."""
        values = member.values
        further: JsonObject = {} if self.encoding is None else {"encoding": self.encoding.form}
        further |= {"scaled": True} if self.scaled else {}
        further |= {"embedding_size": self.embedding} if self.embedding else {}
        further |= {} if self.target is None else {"target": self.target.form}
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "units": list(self.units),
            "activation": values.activation,
            "dropout": list(member.each_layer("dropout", len(self.units))),
            "cardinalities": list(self.cardinalities),
            "dropout_input": values.dropout_input,
            "normalisation": self.normalisation,
            "ghost_size": int(values.ghost_size),
            "normalisation_momentum": values.normalisation_momentum,
            **further,
        }

    def module(self, member: Member, weights: np.ndarray | None = None, predicts: bool = False) -> MLP:
        """Build the member's network as a plain PyTorch module, with the given or its initial weights.

        Args:
            member: the member.
            weights: flat; None for the initial ones.
            predicts: whether outputs are values, as of a trained network, in place of what is learned of them.
        """
        from ikura.nn.mlp import MLP

        arguments = self.arguments(member)
        if not predicts:
            arguments.pop("target", None)
        with seeded(0):
            net = MLP(**arguments)
        vector = torch.from_numpy(np.asarray(self.initial(member) if weights is None else weights))
        net = net.to(vector.dtype)
        torch.nn.utils.vector_to_parameters(vector, net.parameters())
        return net
