"""The statistics of channels that blocks are normalised with, in ghosts, forwards and backwards."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikura.population.convolution.block import spread
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import matrix

__all__ = ["EPSILON", "Ghosts", "ghost_end", "moments", "through_statistics"]

EPSILON = 1e-5
"""Added to variances, as in `torch.nn.BatchNorm2d`."""

RUN = 256


class Ghosts(NamedTuple):
    """The statistics of one block's mini-batch.

    Attributes:
        size: examples in a ghost.
        mean, variance: of each ghost, shape (ghosts, channels).
    """

    size: Any
    mean: Any
    variance: Any


@compiled
def ghost_end(begin: int, size: int, rows: int) -> int:
    """Where the ghost that begins there ends: a single row that would be left after it is taken in."""
    end = min(rows, begin + size)
    return rows if rows - end == 1 else end


@compiled
def moments(z: Any, mean: Any, variance: Any) -> None:
    """Write each channel's mean and biased variance over z, shape (pixels, channels), in two passes."""
    pixels, channels = z.shape
    share = z.dtype.type(1.0 / pixels)
    part = np.empty_like(mean)
    mean[:] = 0
    for begin in range(0, pixels, RUN):
        part[:] = 0
        for p in range(begin, min(begin + RUN, pixels)):
            for c in range(channels):
                part[c] += z[p, c]
        for c in range(channels):
            mean[c] += part[c]
    for c in range(channels):
        mean[c] *= share
    variance[:] = 0
    for begin in range(0, pixels, RUN):
        part[:] = 0
        for p in range(begin, min(begin + RUN, pixels)):
            for c in range(channels):
                d = z[p, c] - mean[c]
                part[c] += d * d
        for c in range(channels):
            variance[c] += part[c]
    for c in range(channels):
        variance[c] *= share


@compiled
def through_statistics(
    every_z: Any, gamma: Any, ghosts: Any, height: int, width: int, pooled: bool, error: Any, where: Any, slopes: Any
) -> None:
    """Replace z by ∂J/∂z through each ghost's mean and variance, and write the gradient of the scale.

    With x̂ = (z - μ)/√(σ² + ε) and m pixels: ∂J/∂z = γ/√(σ² + ε) (e - Σe/m - x̂ Σ(e x̂)/m).

    Args:
        every_z: outputs of a block's convolution, flat, changed in place.
        gamma: scales, shape (channels,).
        ghosts: see `Ghosts`.
        height, width: of an image.
        pooled: whether four pixels became one.
        error, where: of the pixels chosen, shape (rows, height, width, channels) after the maximum.
        slopes: receives ∂J/∂γ, shape (channels,).
    """
    rows, pixels, size = error.shape[0], height * width, ghosts.size
    channels = gamma.shape[0]
    step = 2 if pooled else 1
    number = gamma.dtype.type
    total, against = np.empty(channels, gamma.dtype), np.empty(channels, gamma.dtype)
    scale, constant, slope = np.empty_like(total), np.empty_like(total), np.empty_like(total)
    inverse = np.empty_like(total)
    slopes[:] = 0
    start = 0
    end = 0
    while end < rows:
        ghost = end
        end = ghost_end(ghost, size, rows)
        many = (end - ghost) * pixels
        z = matrix(every_z, start, many, channels)
        start += many * channels
        mean, variance = ghosts.mean[ghost // size], ghosts.variance[ghost // size]
        total[:] = 0
        against[:] = 0
        for c in range(channels):
            inverse[c] = number(1) / np.sqrt(variance[c] + number(EPSILON))
        for n in range(ghost, end):
            base = (n - ghost) * pixels
            for i in range(error.shape[1]):
                for j in range(error.shape[2]):
                    p = base + i * step * width + j * step
                    for c in range(channels):
                        q = where[n, i, j, c]
                        e = error[n, i, j, c]
                        total[c] += e
                        against[c] += e * (z[p + (q >> 1) * width + (q & 1), c] - mean[c]) * inverse[c]
        share = number(1.0 / many)
        for c in range(channels):
            slopes[c] += against[c]
            scale[c] = gamma[c] * inverse[c]
            slope[c] = -scale[c] * inverse[c] * against[c] * share
            constant[c] = -scale[c] * total[c] * share - slope[c] * mean[c]
        for p in range(many):
            for c in range(channels):
                z[p, c] = constant[c] + slope[c] * z[p, c]
        for n in range(ghost, end):
            spread(error[n], where[n], pooled, width, 0, height, (n - ghost) * pixels, scale, z)
