"""One member's blocks, forwards over one mini-batch of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.convolution.block import convolve, images_at_once, pool_and_activate, rows_at_once
from ikura.population.convolution.order import to_columns
from ikura.population.convolution.patches import Window
from ikura.population.convolution.pool import Pooling
from ikura.population.convolution.statistics import EPSILON, ghost_end, moments
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import images_of, matrix, vector

__all__ = ["forward_blocks"]


@compiled
def forward_blocks(x: Any, w: Any, sizes: Any, buffers: Any, running: Any, training: bool) -> None:
    """Run all blocks; the last one's output is left in `buffers.images`.

    Args:
        x: examples, shape (rows, channels, height, width).
        w: the member's parameters.
        sizes: see `Sizes`.
        buffers: see `Buffers`.
        running: moving means and variances (or deviations) of all channels, shape (2, channels), updated in training
            and used otherwise.
        training: whether mini-batches are normalised with their own statistics.
    """
    rows, k = x.shape[0], sizes.kernel_size
    running_mean, running_spread = running[0], running[1]
    last = sizes.blocks.shape[0] - 1
    normalised = sizes.ghost > 0
    for number in range(last + 1):
        block, here, behind = sizes.blocks[number], buffers.places[number], buffers.places[number + 1]
        height, width, channels = block.height, block.width, block.channels
        rows_out, columns_out, first, place = block.rows_out, block.columns_out, block.first, block.place
        pooled = block.pooled == 1
        planar = number == 0
        size = block.inputs * channels * k * k
        if planar:
            images = x
            weights = matrix(w, place, channels, size // channels)
        else:
            images = images_of(buffers.images, here.image, rows, height + k - 1, width + k - 1, block.inputs)
            weights = matrix(buffers.weights, 0, size // channels, channels)
            to_columns(vector(w, place, size), k * k, weights)
        more = k - 1 if number < last else 0
        out = images_of(buffers.images, behind.image, rows, rows_out + more, columns_out + more, channels)
        derivative = images_of(buffers.derivative, here.cell, rows, rows_out, columns_out, channels)
        where = images_of(buffers.where, here.cell, rows, rows_out, columns_out, channels)
        no_bias = np.zeros(channels, w.dtype)
        scale, shift = np.ones(channels, w.dtype), np.empty(channels, w.dtype)
        if not normalised:
            for c in range(channels):
                shift[c] = w[place + size + c]
        elif not training:
            for c in range(channels):
                spread_of = running_spread[first + c]
                if not sizes.deviations:
                    spread_of = np.sqrt(spread_of + w.dtype.type(EPSILON))
                scale[c] = w[place + size + c] / spread_of
                shift[c] = w[place + size + channels + c] - running_mean[first + c] * scale[c]
        pooling = Pooling(width, pooled, scale, shift, sizes.activation, no_bias, more // 2)
        whole = training and normalised
        pixels = height * width
        lot = min(rows, images_at_once(pixels * (size // channels)))
        band = rows_at_once(pixels * (size // channels), height, pooled) if lot == 1 else height
        for image in range(0, rows, lot):
            count = min(lot, rows - image)
            for begin in range(0, height, band):
                end = min(height, begin + band)
                many = count * (end - begin) * width
                start = here.pixel + (image * pixels + begin * width) * channels if whole else 0
                z = matrix(buffers.z, start, many, channels)
                window = Window(k, width, image, count, begin, end)
                convolve(images, planar, window, weights, buffers.columns, buffers.padded, z)
                if whole:
                    continue
                upper, lower = (begin // 2, min(rows_out, end // 2)) if pooled else (begin, end)
                for i in range(count):
                    n = image + i
                    pool_and_activate(
                        z, i * (end - begin) * width, pooling, upper, lower, out[n], where[n], derivative[n]
                    )
        if whole:
            start = here.pixel
            end = 0
            while end < rows:
                ghost = end
                end = ghost_end(ghost, sizes.ghost, rows)
                many = (end - ghost) * pixels
                row = ghost // sizes.ghost
                z = matrix(buffers.z, start, many, channels)
                start += many * channels
                mean = buffers.mean[row, first : first + channels]
                variance = buffers.variance[row, first : first + channels]
                moments(z, mean, variance)
                for c in range(channels):
                    scale[c] = w[place + size + c] / np.sqrt(variance[c] + w.dtype.type(EPSILON))
                    shift[c] = w[place + size + channels + c] - mean[c] * scale[c]
                for n in range(ghost, end):
                    pool_and_activate(z, (n - ghost) * pixels, pooling, 0, rows_out, out[n], where[n], derivative[n])
                share, rest = w.dtype.type(sizes.momentum), w.dtype.type(1 - sizes.momentum)
                unbiased = w.dtype.type(many / max(many - 1, 1))
                for c in range(channels):
                    running_mean[first + c] = rest * running_mean[first + c] + share * mean[c]
                    found = np.sqrt(variance[c] + w.dtype.type(EPSILON)) if sizes.deviations else unbiased * variance[c]
                    if many > 1:
                        running_spread[first + c] = rest * running_spread[first + c] + share * found
