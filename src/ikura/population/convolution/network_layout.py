"""The sizes of a small convolutional network, and where its weights lie in one flat vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ikura.nn.zoo.cnn import Recipe, pooled
from ikura.population.kernel import activation as activation_kernel

__all__ = ["NetworkLayout", "Sizes", "sizes_of"]

BLOCKS = np.dtype(
    [
        (name, np.int64)
        for name in ("inputs", "height", "width", "channels", "pooled", "place", "rows_out", "columns_out", "first")
    ]
)
"""What is known of a block: channels, height and width of its input; channels of its output; whether it pools; place of
its weights in the vector; height and width of its output; place of its first channel among all channels."""


@dataclass(frozen=True)
class NetworkLayout:
    """The sizes of one member's network, `ikura.nn.zoo.CNN`, and the places of its parameters.

    Attributes:
        shape: (channels, height, width) of an example.
        outputs: raw outputs.
        channels: of each block.
        kernel_size: side of the kernels.
        units: of the hidden layer.
        normalised: whether blocks are normalised (scale and shift for each channel) or have a bias.
    """

    shape: tuple[int, int, int]
    outputs: int
    channels: tuple[int, ...]
    kernel_size: int
    units: int
    normalised: bool

    @classmethod
    def of(cls, recipe: Recipe) -> NetworkLayout:
        """Read the layout from a network's recipe."""
        return cls(
            recipe.shape, recipe.outputs, recipe.channels, recipe.kernel_size, recipe.units,
            recipe.normalisation != "none",
        )  # fmt: skip

    @cached_property
    def blocks(self) -> np.ndarray:
        """One row of `BLOCKS` for each."""
        rows, place, first = [], 0, 0
        inputs, height, width = self.shape
        for channels in self.channels:
            after = pooled(height, width)
            rows.append((inputs, height, width, channels, after != (height, width), place, *after, first))
            place += inputs * channels * self.kernel_size**2 + channels * (2 if self.normalised else 1)
            first += channels
            inputs, (height, width) = channels, after
        return np.array(rows, BLOCKS)

    @cached_property
    def features(self) -> int:
        """Inputs of the hidden layer."""
        last = self.blocks[-1]
        return int(last["channels"] * last["rows_out"] * last["columns_out"])

    @cached_property
    def dense(self) -> int:
        """Place of the hidden layer's weights in the vector."""
        last = self.blocks[-1]
        beside = 2 if self.normalised else 1
        return int(last["place"] + last["channels"] * (last["inputs"] * self.kernel_size**2 + beside))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.dense + (self.features + 1) * self.units + (self.units + 1) * self.outputs

    @cached_property
    def matrices(self) -> np.ndarray:
        """(place, rows, columns) of the weights that are no biases, scales or shifts: int64 of shape (matrices, 3)."""
        k = self.kernel_size**2
        blocks = self.blocks
        found = np.stack([blocks["place"], blocks["channels"], blocks["inputs"] * k], axis=1).tolist()
        found.append([self.dense, self.units, self.features])
        found.append([self.dense + (self.features + 1) * self.units, self.outputs, self.units])
        return np.array(found, np.int64)


class Sizes(NamedTuple):
    """What the kernel knows of one member's network.

    Attributes:
        blocks: rows of `BLOCKS`.
        kernel_size: side of the kernels.
        units: of the hidden layer.
        dense: place of the hidden layer's weights.
        outputs: raw outputs.
        matrices: (place, rows, columns) of the weights that are no biases.
        activation: its code.
        dropout: rate of features and hidden units.
        ghost: examples in a ghost; 0 where blocks are not normalised.
        deviations: whether moving averages are taken of deviations, as in ghost norm, or of unbiased variances.
        momentum: share of a ghost's statistics in the moving average.
    """

    blocks: np.ndarray
    kernel_size: int
    units: int
    dense: int
    outputs: int
    matrices: np.ndarray
    activation: int
    dropout: float
    ghost: int
    deviations: bool
    momentum: float


def sizes_of(recipe: Recipe, layout: NetworkLayout) -> Sizes:
    """What the kernel is told of a network; batch norm is one ghost of any size."""
    return Sizes(
        blocks=layout.blocks,
        kernel_size=recipe.kernel_size,
        units=recipe.units,
        dense=layout.dense,
        outputs=recipe.outputs,
        matrices=layout.matrices,
        activation=activation_kernel.code(recipe.activation),
        dropout=float(recipe.dropout),
        ghost={"none": 0, "batch": 1 << 40, "ghost": recipe.ghost_size}[recipe.normalisation],
        deviations=recipe.normalisation == "ghost",
        momentum=float(recipe.momentum),
    )
