"""What follows a convolution: scale and shift of each channel, the maximum over 2 × 2 pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

from ikura.population.kernel._compile import compiled

__all__ = ["Pooling", "pool"]


class Pooling(NamedTuple):
    """What a block does to the outputs of its convolution.

    Attributes:
        width: of an image before the maximum.
        pooled: whether four pixels become one; otherwise every pixel stays.
        scale, shift: of each channel, shape (channels,).
        activation: its code.
        no_bias: zeros of shape (channels,).
        reach: where the output begins among its padding, in both directions.
    """

    width: Any
    pooled: Any
    scale: Any
    shift: Any
    activation: Any
    no_bias: Any
    reach: Any


@compiled
def pool(z: Any, first: int, pooling: Any, begin: int, end: int, columns: int, out: Any, where: Any) -> None:
    """Write max(scale · z + shift) over 2 × 2 pixels; NaN wins, then the first of equals, as in PyTorch.

    Args:
        z: outputs of a convolution, shape (pixels, channels).
        first: row of z with the first pixel of the first row of the image that is read.
        pooling: see `Pooling`.
        begin, end: rows of the output.
        columns: of the output.
        out: shape (rows or more, columns or more, channels).
        where: receives which of the four pixels it was: 0, 1 in the upper row, 2, 3 in the lower; shape
            (rows, columns, channels).
    """
    width, scale, shift, reach = pooling.width, pooling.scale, pooling.shift, pooling.reach
    channels = out.shape[2]
    for i in range(begin, end):
        for j in range(columns):
            a, b = i + reach, j + reach
            if pooling.pooled:
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
