"""The layers behind the convolutions: dropout, one hidden layer, outputs; forwards and backwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.activation import activate
from ikura.population.kernel.dropout import drop, stream_of_layer

__all__ = ["backward_dense", "flatten", "forward_dense", "unflatten"]


@compiled
def flatten(images: Any, features: Any) -> None:
    """Write images (rows, height, width, channels) as PyTorch flattens them: (rows, channels · height · width)."""
    rows, height, width, channels = images.shape
    pixels = height * width
    for n in range(rows):
        flat = images[n].reshape(pixels, channels)
        for c in range(channels):
            for p in range(pixels):
                features[n, c * pixels + p] = flat[p, c]


@compiled
def unflatten(features: Any, images: Any) -> None:
    """The reverse of `flatten`."""
    rows, height, width, channels = images.shape
    pixels = height * width
    for n in range(rows):
        flat = images[n].reshape(pixels, channels)
        for c in range(channels):
            for p in range(pixels):
                flat[p, c] = features[n, c * pixels + p]


@compiled
def forward_dense(
    features: Any,
    mask: Any,
    first_weights: Any,
    first_bias: Any,
    hidden: Any,
    derivative: Any,
    last_weights: Any,
    out: Any,
    code: int,
    rate: float,
    stream: Any,
    first: int,
    training: bool,
) -> None:
    """Run the dense layers; the bias of the outputs is left to the loss.

    Args:
        features: shape (rows, features), changed in place by dropout.
        mask: receives what each feature was multiplied by; used only where units are dropped.
        first_weights, first_bias: of the hidden layer, shapes (units, features), (units,).
        hidden, derivative: receive a(z) and a'(z), shape (rows, units).
        last_weights: shape (outputs, units).
        out: receives the outputs, shape (rows, outputs).
        code: of the activation.
        rate: dropout of features and hidden units.
        stream: key of the epoch's noise.
        first: position in the epoch of the first row.
        training: whether units are dropped.
    """
    if training and rate > 0:
        mask[:] = 1
        drop(features, mask, rate, stream_of_layer(stream, 1), first)
    np.dot(features, first_weights.T, hidden)
    activate(code, hidden, first_bias, derivative)
    if training and rate > 0:
        drop(hidden, derivative, rate, stream, first)
    np.dot(hidden, last_weights.T, out)


@compiled
def backward_dense(
    features: Any,
    mask: Any,
    first_weights: Any,
    first_gradient: Any,
    first_bias: Any,
    hidden: Any,
    derivative: Any,
    last_weights: Any,
    last_gradient: Any,
    last_bias: Any,
    error: Any,
    rate: float,
) -> None:
    """Write the gradients of the dense layers, and replace the features by their errors.

    Args:
        features, mask, first_weights, hidden, derivative, last_weights, rate: see `forward_dense`; hidden is changed.
        first_gradient, first_bias, last_gradient, last_bias: receive the gradients.
        error: ∂J/∂outputs, shape (rows, outputs).
    """
    np.dot(error.T, hidden, last_gradient)
    _sum_rows(error, last_bias)
    np.dot(error, last_weights, hidden)
    for i in range(hidden.shape[0]):
        for j in range(hidden.shape[1]):
            hidden[i, j] *= derivative[i, j]
    np.dot(hidden.T, features, first_gradient)
    _sum_rows(hidden, first_bias)
    np.dot(hidden, first_weights, features)
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
