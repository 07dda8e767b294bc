"""Normalisation of the kernel: forward in training and evaluation, backward, running statistics.

A hidden layer's outputs z become γ x̂; the shift β is added by the activation, as a bias is. What the backward pass
needs is kept: x̂, and 1/σ of each unit in each ghost (or of each row) in the first cells of a buffer as large.
In batch normalisation the mini-batch is one ghost.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ikura.nn.normalisation import normalisation
from ikura.population.kernel._compile import also_compiled, compiled
from ikura.population.kernel.views import matrix, vector

__all__ = ["CODES", "Normalisation", "beside", "code", "joins_last_row", "normalise", "normalise_backward", "prepare"]

NONE, BATCH, GHOST, LAYER = range(4)
CODES: dict[str, int] = {"none": NONE, "batch": BATCH, "ghost": GHOST, "layer": LAYER}
EPSILON = 1e-5
"""ε, equal to `ikura.nn.normalisation.EPSILON`."""


class Normalisation(NamedTuple):
    """How one member normalises, and its buffers.

    Attributes:
        code: a number from `CODES`.
        ghost_size: rows of a ghost.
        momentum: share of one mini-batch (or ghost) in the running statistics.
        running: running mean and variance (deviation for ghosts) of each unit, layer after layer.
        normal: buffer for x̂, in the places of z.
        inverse: buffer for 1/σ.
        scratch: buffer for two numbers a unit of the widest layer.
    """

    code: Any
    ghost_size: Any
    momentum: Any
    running: Any
    normal: Any
    inverse: Any
    scratch: Any


def code(name: str) -> int:
    """Number of a normalisation in the kernel; a UsageError with the nearest name when there is none."""
    normalisation(name)
    return CODES[name]


@compiled
def prepare(code: int, ghost_size: int, momentum: Any, running: Any, cells: int, widths: Any) -> Normalisation:
    """Make one member's buffers, for as many outputs of layers; none where nothing is normalised."""
    cells = cells if code != NONE else 0
    widest = 0
    for layer in range(widths.shape[0] if code != NONE else 0):
        widest = max(widest, widths[layer])
    return Normalisation(
        code,
        ghost_size,
        running.dtype.type(momentum),
        running,
        np.empty(cells, running.dtype),
        np.empty(cells, running.dtype),
        np.empty(2 * widest, running.dtype),
    )


@compiled
def beside(code: int, layer: int, layers: int) -> int:
    """Parameters of each unit of a layer beside its weights: a bias, or the scale and shift of a normalised layer."""
    return 2 if code != NONE and layer < layers - 1 else 1


@also_compiled
def joins_last_row(code: int, batch: int) -> bool:
    """Whether a single row that is left after the last mini-batch joins it: where statistics are taken over rows."""
    return batch > 1 and code in (BATCH, GHOST)


@compiled
def _ghost_end(begin: int, rows: int, n: Any) -> int:
    end = begin + n.ghost_size if n.code == GHOST else rows
    return rows if end >= rows - 1 else end


@compiled
def normalise(n: Any, z: Any, gamma: Any, here: int, before: int, training: bool) -> None:
    """Replace z by γ x̂ and keep x̂ and 1/σ for the backward pass; in training move the running statistics.

    Args:
        n: the member's normalisation.
        z: outputs of a hidden layer without bias, shape (rows, units), changed in place.
        gamma: scales, shape (units,).
        here: place of z in the buffers.
        before: units of the hidden layers before this one.
        training: whether statistics of the mini-batch are used, and not the running ones.
    """
    rows, units = z.shape
    if n.code == LAYER:
        _by_row(z, gamma, matrix(n.normal, here, rows, units), vector(n.inverse, here, rows))
        return
    running = matrix(n.running, 2 * before, 2, units)
    if not training:
        _by_running(n.code, z, gamma, running, n.scratch)
        return
    x = matrix(n.normal, here, rows, units)
    begin, ghost = 0, 0
    while begin < rows:
        end = _ghost_end(begin, rows, n)
        inverse = vector(n.inverse, here + ghost * units, units)
        _by_unit(n, z[begin:end], gamma, x[begin:end], inverse, running)
        begin = end
        ghost += 1


@compiled
def _by_unit(n: Any, z: Any, gamma: Any, x: Any, inverse: Any, running: Any) -> None:
    rows, units = z.shape
    one = z.dtype.type(1)
    epsilon = z.dtype.type(EPSILON)
    mean, variance = vector(n.scratch, 0, units), vector(n.scratch, units, units)
    for j in range(units):
        mean[j] = variance[j] = 0
    for i in range(rows):
        for j in range(units):
            mean[j] += z[i, j]
    count = z.dtype.type(rows)
    for j in range(units):
        mean[j] /= count
    for i in range(rows):
        for j in range(units):
            x[i, j] = z[i, j] - mean[j]
            variance[j] += x[i, j] * x[i, j]
    share, rest = n.momentum, one - n.momentum
    for j in range(units):
        spread = math.sqrt(variance[j] / count + epsilon)
        inverse[j] = one / spread
        running[0, j] = rest * running[0, j] + share * mean[j]
        if rows > 1:
            moved = spread if n.code == GHOST else variance[j] / (count - one)
            running[1, j] = rest * running[1, j] + share * moved
    for i in range(rows):
        for j in range(units):
            x[i, j] *= inverse[j]
            z[i, j] = gamma[j] * x[i, j]


@compiled
def _by_running(code: int, z: Any, gamma: Any, running: Any, scratch: Any) -> None:
    rows, units = z.shape
    epsilon = z.dtype.type(EPSILON)
    for j in range(units):
        scratch[j] = gamma[j] / (running[1, j] if code == GHOST else math.sqrt(running[1, j] + epsilon))
    for i in range(rows):
        for j in range(units):
            z[i, j] = scratch[j] * (z[i, j] - running[0, j])


@compiled
def _by_row(z: Any, gamma: Any, x: Any, inverse: Any) -> None:
    rows, units = z.shape
    one, count = z.dtype.type(1), z.dtype.type(units)
    epsilon = z.dtype.type(EPSILON)
    for i in range(rows):
        mean = one - one
        for j in range(units):
            mean += z[i, j]
        mean /= count
        variance = one - one
        for j in range(units):
            x[i, j] = z[i, j] - mean
            variance += x[i, j] * x[i, j]
        inverse[i] = one / math.sqrt(variance / count + epsilon)
        for j in range(units):
            x[i, j] *= inverse[i]
            z[i, j] = gamma[j] * x[i, j]


@compiled
def normalise_backward(n: Any, error: Any, gamma: Any, slope: Any, here: int) -> None:
    """Write the gradient of γ and turn ∂J/∂(γ x̂ + β) into ∂J/∂z.

    With e = γ · error, ∂J/∂z = (e - mean(e) - x̂ · mean(e x̂)) / σ, means over what the statistics were taken over.

    Args:
        n: the member's normalisation, after `normalise`.
        error: shape (rows, units), changed in place.
        gamma: scales, shape (units,).
        slope: receives ∂J/∂γ, shape (units,).
        here: place of the layer in the buffers.
    """
    rows, units = error.shape
    x = matrix(n.normal, here, rows, units)
    for j in range(units):
        slope[j] = 0
    if n.code == LAYER:
        _rows_backward(error, gamma, slope, x, vector(n.inverse, here, rows))
        return
    begin, ghost = 0, 0
    while begin < rows:
        end = _ghost_end(begin, rows, n)
        inverse = vector(n.inverse, here + ghost * units, units)
        _units_backward(error[begin:end], gamma, slope, x[begin:end], inverse, n.scratch)
        begin = end
        ghost += 1


@compiled
def _units_backward(error: Any, gamma: Any, slope: Any, x: Any, inverse: Any, scratch: Any) -> None:
    rows, units = error.shape
    sums, products = vector(scratch, 0, units), vector(scratch, units, units)
    for j in range(units):
        sums[j] = products[j] = 0
    count = error.dtype.type(rows)
    for i in range(rows):
        for j in range(units):
            sums[j] += error[i, j]
            products[j] += error[i, j] * x[i, j]
    for j in range(units):
        slope[j] += products[j]
        sums[j] /= count
        products[j] /= count
    for i in range(rows):
        for j in range(units):
            error[i, j] = (error[i, j] - sums[j] - x[i, j] * products[j]) * (gamma[j] * inverse[j])


@compiled
def _rows_backward(error: Any, gamma: Any, slope: Any, x: Any, inverse: Any) -> None:
    rows, units = error.shape
    zero, count = error.dtype.type(0), error.dtype.type(units)
    for i in range(rows):
        total, product = zero, zero
        for j in range(units):
            slope[j] += error[i, j] * x[i, j]
            error[i, j] *= gamma[j]
            total += error[i, j]
            product += error[i, j] * x[i, j]
        total /= count
        product /= count
        for j in range(units):
            error[i, j] = (error[i, j] - total - x[i, j] * product) * inverse[i]
