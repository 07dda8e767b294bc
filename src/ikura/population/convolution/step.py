"""One training step of one member, and its outputs."""

from __future__ import annotations

from typing import Any

from ikura.population.convolution.dense import backward_dense, flatten, forward_dense, unflatten
from ikura.population.convolution.network import backward_blocks, forward_blocks
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.loss import loss_and_error, weigh
from ikura.population.kernel.penalty import penalise

__all__ = ["cost_and_gradient", "outputs"]


@compiled
def cost_and_gradient(
    x: Any,
    y: Any,
    task: int,
    w: Any,
    g: Any,
    sizes: Any,
    room: Any,
    running_mean: Any,
    running_spread: Any,
    rate: float,
    smoothing: Any,
    matrices: Any,
    l1: float,
    l2: float,
    stream: Any,
    first: int,
    weights_of: Any,
) -> float:
    """Compute the mean cost of a mini-batch, penalty included, and its gradient.

    Args:
        x: examples, shape (rows, channels, height, width).
        y: targets in the precision of x, shape (rows,).
        task: code of the loss.
        w: the member's parameters.
        g: receives the gradient.
        sizes, room: see `Sizes` and `Room`.
        running_mean, running_spread: moving means and variances (or deviations) of all channels, changed in place.
        rate: dropout of features and hidden units.
        smoothing: share of each label that is spread over all classes, in the precision of x.
        matrices: (place, rows, columns) of the weights that are no biases.
        l1, l2: strengths of the penalties.
        stream: key of the epoch's dropout noise.
        first: position in the epoch of the first row.
        weights_of: factor on the gradient of each example, shape (rows,); empty for none.
    """
    rows = x.shape[0]
    forward_blocks(x, w, sizes, room, running_mean, running_spread, True)
    last = sizes.blocks[sizes.blocks.shape[0] - 1]
    channels, height, width = last[3], last[6], last[7]
    place, cells = room.places[sizes.blocks.shape[0], 0], rows * channels * height * width
    features, mask = room.features[:rows], room.mask[:rows]
    flatten(room.images[place : place + cells].reshape(rows, height, width, channels), features)
    hidden, slope, out = room.hidden[:rows], room.slope[:rows], room.outputs[:rows]
    inputs, units = features.shape[1], hidden.shape[1]
    a = sizes.dense
    b = a + inputs * units
    c = b + units
    d = c + units * sizes.outputs
    first_weights, last_weights = w[a:b].reshape(units, inputs), w[c:d].reshape(sizes.outputs, units)
    forward_dense(
        features, mask, first_weights, w[b:c], hidden, slope, last_weights, out, sizes.activation, rate, stream, first,
        True,
    )  # fmt: skip
    cost = loss_and_error(task, out, w[d:], y, smoothing) / rows
    weigh(out, weights_of)
    backward_dense(
        features, mask, first_weights, g[a:b].reshape(units, inputs), g[b:c], hidden, slope, last_weights,
        g[c:d].reshape(sizes.outputs, units), g[d:], out, rate,
    )  # fmt: skip
    unflatten(features, room.errors[place : place + cells].reshape(rows, height, width, channels))
    backward_blocks(x, w, g, sizes, room)
    if l1 > 0 or l2 > 0:
        cost += penalise(w, g, matrices, w.dtype.type(l1), w.dtype.type(l2))
    return cost


@compiled
def outputs(x: Any, w: Any, sizes: Any, room: Any, running_mean: Any, running_spread: Any, out: Any) -> None:
    """Write the raw outputs of a mini-batch in evaluation mode, shape (rows, outputs)."""
    rows = x.shape[0]
    forward_blocks(x, w, sizes, room, running_mean, running_spread, False)
    last = sizes.blocks[sizes.blocks.shape[0] - 1]
    channels, height, width = last[3], last[6], last[7]
    place, cells = room.places[sizes.blocks.shape[0], 0], rows * channels * height * width
    features = room.features[:rows]
    flatten(room.images[place : place + cells].reshape(rows, height, width, channels), features)
    hidden, slope = room.hidden[:rows], room.slope[:rows]
    inputs, units = features.shape[1], hidden.shape[1]
    a = sizes.dense
    b = a + inputs * units
    c = b + units
    d = c + units * sizes.outputs
    forward_dense(
        features, features, w[a:b].reshape(units, inputs), w[b:c], hidden, slope, w[c:d].reshape(sizes.outputs, units),
        out, sizes.activation, 0.0, 0, 0, False,
    )  # fmt: skip
    for i in range(rows):
        for j in range(sizes.outputs):
            out[i, j] += w[d + j]
