"""One training step of one member, and its outputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikura.population.convolution.backward import backward_blocks
from ikura.population.convolution.dense import Units, backward_dense, dense_of, flatten, forward_dense, unflatten
from ikura.population.convolution.forward import forward_blocks
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.loss import loss_and_error, weigh
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.views import images_of

__all__ = ["Batch", "cost_and_gradient", "outputs"]


class Batch(NamedTuple):
    """One mini-batch.

    Attributes:
        x: examples, shape (rows, channels, height, width).
        y: targets in the precision of x, shape (rows,).
        loss: see `KernelLoss`.
        smoothing: share of each label that is spread over all classes, in the precision of x.
        weights: of the examples, in the precision of x, shape (rows,); (0,) where they count alike.
        factors: on the gradient of each example, shape (rows,); empty for none.
        stream: key of the epoch's dropout noise.
        first: position in the epoch of the first row.
    """

    x: Any
    y: Any
    loss: Any
    smoothing: Any
    weights: Any
    factors: Any
    stream: Any
    first: Any


@compiled
def _last_images(buffer: Any, rows: int, sizes: Any, buffers: Any) -> Any:
    """What the last block left in a flat buffer: shape (rows, height, width, channels)."""
    count = sizes.blocks.shape[0]
    last, place = sizes.blocks[count - 1], buffers.places[count].image
    return images_of(buffer, place, rows, last.rows_out, last.columns_out, last.channels)


@compiled
def cost_and_gradient(
    batch: Any, w: Any, g: Any, sizes: Any, buffers: Any, running: Any, l1: float, l2: float
) -> float:
    """Compute the mean cost of a mini-batch, penalty included, and its gradient.

    Args:
        batch: see `Batch`.
        w: the member's parameters.
        g: receives the gradient.
        sizes, buffers: see `Sizes` and `Buffers`.
        running: moving means and variances (or deviations) of all channels, shape (2, channels), changed in place.
        l1, l2: strengths of the penalties.
    """
    x, rows = batch.x, batch.x.shape[0]
    forward_blocks(x, w, sizes, buffers, running, True)
    features = buffers.features[:rows]
    units = Units(features, buffers.mask[:rows], buffers.hidden[:rows], buffers.slope[:rows], buffers.outputs[:rows])
    flatten(_last_images(buffers.images, rows, sizes, buffers), features)
    weights = dense_of(w, sizes, features.shape[1])
    forward_dense(units, weights, sizes, batch.stream, batch.first, True)
    bias, smoothing = weights.output_bias, batch.smoothing
    loss = batch.loss
    cost = loss_and_error(loss.code, loss.parameter, units.outputs, bias, batch.y, batch.weights, smoothing) / rows
    weigh(units.outputs, batch.factors)
    backward_dense(units, weights, dense_of(g, sizes, features.shape[1]), sizes.dropout)
    unflatten(features, _last_images(buffers.errors, rows, sizes, buffers))
    backward_blocks(x, w, g, sizes, buffers)
    if l1 > 0 or l2 > 0:
        cost += penalise(w, g, sizes.matrices, w.dtype.type(l1), w.dtype.type(l2))
    return cost


@compiled
def outputs(x: Any, w: Any, sizes: Any, buffers: Any, running: Any, out: Any) -> None:
    """Write the raw outputs of a mini-batch in evaluation mode, shape (rows, outputs)."""
    rows = x.shape[0]
    forward_blocks(x, w, sizes, buffers, running, False)
    features = buffers.features[:rows]
    units = Units(features, features, buffers.hidden[:rows], buffers.slope[:rows], out)
    flatten(_last_images(buffers.images, rows, sizes, buffers), features)
    weights = dense_of(w, sizes, features.shape[1])
    forward_dense(units, weights, sizes, np.uint64(0), 0, False)
    for i in range(rows):
        for j in range(sizes.outputs):
            out[i, j] += weights.output_bias[j]
