"""Dropout of the kernel: the same keyed bits as `ikura.nn.noise.bits`, made where they are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled

__all__ = ["INPUTS", "drop", "stream_of_layer"]

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
        z = np.uint64(stream) + np.uint64(first + i + 1) * GOLDEN_64
        z = (z ^ (z >> np.uint64(30))) * M1
        z = (z ^ (z >> np.uint64(27))) * M2
        row = np.uint32((z ^ (z >> np.uint64(31))) >> np.uint64(32))
        for j in range(a.shape[1]):
            h = np.uint32(row ^ np.uint32(np.uint32(j + 1) * GOLDEN_32))
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(16))) * N1)
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(15))) * N2)
            h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
            k = scale if h >= threshold else zero
            a[i, j] *= k
            derivative[i, j] *= k
