"""Where everything of a small convolutional network lies: weights in one flat vector, images and errors in one room."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ikura.nn.zoo.cnn import Recipe, pooled
from ikura.population.convolution.block import CELLS

__all__ = ["Plan", "Room", "make_room"]


@dataclass(frozen=True)
class Plan:
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
    def of(cls, recipe: Recipe) -> Plan:
        """Read a plan from a network's recipe."""
        return cls(
            recipe.shape, recipe.outputs, recipe.channels, recipe.kernel_size, recipe.units,
            recipe.normalisation != "none",
        )  # fmt: skip

    @cached_property
    def blocks(self) -> np.ndarray:
        """One row a block, int64.

        Columns: channels, height and width of its input; channels of its output; whether it pools; place of its weights
        in the vector; height and width of its output; place of its first channel among all channels.
        """
        rows, place, first = [], 0, 0
        inputs, height, width = self.shape
        for channels in self.channels:
            after = pooled(height, width)
            rows.append([inputs, height, width, channels, int(after != (height, width)), place, *after, first])
            place += inputs * channels * self.kernel_size**2 + channels * (2 if self.normalised else 1)
            first += channels
            inputs, (height, width) = channels, after
        return np.array(rows, np.int64).reshape(-1, 9)

    @cached_property
    def features(self) -> int:
        """Inputs of the hidden layer."""
        _, _, _, channels, _, _, height, width, _ = self.blocks[-1]
        return int(channels * height * width)

    @cached_property
    def dense(self) -> int:
        """Place of the hidden layer's weights in the vector."""
        inputs, _, _, channels, _, place, _, _, _ = self.blocks[-1]
        return int(place + inputs * channels * self.kernel_size**2 + channels * (2 if self.normalised else 1))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.dense + (self.features + 1) * self.units + (self.units + 1) * self.outputs

    @cached_property
    def matrices(self) -> np.ndarray:
        """(place, rows, columns) of the weights that are no biases, scales or shifts: int64 of shape (matrices, 3)."""
        k = self.kernel_size**2
        found = [[place, channels, inputs * k] for inputs, _, _, channels, _, place, *_ in self.blocks.tolist()]
        found.append([self.dense, self.units, self.features])
        found.append([self.dense + (self.features + 1) * self.units, self.outputs, self.units])
        return np.array(found, np.int64)


class Room(NamedTuple):
    """Working memory for one member's mini-batches; arrays are flat unless said otherwise.

    Attributes:
        places: int64 of shape (blocks + 1, 3): where block l's input (and its error) begins in `images` and `errors`,
            where its output cells begin in `derivative` and `where`, where its pixels begin in `z`.
        images, errors: inputs of the blocks from the second one on, padded, and the output of the last one.
        derivative, where: of the cells of all outputs.
        z: outputs of the convolutions; of all rows where blocks are normalised.
        columns: patches.
        padded: one padded planar image, shape (channels, height, width).
        weights, gradient, product: one block's weights in another order.
        mean, variance: statistics of each ghost, shape (ghosts, channels).
        features, mask: shape (rows, features).
        hidden, slope: shape (rows, units).
        outputs: shape (rows, outputs).
    """

    places: np.ndarray
    images: np.ndarray
    errors: np.ndarray
    derivative: np.ndarray
    where: np.ndarray
    z: np.ndarray
    columns: np.ndarray
    padded: np.ndarray
    weights: np.ndarray
    gradient: np.ndarray
    product: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    features: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    slope: np.ndarray
    outputs: np.ndarray


def make_room(plan: Plan, rows: int, ghosts: int, dtype: str, training: bool) -> Room:
    """Make room for mini-batches of up to `rows` examples in up to `ghosts` ghosts."""
    k, more = plan.kernel_size, plan.kernel_size - 1
    places, image, cell, pixel, widest, largest, most = [], 0, 0, 0, 0, 0, 0
    whole = training and plan.normalised
    for index, (inputs, height, width, channels, _, _, rows_out, columns_out, _) in enumerate(plan.blocks.tolist()):
        places.append([image, cell, pixel])
        if index:
            image += rows * (height + more) * (width + more) * inputs
        cell += rows * rows_out * columns_out * channels
        size, patch = height * width, k * k * inputs
        images = max(1, min(rows, CELLS // (size * patch)))
        widest = max(widest, min(images * size * patch, max(CELLS, 2 * width * patch)))
        largest, most = max(largest, patch * channels), max(most, images * size * channels)
        pixel += rows * size * channels if whole else 0
    places.append([image, cell, pixel])
    image += rows * plan.features
    channels, height, width = plan.shape
    kept = rows if training else 0
    room = {
        "images": np.zeros(image, dtype),
        "errors": np.zeros(image if training else 0, dtype),
        "where": np.empty(cell, np.int32),
        "padded": np.zeros((channels, height + more, width + more), dtype),
        "places": np.array(places, np.int64),
    }
    shapes = {
        "derivative": (cell,),
        "z": (max(pixel, most),),
        "columns": (widest,),
        "weights": (largest,),
        "gradient": (largest,),
        "product": (largest,),
        "mean": (ghosts, sum(plan.channels)),
        "variance": (ghosts, sum(plan.channels)),
        "features": (rows, plan.features),
        "mask": (kept, plan.features),
        "hidden": (rows, plan.units),
        "slope": (rows, plan.units),
        "outputs": (rows, plan.outputs),
    }
    return Room(**room, **{name: np.empty(shape, dtype) for name, shape in shapes.items()})
