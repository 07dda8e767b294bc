"""One member's blocks, backwards over one mini-batch of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.convolution.block import (
    errors,
    gradients,
    images_at_once,
    rows_at_once,
    sparse_gradients,
    spread,
)
from ikura.population.convolution.order import from_columns, from_rows, to_columns, to_rows
from ikura.population.convolution.patches import Window
from ikura.population.convolution.statistics import Ghosts, through_statistics
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import images_of, matrix, vector

__all__ = ["backward_blocks"]


@compiled
def backward_blocks(x: Any, w: Any, g: Any, sizes: Any, buffers: Any) -> None:
    """Write the gradients of all blocks, given the error of the last one's output in `buffers.errors`.

    Args:
        x, w, sizes, buffers: see `forward_blocks`, which has run on them.
        g: receives the gradient, in the places of w.
    """
    rows, k = x.shape[0], sizes.kernel_size
    last = sizes.blocks.shape[0] - 1
    normalised = sizes.ghost > 0
    for back in range(last + 1):
        number = last - back
        block, here, behind = sizes.blocks[number], buffers.places[number], buffers.places[number + 1]
        inputs, height, width, channels = block.inputs, block.height, block.width, block.channels
        rows_out, columns_out, first, place = block.rows_out, block.columns_out, block.first, block.place
        pooled = block.pooled == 1
        planar = number == 0
        size = inputs * channels * k * k
        more = k - 1 if number < last else 0
        above = images_of(buffers.errors, behind.image, rows, rows_out + more, columns_out + more, channels)
        error = images_of(buffers.derivative, here.cell, rows, rows_out, columns_out, channels)
        where = images_of(buffers.where, here.cell, rows, rows_out, columns_out, channels)
        shift_gradient = vector(g, place + size + channels * normalised, channels)
        errors(above, more // 2, error, shift_gradient)
        given, slope = vector(w, place, size), vector(g, place, size)
        padded_height, padded_width = height + k - 1, width + k - 1
        pixels = height * width
        lot = min(rows, images_at_once(pixels * (size // channels)))
        band = rows_at_once(pixels * (size // channels), height, pooled) if lot == 1 else height
        if pooled and not planar and not normalised:
            images = images_of(buffers.images, here.image, rows, padded_height, padded_width, inputs)
            below = images_of(buffers.errors, here.image, rows, padded_height, padded_width, inputs)
            weights = matrix(buffers.weights, 0, channels, size // channels)
            gradient = matrix(buffers.gradient, 0, channels, size // channels)
            to_rows(given, k * k, weights)
            gradient[:] = 0
            below[:] = 0
            for image in range(0, rows, lot):
                for begin in range(0, height, band):
                    window = Window(k, width, image, min(lot, rows - image), begin, min(height, begin + band))
                    sparse_gradients(images, window, error, where, weights, buffers.columns, gradient, below)
            from_rows(gradient, k * k, slope)
            continue
        if planar:
            images = x
            below = x
            gradient = matrix(g, place, channels, size // channels)
            weights = matrix(w, place, channels, size // channels)
        else:
            images = images_of(buffers.images, here.image, rows, padded_height, padded_width, inputs)
            below = images_of(buffers.errors, here.image, rows, padded_height, padded_width, inputs)
            gradient = matrix(buffers.gradient, 0, size // channels, channels)
            weights = matrix(buffers.weights, 0, size // channels, channels)
            to_columns(given, k * k, weights)
            below[:] = 0
        gradient[:] = 0
        product = matrix(buffers.product, 0, gradient.shape[0], gradient.shape[1])
        scale = np.ones(channels, w.dtype)
        if normalised:
            every = slice(first, first + channels)
            ghosts = Ghosts(sizes.ghost, buffers.mean[:, every], buffers.variance[:, every])
            gamma = slice(place + size, place + size + channels)
            through_statistics(buffers.z[here.pixel :], w[gamma], ghosts, height, width, pooled, error, where, g[gamma])
        for image in range(0, rows, lot):
            count = min(lot, rows - image)
            for begin in range(0, height, band):
                end = min(height, begin + band)
                many = count * (end - begin) * width
                start = here.pixel + (image * pixels + begin * width) * channels if normalised else 0
                z = matrix(buffers.z, start, many, channels)
                if not normalised:
                    z[:] = 0
                    for i in range(count):
                        n = image + i
                        spread(error[n], where[n], pooled, width, begin, end, i * (end - begin) * width, scale, z)
                window = Window(k, width, image, count, begin, end)
                gradients(images, planar, window, z, weights, buffers.columns, buffers.padded, product, gradient, below)
        if not planar:
            from_columns(gradient, k * k, slope)
