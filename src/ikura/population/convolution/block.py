"""One block of a mini-batch, forwards and backwards: convolution, scale and shift, maximum, activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.convolution.patches import add_patches, pad_image, patches, planar_patches
from ikura.population.convolution.pool import pool
from ikura.population.convolution.sparse import errors_of_patches, gradient_of_weights
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.activation import activate

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
def fill(
    x: Any, planar: bool, image: int, k: int, width: int, begin: int, end: int, first: int, columns: Any, padded: Any
) -> None:
    """Write the patches of some rows of an image to `columns`, shape (k · k · channels, patches) or its transpose."""
    if planar:
        pad_image(x[image], (k - 1) // 2, padded)
        planar_patches(padded, k, width, begin, end, first, columns)
    else:
        patches(x[image].reshape(x.shape[1], x.shape[2] * x.shape[3]), k, width, begin, end, first, columns)


@compiled
def convolve(
    x: Any,
    planar: bool,
    k: int,
    width: int,
    image: int,
    images: int,
    begin: int,
    end: int,
    weights: Any,
    room: Any,
    padded: Any,
    z: Any,
) -> None:
    """Convolve rows begin … end - 1 of some images: one product of their patches with the weights.

    Args:
        x: planar images, shape (rows, channels, height, width), or padded ones, shape
            (rows, height + k - 1, width + k - 1, channels).
        planar: which of the two.
        k: side of the kernel.
        width: of an image.
        image, images: the first image and their number.
        begin, end: rows.
        weights: shape (units, channels · k · k) if planar, otherwise (k · k · channels, units).
        room: for the patches, flat.
        padded: for one padded planar image.
        z: receives the result, shape (pixels, units).
    """
    pixels = (end - begin) * width
    if planar:
        size = weights.shape[1]
        columns = room[: size * images * pixels].reshape(size, images * pixels)
        for i in range(images):
            fill(x, True, image + i, k, width, begin, end, i * pixels, columns, padded)
        np.dot(columns.T, weights.T, z)
    else:
        size = weights.shape[0]
        columns = room[: size * images * pixels].reshape(images * pixels, size)
        for i in range(images):
            fill(x, False, image + i, k, width, begin, end, i * pixels, columns, padded)
        np.dot(columns, weights, z)


@compiled
def pool_and_activate(
    z: Any,
    first: int,
    width: int,
    pooled: bool,
    scale: Any,
    shift: Any,
    code: int,
    nothing: Any,
    begin: int,
    end: int,
    reach: int,
    out: Any,
    where: Any,
    derivative: Any,
) -> None:
    """Write rows begin … end - 1 of a block's output, a(max(scale · z + shift)), and the derivative a'.

    Args:
        z, first, width, pooled, scale, shift, begin, end, reach, out, where: see `pool`.
        code: of the activation.
        nothing: zeros of shape (channels,).
        derivative: receives a', shape (rows, columns, channels).
    """
    columns = derivative.shape[1]
    pool(z, first, width, pooled, scale, shift, begin, end, columns, reach, out, where)
    for i in range(begin, end):
        activate(code, out[i + reach, reach : reach + columns], nothing, derivative[i])


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
    x: Any,
    planar: bool,
    k: int,
    width: int,
    image: int,
    images: int,
    begin: int,
    end: int,
    error: Any,
    weights: Any,
    room: Any,
    padded: Any,
    product: Any,
    gradient: Any,
    wanted: bool,
    below: Any,
) -> None:
    """Add the gradient of rows begin … end - 1 of some images, given the error of every pixel.

    Args:
        x, planar, k, width, image, images, begin, end, room, padded: see `convolve`.
        error: ∂J/∂z, shape (pixels, units).
        weights: shape (k · k · channels, units); of interest only where the error of x is wanted.
        product: room of the gradient's shape.
        gradient: ∂J/∂weights is added to it, shape (units, channels · k · k) if planar, else (k · k · channels, units).
        wanted: whether the error of x is wanted; not for planar images.
        below: ∂J/∂x is added to it; the shape of x.
    """
    pixels = (end - begin) * width
    if planar:
        size = gradient.shape[1]
        columns = room[: size * images * pixels].reshape(size, images * pixels)
        for i in range(images):
            fill(x, True, image + i, k, width, begin, end, i * pixels, columns, padded)
        np.dot(error.T, columns.T, product)
    else:
        size = gradient.shape[0]
        columns = room[: size * images * pixels].reshape(images * pixels, size)
        for i in range(images):
            fill(x, False, image + i, k, width, begin, end, i * pixels, columns, padded)
        np.dot(columns.T, error, product)
        if wanted:
            np.dot(error, weights.T, columns)
            for i in range(images):
                flat = below[image + i].reshape(x.shape[1], x.shape[2] * x.shape[3])
                add_patches(columns, i * pixels, k, width, begin, end, flat)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] += product[i, j]


@compiled
def sparse_gradients(
    x: Any,
    k: int,
    width: int,
    image: int,
    images: int,
    begin: int,
    end: int,
    error: Any,
    where: Any,
    weights: Any,
    room: Any,
    gradient: Any,
    below: Any,
) -> None:
    """Add the gradient of rows begin … end - 1 of some images, given the errors of the pixels that a maximum chose.

    Args:
        x: padded images, shape (rows, height + k - 1, width + k - 1, channels).
        k, width, image, images, begin, end, room: see `convolve`; begin is even.
        error: shape (rows, height // 2, width // 2, units).
        where: which of four pixels each error belongs to; the same shape.
        weights: shape (units, k · k · channels).
        gradient: ∂J/∂weights is added to it; the same shape.
        below: ∂J/∂x is added to it; the shape of x.
    """
    pixels, size = (end - begin) * width, weights.shape[1]
    columns = room[: size * images * pixels].reshape(images * pixels, size)
    upper, lower = begin // 2, min(end // 2, error.shape[1])
    for i in range(images):
        patches(x[image + i].reshape(x.shape[1], x.shape[2] * x.shape[3]), k, width, begin, end, i * pixels, columns)
        mine, chosen = error[image + i, upper:lower], where[image + i, upper:lower]
        gradient_of_weights(columns, width, mine, chosen, i * pixels, gradient)
    if width % 2 or (end - begin) % 2:
        columns[:] = 0
    for i in range(images):
        mine, chosen = error[image + i, upper:lower], where[image + i, upper:lower]
        errors_of_patches(weights, width, mine, chosen, i * pixels, columns)
        flat = below[image + i].reshape(x.shape[1], x.shape[2] * x.shape[3])
        add_patches(columns, i * pixels, k, width, begin, end, flat)
