"""One member's forward and backward pass over one mini-batch, every matrix at its own size."""

from __future__ import annotations

from typing import Any, NamedTuple

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.activation import activate
from ikura.population.kernel.dropout import drop, stream_of_layer
from ikura.population.kernel.matrix_product import matrix_product
from ikura.population.kernel.normalisation import beside, normalise, normalise_backward
from ikura.population.kernel.views import matrix, vector

__all__ = ["Network", "backward", "embed", "forward", "rescale", "scale", "scatter"]


class Network(NamedTuple):
    """One member's network, and its buffers.

    Attributes:
        ahead: weights ahead of the layers: of factors on inputs, embeddings, encodings.
        widths: joined inputs, hidden units, outputs.
        activation: its code.
        normal: see `Normalisation`.
        dropout: rate of each hidden layer.
        a: buffer for activations and outputs, one layer after another, each of shape (rows, widths[l+1]).
        d: buffer for derivatives, in the same places.
    """

    ahead: Any
    widths: Any
    activation: Any
    normal: Any
    dropout: Any
    a: Any
    d: Any


@compiled
def embed(codes: Any, weights: Any, tables: Any, inputs: int, joined: Any) -> None:
    """Write the embeddings of a mini-batch to `joined` from column `inputs` on.

    The weights begin with the tables, (cardinality, size) each.
    """
    for i in range(joined.shape[0]):
        place, column = 0, inputs
        for t in range(tables.shape[0]):
            size = tables[t, 1]
            start = place + codes[i, t] * size
            for j in range(size):
                joined[i, column + j] = weights[start + j]
            place += tables[t, 0] * size
            column += size


@compiled
def scale(joined: Any, factors: Any, scaled: Any) -> None:
    """Write the joined inputs times their factors."""
    for i in range(joined.shape[0]):
        for j in range(joined.shape[1]):
            scaled[i, j] = joined[i, j] * factors[j]


@compiled
def rescale(error: Any, joined: Any, factors: Any, gradient: Any) -> None:
    """Write the gradients of the factors, and make errors of the scaled inputs those of the joined ones."""
    for j in range(gradient.shape[0]):
        gradient[j] = 0
    for i in range(error.shape[0]):
        for j in range(error.shape[1]):
            gradient[j] += error[i, j] * joined[i, j]
            error[i, j] *= factors[j]


@compiled
def scatter(error: Any, codes: Any, inputs: int, tables: Any, gradient: Any) -> None:
    """Add the errors of the joined inputs to the gradients of the embeddings they came from."""
    for i in range(error.shape[0]):
        place, column = 0, inputs
        for t in range(tables.shape[0]):
            size = tables[t, 1]
            start = place + codes[i, t] * size
            for j in range(size):
                gradient[start + j] += error[i, column + j]
            place += tables[t, 0] * size
            column += size


@compiled
def forward(x: Any, weights: Any, net: Any, stream: Any, first: int, training: bool) -> int:
    """Run the hidden layers and the last product, whose bias is left to the loss.

    Args:
        x: joined inputs, shape (rows, widths[0]).
        weights: the member's weights; behind those `ahead` layer l is W (widths[l+1], widths[l]) then b
            (widths[l+1],); with a normalisation γ and β stand in place of the b of a hidden layer.
        net: see `Network`; its buffers are written to.
        stream: key of the epoch's dropout noise.
        first: position in the epoch of the first row.
        training: whether units are dropped, and statistics those of the mini-batch.

    Returns:
        Where the outputs begin in `net.a`.
    """
    widths, normal, rates, a, d = net.widths, net.normal, net.dropout, net.a, net.d
    rows = x.shape[0]
    layers = widths.shape[0] - 1
    place = net.ahead
    previous = 0
    here = 0
    before = 0
    for layer in range(layers):
        n_in, n_out = widths[layer], widths[layer + 1]
        w = matrix(weights, place, n_out, n_in)
        more = beside(normal.code, layer, layers)
        place += (n_in + more) * n_out
        bias = vector(weights, place - n_out, n_out)
        z = matrix(a, here, rows, n_out)
        if layer == 0:
            matrix_product(x, w.T, z)
        else:
            matrix_product(matrix(a, previous, rows, n_in), w.T, z)
        if layer < layers - 1:
            if more == 2:
                normalise(normal, z, vector(weights, place - 2 * n_out, n_out), here, before, training)
                before += n_out
            derivative = matrix(d, here, rows, n_out)
            activate(net.activation, z, bias, derivative)
            if training and rates[layer] > 0:
                drop(z, derivative, rates[layer], stream_of_layer(stream, layer), first)
            previous = here
            here += rows * n_out
    return here


@compiled
def backward(x: Any, weights: Any, gradient: Any, net: Any, here: int, error_of_inputs: Any, wanted: bool) -> None:
    """Write the gradients of all layers, given the error ∂J/∂z of the outputs at net.a[here:].

    If `wanted`, the error of the joined inputs is written too.
    """
    widths, normal, a, d = net.widths, net.normal, net.a, net.d
    rows = x.shape[0]
    layers = widths.shape[0] - 1
    place = net.ahead
    for layer in range(layers):
        place += (widths[layer] + beside(normal.code, layer, layers)) * widths[layer + 1]
    n_out = widths[layers]
    error = matrix(a, here, rows, n_out)
    for back in range(layers):
        layer = layers - 1 - back
        n_in, n_out = widths[layer], widths[layer + 1]
        more = beside(normal.code, layer, layers)
        bias = vector(gradient, place - n_out, n_out)
        place -= (n_in + more) * n_out
        w = matrix(weights, place, n_out, n_in)
        slope = matrix(gradient, place, n_out, n_in)
        for j in range(n_out):
            bias[j] = 0
        for i in range(rows):
            for j in range(n_out):
                bias[j] += error[i, j]
        if more == 2:
            scales = place + n_in * n_out
            own, of_scales = vector(weights, scales, n_out), vector(gradient, scales, n_out)
            normalise_backward(normal, error, own, of_scales, here)
        if layer == 0:
            matrix_product(error.T, x, slope)
            if wanted:
                matrix_product(error, w, error_of_inputs)
        else:
            here -= rows * n_in
            below = matrix(a, here, rows, n_in)
            matrix_product(error.T, below, slope)
            matrix_product(error, w, below)
            derivative = matrix(d, here, rows, n_in)
            for i in range(rows):
                for j in range(n_in):
                    below[i, j] *= derivative[i, j]
            error = below
