"""Dropout and DropConnect of the kernel: the same keyed bits as those of `ikura.nn.noise`, made where they are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import matrix

__all__ = ["INPUTS", "connect", "drop", "stream_of_layer", "stream_of_step"]

INPUTS = 1 << 16
"""The inputs' number among the layers, equal to `ikura.nn.dropout.INPUTS`."""

GOLDEN_64, M1, M2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
GOLDEN_32, N1, N2 = np.uint32(0x9E3779B1), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
LAYER, POSITIVE = np.uint64(0x2545F4914F6CDD1D), np.uint64(0x7FFFFFFFFFFFFFFF)


@compiled
def stream_of_layer(stream: Any, layer: int) -> Any:
    """The stream of one layer, equal to `ikura.nn.noise.layer_stream`."""
    return (np.uint64(stream) + np.uint64(layer) * LAYER) & POSITIVE


@compiled
def mixed(stream: Any, row: int) -> Any:
    """A row's 64 bits, equal to `ikura.nn.noise.mixed`."""
    z = np.uint64(stream) + np.uint64(row + 1) * GOLDEN_64
    z = (z ^ (z >> np.uint64(30))) * M1
    z = (z ^ (z >> np.uint64(27))) * M2
    return z ^ (z >> np.uint64(31))


@compiled
def stream_of_step(stream: Any, first: int) -> Any:
    """The stream of one mini-batch, which begins at this position in the epoch."""
    return mixed(stream, first) >> np.uint64(1)


@compiled
def drop(a: Any, derivative: Any, rate: float, stream: Any, first: int) -> None:
    """Scale kept units of a and their derivatives by 1/(1 - rate) and set the others to zero.

    Args:
        a: activations, shape (rows, units), changed in place.
        derivative: a'(z), the same shape, changed in place.
        rate: probability of dropping a unit.
        stream: the layer's key.
        first: position in the epoch of the first row.
    """
    threshold = np.uint32(min(np.ceil(rate * 4294967296.0), 4294967295.0))
    zero = a.dtype.type(0)
    scale = a.dtype.type(1.0 / (1.0 - rate))
    for i in range(a.shape[0]):
        row = np.uint32(mixed(stream, first + i) >> np.uint64(32))
        for j in range(a.shape[1]):
            h = np.uint32(row ^ np.uint32(np.uint32(j + 1) * GOLDEN_32))
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(16))) * N1)
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(15))) * N2)
            h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
            k = scale if h >= threshold else zero
            a[i, j] *= k
            derivative[i, j] *= k


@compiled
def connect(w: Any, used: Any, kept: Any, matrices: Any, rate: float, stream: Any, first: int) -> None:
    """Leave weights out of one mini-batch (DropConnect, Wan et al. 2013), the others scaled by 1/(1 - rate).

    Args:
        w: a member's weights, flat.
        used: receives the weights to compute with, the same shape.
        kept: receives ∂used/∂w, the same shape.
        matrices: (place, rows, columns) of the weights that may be left out.
        rate: probability of leaving a weight out.
        stream: key of the epoch's DropConnect.
        first: position in the epoch of the mini-batch's first row.
    """
    for i in range(w.shape[0]):
        used[i], kept[i] = w[i], 1
    step = stream_of_step(stream, first)
    for i in range(matrices.shape[0]):
        begin, rows, columns = matrices[i, 0], matrices[i, 1], matrices[i, 2]
        own, share = matrix(used, begin, rows, columns), matrix(kept, begin, rows, columns)
        drop(own, share, rate, stream_of_layer(step, i), 0)
