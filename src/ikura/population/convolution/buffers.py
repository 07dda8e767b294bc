"""Working memory of the kernel of convolutional networks: where images, errors and what else a step needs lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikura.population.convolution.block import CELLS
from ikura.population.convolution.network_layout import NetworkLayout

__all__ = ["Buffers", "make_buffers"]

PLACES = np.dtype([("image", np.int64), ("cell", np.int64), ("pixel", np.int64)])
"""Where a block's input (and its error) begins in `images` and `errors`, where its output cells begin in `derivative`
and `where`, where its pixels begin in `z`."""


class Buffers(NamedTuple):
    """Working memory for one member's mini-batches; arrays are flat unless said otherwise.

    Attributes:
        places: a row of `PLACES` for each block, and one more for what is behind the last.
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


def make_buffers(layout: NetworkLayout, rows: int, ghosts: int, dtype: str, training: bool) -> Buffers:
    """Make the buffers for mini-batches of up to `rows` examples in up to `ghosts` ghosts."""
    k, more = layout.kernel_size, layout.kernel_size - 1
    places: list[tuple[int, int, int]] = []
    image = cell = pixel = widest = largest = most = 0
    whole = training and layout.normalised
    for index, (inputs, height, width, channels, _, _, rows_out, columns_out, _) in enumerate(layout.blocks.tolist()):
        places.append((image, cell, pixel))
        if index:
            image += rows * (height + more) * (width + more) * inputs
        cell += rows * rows_out * columns_out * channels
        size, patch = height * width, k * k * inputs
        images = max(1, min(rows, CELLS // (size * patch)))
        widest = max(widest, min(images * size * patch, max(CELLS, 2 * width * patch)))
        largest, most = max(largest, patch * channels), max(most, images * size * channels)
        pixel += rows * size * channels if whole else 0
    places.append((image, cell, pixel))
    image += rows * layout.features
    channels, height, width = layout.shape
    kept = rows if training else 0
    arrays = {
        "images": np.zeros(image, dtype),
        "errors": np.zeros(image if training else 0, dtype),
        "where": np.empty(cell, np.int32),
        "padded": np.zeros((channels, height + more, width + more), dtype),
        "places": np.array(places, PLACES),
    }
    shapes = {
        "derivative": (cell,),
        "z": (max(pixel, most),),
        "columns": (widest,),
        "weights": (largest,),
        "gradient": (largest,),
        "product": (largest,),
        "mean": (ghosts, sum(layout.channels)),
        "variance": (ghosts, sum(layout.channels)),
        "features": (rows, layout.features),
        "mask": (kept, layout.features),
        "hidden": (rows, layout.units),
        "slope": (rows, layout.units),
        "outputs": (rows, layout.outputs),
    }
    return Buffers(**arrays, **{name: np.empty(shape, dtype) for name, shape in shapes.items()})
