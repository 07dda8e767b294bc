"""One block of a mini-batch, forwards and backwards: convolution, scale and shift, maximum, activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.convolution.patches import add_patches, pad_image, patches, planar_patches
from ikura.population.convolution.pool import pool
from ikura.population.convolution.sparse import errors_of_patches, gradient_of_weights
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.activation import activate
from ikura.population.kernel.matrix_product import matrix_product
from ikura.population.kernel.views import matrix

__all__ = ["convolve", "errors", "gradients", "pool_and_activate", "sparse_gradients"]

CELLS = 1 << 16
"""Cells of a matrix of patches: with what goes with it, it stays in the second-level cache."""


@compiled
def images_at_once(cells: int) -> int:
    """Number of images whose patches are made together, where one image's have so many cells."""
    return max(1, CELLS // cells)


@compiled
def rows_at_once(cells: int, height: int, pooled: bool) -> int:
    """Number of rows of one image whose patches are made together; even where pairs of rows are pooled."""
    rows = min(height, max(1, CELLS * height // cells))
    return max(2, rows - rows % 2) if pooled and rows < height else rows


@compiled
def fill(x: Any, planar: bool, image: int, window: Any, first: int, columns: Any, padded: Any) -> None:
    """Write the patches of one image's part to `columns`, shape (k · k · channels, patches) or its transpose."""
    if planar:
        pad_image(x[image], (window.k - 1) // 2, padded)
        planar_patches(padded, window, first, columns)
    else:
        patches(matrix(x[image], 0, x.shape[1], x.shape[2] * x.shape[3]), window, first, columns)


@compiled
def convolve(x: Any, planar: bool, window: Any, weights: Any, columns: Any, padded: Any, z: Any) -> None:
    """Convolve a part of a mini-batch: one product of its patches with the weights.

    Args:
        x: planar images, shape (rows, channels, height, width), or padded ones, shape
            (rows, height + k - 1, width + k - 1, channels).
        planar: which of the two.
        window: the part, see `Window`.
        weights: shape (units, channels · k · k) if planar, otherwise (k · k · channels, units).
        columns: buffer for the patches, flat.
        padded: buffer for one padded planar image.
        z: receives the result, shape (pixels, units).
    """
    image, images, pixels = window.image, window.images, (window.end - window.begin) * window.width
    if planar:
        size = weights.shape[1]
        table = matrix(columns, 0, size, images * pixels)
        for i in range(images):
            fill(x, True, image + i, window, i * pixels, table, padded)
        matrix_product(table.T, weights.T, z)
    else:
        size = weights.shape[0]
        table = matrix(columns, 0, images * pixels, size)
        for i in range(images):
            fill(x, False, image + i, window, i * pixels, table, padded)
        matrix_product(table, weights, z)


@compiled
def pool_and_activate(
    z: Any, first: int, pooling: Any, begin: int, end: int, out: Any, where: Any, derivative: Any
) -> None:
    """Write rows begin … end - 1 of a block's output, a(max(scale · z + shift)), and the derivative a'.

    Args:
        z, first, pooling, begin, end, out, where: see `pool`.
        derivative: receives a', shape (rows, columns, channels).
    """
    columns, reach = derivative.shape[1], pooling.reach
    pool(z, first, pooling, begin, end, columns, out, where)
    for i in range(begin, end):
        activate(pooling.activation, out[i + reach, reach : reach + columns], pooling.no_bias, derivative[i])


@compiled
def errors(above: Any, reach: int, derivative: Any, total: Any) -> None:
    """Turn derivatives into errors ∂J/∂(scale · z + shift) of the pixels chosen, and add them up.

    Args:
        above: ∂J/∂a, shape (rows, height or more, width or more, channels).
        reach: where it begins.
        derivative: a', shape (rows, height, width, channels); multiplied by ∂J/∂a.
        total: receives each channel's sum, shape (channels,).
    """
    rows, height, width, channels = derivative.shape
    part = np.empty_like(total)
    total[:] = 0
    for n in range(rows):
        part[:] = 0
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    derivative[n, i, j, c] *= above[n, i + reach, j + reach, c]
                    part[c] += derivative[n, i, j, c]
        for c in range(channels):
            total[c] += part[c]


@compiled
def spread(
    error: Any, where: Any, pooled: bool, width: int, begin: int, end: int, first: int, scale: Any, out: Any
) -> None:
    """Add scale · error to the pixels it belongs to, in rows begin … end - 1 of an image."""
    step = 2 if pooled else 1
    channels = error.shape[2]
    for i in range(begin // step, min(end // step, error.shape[0])):
        for j in range(error.shape[1]):
            p = first + (i * step - begin) * width + j * step
            for c in range(channels):
                q = where[i, j, c]
                out[p + (q >> 1) * width + (q & 1), c] += scale[c] * error[i, j, c]


@compiled
def gradients(
    x: Any, planar: bool, window: Any, error: Any, weights: Any, columns: Any, padded: Any, product: Any, gradient: Any,
    below: Any,
) -> None:  # fmt: skip
    """Add the gradient of a part of a mini-batch, given the error of every pixel; planar images get no error.

    Args:
        x, planar, window, columns, padded: see `convolve`.
        error: ∂J/∂z, shape (pixels, units).
        weights: shape (k · k · channels, units); of interest only where the error of x is wanted.
        product: buffer of the gradient's shape.
        gradient: ∂J/∂weights is added to it, shape (units, channels · k · k) if planar, else (k · k · channels, units).
        below: ∂J/∂x is added to it unless x is planar; the shape of x.
    """
    image, images, pixels = window.image, window.images, (window.end - window.begin) * window.width
    if planar:
        size = gradient.shape[1]
        table = matrix(columns, 0, size, images * pixels)
        for i in range(images):
            fill(x, True, image + i, window, i * pixels, table, padded)
        matrix_product(error.T, table.T, product)
    else:
        size = gradient.shape[0]
        table = matrix(columns, 0, images * pixels, size)
        for i in range(images):
            fill(x, False, image + i, window, i * pixels, table, padded)
        matrix_product(table.T, error, product)
        matrix_product(error, weights.T, table)
        for i in range(images):
            flat = matrix(below[image + i], 0, x.shape[1], x.shape[2] * x.shape[3])
            add_patches(table, window, i * pixels, flat)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] += product[i, j]


@compiled
def sparse_gradients(
    x: Any, window: Any, error: Any, where: Any, weights: Any, columns: Any, gradient: Any, below: Any
) -> None:
    """Add the gradient of a part of a mini-batch, given the errors of the pixels that a maximum chose.

    Args:
        x: padded images, shape (rows, height + k - 1, width + k - 1, channels).
        window, columns: see `convolve`; the window's first row is even.
        error: shape (rows, height // 2, width // 2, units).
        where: which of four pixels each error belongs to; the same shape.
        weights: shape (units, k · k · channels).
        gradient: ∂J/∂weights is added to it; the same shape.
        below: ∂J/∂x is added to it; the shape of x.
    """
    width, image, images, begin, end = window.width, window.image, window.images, window.begin, window.end
    pixels, size = (end - begin) * width, weights.shape[1]
    table = matrix(columns, 0, images * pixels, size)
    upper, lower = begin // 2, min(end // 2, error.shape[1])
    for i in range(images):
        patches(matrix(x[image + i], 0, x.shape[1], x.shape[2] * x.shape[3]), window, i * pixels, table)
        mine, chosen = error[image + i, upper:lower], where[image + i, upper:lower]
        gradient_of_weights(table, width, mine, chosen, i * pixels, gradient)
    if width % 2 or (end - begin) % 2:
        table[:] = 0
    for i in range(images):
        mine, chosen = error[image + i, upper:lower], where[image + i, upper:lower]
        errors_of_patches(weights, width, mine, chosen, i * pixels, table)
        flat = matrix(below[image + i], 0, x.shape[1], x.shape[2] * x.shape[3])
        add_patches(table, window, i * pixels, flat)
