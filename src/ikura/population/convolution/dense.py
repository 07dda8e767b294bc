"""The layers behind the convolutions: dropout, one hidden layer, outputs; forwards and backwards."""

from __future__ import annotations

from typing import Any, NamedTuple

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.activation import activate
from ikura.population.kernel.dropout import drop, stream_of_layer
from ikura.population.kernel.matrix_product import matrix_product
from ikura.population.kernel.views import matrix, vector

__all__ = ["Units", "backward_dense", "dense_of", "flatten", "forward_dense", "unflatten"]


@compiled
def flatten(images: Any, features: Any) -> None:
    """Write images (rows, height, width, channels) as PyTorch flattens them: (rows, channels · height · width)."""
    rows, height, width, channels = images.shape
    pixels = height * width
    for n in range(rows):
        flat = matrix(images[n], 0, pixels, channels)
        for c in range(channels):
            for p in range(pixels):
                features[n, c * pixels + p] = flat[p, c]


@compiled
def unflatten(features: Any, images: Any) -> None:
    """The reverse of `flatten`."""
    rows, height, width, channels = images.shape
    pixels = height * width
    for n in range(rows):
        flat = matrix(images[n], 0, pixels, channels)
        for c in range(channels):
            for p in range(pixels):
                flat[p, c] = features[n, c * pixels + p]


class Dense(NamedTuple):
    """Weights, or gradients, of the dense layers, as views into one member's flat vector.

    Attributes:
        hidden_weights, hidden_bias: shapes (units, features), (units,).
        output_weights, output_bias: shapes (outputs, units), (outputs,).
    """

    hidden_weights: Any
    hidden_bias: Any
    output_weights: Any
    output_bias: Any


@compiled
def dense_of(flat: Any, sizes: Any, features: int) -> Dense:
    """The dense layers' part of a member's weights or gradient."""
    a = sizes.dense
    b = a + features * sizes.units
    c = b + sizes.units
    d = c + sizes.units * sizes.outputs
    hidden, outputs = matrix(flat, a, sizes.units, features), matrix(flat, c, sizes.outputs, sizes.units)
    return Dense(hidden, vector(flat, b, sizes.units), outputs, vector(flat, d, sizes.outputs))


class Units(NamedTuple):
    """What the dense layers compute of one mini-batch.

    Attributes:
        features: inputs, shape (rows, features), changed in place by dropout.
        mask: receives what each feature was multiplied by; used only where units are dropped.
        hidden, slope: receive a(z) and a'(z), shape (rows, units).
        outputs: receives the outputs, shape (rows, outputs); the bias is left to the loss.
    """

    features: Any
    mask: Any
    hidden: Any
    slope: Any
    outputs: Any


@compiled
def forward_dense(units: Any, weights: Any, sizes: Any, stream: Any, first: int, training: bool) -> None:
    """Run the dense layers.

    Args:
        units: see `Units`.
        weights: see `Dense`.
        sizes: see `Sizes`.
        stream: key of the epoch's noise.
        first: position in the epoch of the first row.
        training: whether units are dropped.
    """
    if training and sizes.dropout > 0:
        units.mask[:] = 1
        drop(units.features, units.mask, sizes.dropout, stream_of_layer(stream, 1), first)
    matrix_product(units.features, weights.hidden_weights.T, units.hidden)
    activate(sizes.activation, units.hidden, weights.hidden_bias, units.slope)
    if training and sizes.dropout > 0:
        drop(units.hidden, units.slope, sizes.dropout, stream, first)
    matrix_product(units.hidden, weights.output_weights.T, units.outputs)


@compiled
def backward_dense(units: Any, weights: Any, gradient: Any, rate: float) -> None:
    """Write the gradients of the dense layers, and replace the features by their errors.

    Args:
        units: as `forward_dense` left it, with the error ∂J/∂outputs in place of the outputs; hidden is changed.
        weights, gradient: see `Dense`; gradient is written.
        rate: dropout of features and hidden units.
    """
    features, mask, hidden, slope, error = units
    matrix_product(error.T, hidden, gradient.output_weights)
    _sum_rows(error, gradient.output_bias)
    matrix_product(error, weights.output_weights, hidden)
    for i in range(hidden.shape[0]):
        for j in range(hidden.shape[1]):
            hidden[i, j] *= slope[i, j]
    matrix_product(hidden.T, features, gradient.hidden_weights)
    _sum_rows(hidden, gradient.hidden_bias)
    matrix_product(hidden, weights.hidden_weights, features)
    if rate > 0:
        for i in range(features.shape[0]):
            for j in range(features.shape[1]):
                features[i, j] *= mask[i, j]


@compiled
def _sum_rows(table: Any, total: Any) -> None:
    total[:] = 0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            total[j] += table[i, j]
