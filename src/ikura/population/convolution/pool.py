"""What follows a convolution: scale and shift of each channel, the maximum over 2 × 2 pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled

__all__ = ["moments", "pool"]

RUN = 256


@compiled
def pool(
    z: Any,
    first: int,
    width: int,
    pooled: bool,
    scale: Any,
    shift: Any,
    begin: int,
    end: int,
    columns: int,
    reach: int,
    out: Any,
    where: Any,
) -> None:
    """Write max(scale · z + shift) over 2 × 2 pixels; NaN wins, then the first of equals, as in PyTorch.

    Args:
        z: outputs of a convolution, shape (pixels, channels).
        first: row of z with the first pixel of the first row of the image that is read.
        width: of the image.
        pooled: whether four pixels become one; otherwise every pixel stays.
        scale, shift: shape (channels,).
        begin, end: rows of the output.
        columns: of the output.
        reach: where the output begins in `out`, in both directions.
        out: shape (rows or more, columns or more, channels).
        where: receives which of the four pixels it was: 0, 1 in the upper row, 2, 3 in the lower; shape
            (rows, columns, channels).
    """
    channels = out.shape[2]
    for i in range(begin, end):
        for j in range(columns):
            a, b = i + reach, j + reach
            if pooled:
                p = first + 2 * ((i - begin) * width + j)
                q = p + width
                for c in range(channels):
                    s, t = scale[c], shift[c]
                    best = z[p, c] * s + t
                    at = 0
                    v = z[p + 1, c] * s + t
                    if v > best or v != v:
                        best = v
                        at = 1
                    v = z[q, c] * s + t
                    if v > best or v != v:
                        best = v
                        at = 2
                    v = z[q + 1, c] * s + t
                    if v > best or v != v:
                        best = v
                        at = 3
                    out[a, b, c] = best
                    where[i, j, c] = at
            else:
                p = first + (i - begin) * width + j
                for c in range(channels):
                    out[a, b, c] = z[p, c] * scale[c] + shift[c]
                    where[i, j, c] = 0


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
