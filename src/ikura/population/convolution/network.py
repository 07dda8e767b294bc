"""One member's forward and backward pass over one mini-batch of images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikura.population.convolution.block import (
    convolve,
    errors,
    gradients,
    images_at_once,
    pool_and_activate,
    rows_at_once,
    sparse_gradients,
    spread,
)
from ikura.population.convolution.order import from_columns, from_rows, to_columns, to_rows
from ikura.population.convolution.pool import moments
from ikura.population.kernel._compile import compiled

__all__ = ["EPSILON", "Sizes", "backward_blocks", "forward_blocks"]

EPSILON = 1e-5
"""Added to variances, as in `torch.nn.BatchNorm2d`."""


class Sizes(NamedTuple):
    """What the kernel knows of one member's network.

    Attributes:
        blocks: see `Plan.blocks`.
        kernel_size: side of the kernels.
        units: of the hidden layer.
        dense: place of the hidden layer's weights.
        outputs: raw outputs.
        activation: its code.
        ghost: examples in a ghost; 0 where blocks are not normalised.
        deviations: whether moving averages are taken of deviations, as in ghost norm, or of unbiased variances.
        momentum: share of a ghost's statistics in the moving average.
    """

    blocks: np.ndarray
    kernel_size: int
    units: int
    dense: int
    outputs: int
    activation: int
    ghost: int
    deviations: bool
    momentum: float


@compiled
def ghost_end(begin: int, size: int, rows: int) -> int:
    """Where the ghost that begins there ends: a single row that would be left after it is taken in."""
    end = min(rows, begin + size)
    return rows if rows - end == 1 else end


@compiled
def _images(room: Any, place: int, rows: int, height: int, width: int, channels: int) -> Any:
    return room[place : place + rows * height * width * channels].reshape(rows, height, width, channels)


@compiled
def forward_blocks(
    x: Any, w: Any, sizes: Any, room: Any, running_mean: Any, running_spread: Any, training: bool
) -> None:
    """Run all blocks; the last one's output is left in `room.images`.

    Args:
        x: examples, shape (rows, channels, height, width).
        w: the member's parameters.
        sizes: see `Sizes`.
        room: see `Room`.
        running_mean, running_spread: moving means and variances (or deviations) of all channels, updated in training
            and used otherwise.
        training: whether mini-batches are normalised with their own statistics.
    """
    rows, k = x.shape[0], sizes.kernel_size
    last = sizes.blocks.shape[0] - 1
    normalised = sizes.ghost > 0
    for block in range(last + 1):
        inputs, height, width, channels, pooling, place, rows_out, columns_out, first = sizes.blocks[block]
        pooled = pooling == 1
        planar = block == 0
        size = inputs * channels * k * k
        given = w[place : place + size]
        if planar:
            images = x
            matrix = given.reshape(channels, size // channels)
        else:
            images = _images(room.images, room.places[block, 0], rows, height + k - 1, width + k - 1, inputs)
            matrix = room.weights[:size].reshape(size // channels, channels)
            to_columns(given, k * k, matrix)
        more = k - 1 if block < last else 0
        reach = more // 2
        out = _images(room.images, room.places[block + 1, 0], rows, rows_out + more, columns_out + more, channels)
        cells = room.places[block, 1]
        derivative = _images(room.derivative, cells, rows, rows_out, columns_out, channels)
        where = _images(room.where, cells, rows, rows_out, columns_out, channels)
        nothing = np.zeros(channels, w.dtype)
        scale, shift = np.ones(channels, w.dtype), np.empty(channels, w.dtype)
        if not normalised:
            shift[:] = w[place + size : place + size + channels]
        elif not training:
            for c in range(channels):
                spread_of = running_spread[first + c]
                if not sizes.deviations:
                    spread_of = np.sqrt(spread_of + w.dtype.type(EPSILON))
                scale[c] = w[place + size + c] / spread_of
                shift[c] = w[place + size + channels + c] - running_mean[first + c] * scale[c]
        whole = training and normalised
        pixels = height * width
        lot = min(rows, images_at_once(pixels * (size // channels)))
        band = rows_at_once(pixels * (size // channels), height, pooled) if lot == 1 else height
        for image in range(0, rows, lot):
            count = min(lot, rows - image)
            for begin in range(0, height, band):
                end = min(height, begin + band)
                many = count * (end - begin) * width
                start = room.places[block, 2] + (image * pixels + begin * width) * channels if whole else 0
                z = room.z[start : start + many * channels].reshape(many, channels)
                convolve(images, planar, k, width, image, count, begin, end, matrix, room.columns, room.padded, z)
                if whole:
                    continue
                upper, lower = (begin // 2, min(rows_out, end // 2)) if pooled else (begin, end)
                for i in range(count):
                    n = image + i
                    pool_and_activate(
                        z, i * (end - begin) * width, width, pooled, scale, shift, sizes.activation, nothing,
                        upper, lower, reach, out[n], where[n], derivative[n],
                    )  # fmt: skip
        if whole:
            start = room.places[block, 2]
            end = 0
            while end < rows:
                ghost = end
                end = ghost_end(ghost, sizes.ghost, rows)
                many = (end - ghost) * pixels
                number = ghost // sizes.ghost
                z = room.z[start : start + many * channels].reshape(many, channels)
                start += many * channels
                mean, variance = (
                    room.mean[number, first : first + channels],
                    room.variance[number, first : first + channels],
                )
                moments(z, mean, variance)
                for c in range(channels):
                    scale[c] = w[place + size + c] / np.sqrt(variance[c] + w.dtype.type(EPSILON))
                    shift[c] = w[place + size + channels + c] - mean[c] * scale[c]
                for n in range(ghost, end):
                    pool_and_activate(
                        z, (n - ghost) * pixels, width, pooled, scale, shift, sizes.activation, nothing,
                        0, rows_out, reach, out[n], where[n], derivative[n],
                    )  # fmt: skip
                share, rest = w.dtype.type(sizes.momentum), w.dtype.type(1 - sizes.momentum)
                unbiased = w.dtype.type(many / max(many - 1, 1))
                for c in range(channels):
                    running_mean[first + c] = rest * running_mean[first + c] + share * mean[c]
                    found = np.sqrt(variance[c] + w.dtype.type(EPSILON)) if sizes.deviations else unbiased * variance[c]
                    if many > 1:
                        running_spread[first + c] = rest * running_spread[first + c] + share * found


@compiled
def backward_blocks(x: Any, w: Any, g: Any, sizes: Any, room: Any) -> None:
    """Write the gradients of all blocks, given the error of the last one's output in `room.errors`.

    Args:
        x, w, sizes, room: see `forward_blocks`, which has run on them.
        g: receives the gradient, in the places of w.
    """
    rows, k = x.shape[0], sizes.kernel_size
    last = sizes.blocks.shape[0] - 1
    normalised = sizes.ghost > 0
    for back in range(last + 1):
        block = last - back
        inputs, height, width, channels, pooling, place, rows_out, columns_out, first = sizes.blocks[block]
        pooled = pooling == 1
        planar = block == 0
        size = inputs * channels * k * k
        more = k - 1 if block < last else 0
        above = _images(room.errors, room.places[block + 1, 0], rows, rows_out + more, columns_out + more, channels)
        cells = room.places[block, 1]
        error = _images(room.derivative, cells, rows, rows_out, columns_out, channels)
        where = _images(room.where, cells, rows, rows_out, columns_out, channels)
        shift_gradient = g[place + size + channels * normalised : place + size + channels * (1 + normalised)]
        errors(above, more // 2, error, shift_gradient)
        given, slope = w[place : place + size], g[place : place + size]
        padded_height, padded_width = height + k - 1, width + k - 1
        at = room.places[block, 0]
        pixels = height * width
        lot = min(rows, images_at_once(pixels * (size // channels)))
        band = rows_at_once(pixels * (size // channels), height, pooled) if lot == 1 else height
        if pooled and not planar and not normalised:
            images = _images(room.images, at, rows, padded_height, padded_width, inputs)
            below = _images(room.errors, at, rows, padded_height, padded_width, inputs)
            matrix = room.weights[:size].reshape(channels, size // channels)
            gradient = room.gradient[:size].reshape(channels, size // channels)
            to_rows(given, k * k, matrix)
            gradient[:] = 0
            below[:] = 0
            for image in range(0, rows, lot):
                for begin in range(0, height, band):
                    sparse_gradients(
                        images, k, width, image, min(lot, rows - image), begin, min(height, begin + band), error, where,
                        matrix, room.columns, gradient, below,
                    )  # fmt: skip
            from_rows(gradient, k * k, slope)
            continue
        if planar:
            images = x
            below = x
            gradient = slope.reshape(channels, size // channels)
            matrix = given.reshape(channels, size // channels)
        else:
            images = _images(room.images, at, rows, padded_height, padded_width, inputs)
            below = _images(room.errors, at, rows, padded_height, padded_width, inputs)
            gradient = room.gradient[:size].reshape(size // channels, channels)
            matrix = room.weights[:size].reshape(size // channels, channels)
            to_columns(given, k * k, matrix)
            below[:] = 0
        gradient[:] = 0
        product = room.product[:size].reshape(gradient.shape)
        scale = np.ones(channels, w.dtype)
        if normalised:
            scale_gradient = g[place + size : place + size + channels]
            _through_statistics(
                room.z[room.places[block, 2] :], w[place + size : place + size + channels], rows, width, pixels,
                sizes.ghost, pooled, room.mean[:, first : first + channels], room.variance[:, first : first + channels],
                error, where, scale_gradient,
            )  # fmt: skip
        for image in range(0, rows, lot):
            count = min(lot, rows - image)
            for begin in range(0, height, band):
                end = min(height, begin + band)
                many = count * (end - begin) * width
                start = room.places[block, 2] + (image * pixels + begin * width) * channels if normalised else 0
                z = room.z[start : start + many * channels].reshape(many, channels)
                if not normalised:
                    z[:] = 0
                    for i in range(count):
                        n = image + i
                        spread(error[n], where[n], pooled, width, begin, end, i * (end - begin) * width, scale, z)
                gradients(
                    images, planar, k, width, image, count, begin, end, z, matrix, room.columns, room.padded, product,
                    gradient, not planar, below,
                )  # fmt: skip
        if not planar:
            from_columns(gradient, k * k, slope)


@compiled
def _through_statistics(
    room: Any,
    gamma: Any,
    rows: int,
    width: int,
    pixels: int,
    size: int,
    pooled: bool,
    means: Any,
    variances: Any,
    error: Any,
    where: Any,
    scale_gradient: Any,
) -> None:
    """Replace z by ∂J/∂z through each ghost's mean and variance, and write the gradient of the scale.

    With x̂ = (z - μ)/√(σ² + ε) and m pixels: ∂J/∂z = γ/√(σ² + ε) (e - Σe/m - x̂ Σ(e x̂)/m).
    """
    channels = gamma.shape[0]
    step = 2 if pooled else 1
    number = gamma.dtype.type
    total, against = np.empty(channels, gamma.dtype), np.empty(channels, gamma.dtype)
    scale, constant, slope = np.empty_like(total), np.empty_like(total), np.empty_like(total)
    inverse = np.empty_like(total)
    scale_gradient[:] = 0
    start = 0
    end = 0
    while end < rows:
        ghost = end
        end = ghost_end(ghost, size, rows)
        many = (end - ghost) * pixels
        z = room[start : start + many * channels].reshape(many, channels)
        start += many * channels
        mean, variance = means[ghost // size], variances[ghost // size]
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
            scale_gradient[c] += against[c]
            scale[c] = gamma[c] * inverse[c]
            slope[c] = -scale[c] * inverse[c] * against[c] * share
            constant[c] = -scale[c] * total[c] * share - slope[c] * mean[c]
        for p in range(many):
            for c in range(channels):
                z[p, c] = constant[c] + slope[c] * z[p, c]
        for n in range(ghost, end):
            spread(error[n], where[n], pooled, width, 0, pixels // width, (n - ghost) * pixels, scale, z)
