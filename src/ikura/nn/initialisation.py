"""Initialisations of weight matrices; biases begin at zero."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Protocol

import numpy as np

from ikura.errors import UsageError, nearest
from ikura.lazy_torch import nn, torch
from ikura.nn.noise import key, normal

__all__ = ["INITIALISATIONS", "initial_weights", "initialisation", "initialise"]


class Initialisation(Protocol):
    """Draws the weights of one layer."""

    def __call__(self, stream: int, fan_out: int, fan_in: int, field: int = 1) -> np.ndarray:
        """Draw a matrix of shape (fan_out, fan_in).

        Args:
            stream: key of the draws.
            fan_out: units, or output channels.
            fan_in: inputs of a unit; for a convolution channels · field.
            field: cells of a convolution's kernel, each of which adds to what a weight's input goes out to.
        """
        ...


def _scaled(scale: Callable[[int, int], float]) -> Initialisation:
    def draw(stream: int, fan_out: int, fan_in: int, field: int = 1) -> np.ndarray:
        return normal(stream, fan_out, fan_in) * scale(fan_in, fan_out * field)

    return draw


def _zeros(stream: int, fan_out: int, fan_in: int, field: int = 1) -> np.ndarray:
    return np.zeros((fan_out, fan_in))


def _plus_minus_one(stream: int, fan_out: int, fan_in: int, field: int = 1) -> np.ndarray:
    return 1.0 - 2.0 * ((np.arange(fan_out)[:, None] + np.arange(fan_in)[None, :]) % 2)


def _orthogonal(stream: int, fan_out: int, fan_in: int, field: int = 1) -> np.ndarray:
    draws = normal(stream, fan_out, fan_in)
    q, r = np.linalg.qr(draws if fan_out >= fan_in else draws.T)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q if fan_out >= fan_in else q.T)


INITIALISATIONS: dict[str, Initialisation] = {
    "he": _scaled(lambda fan_in, fan_out: sqrt(2 / fan_in)),
    "xavier": _scaled(lambda fan_in, fan_out: sqrt(1 / fan_in)),
    "glorot": _scaled(lambda fan_in, fan_out: sqrt(2 / (fan_in + fan_out))),
    "orthogonal": _orthogonal,
    "gaussian": _scaled(lambda fan_in, fan_out: 0.01),
    "large": _scaled(lambda fan_in, fan_out: 10.0),
    "zeros": _zeros,
    "plus_minus_one": _plus_minus_one,
}
"""Name to how the weights of a layer are drawn."""


def initial_weights(name: str, stream: int, fan_out: int, fan_in: int, scale: float = 1.0) -> np.ndarray:
    """Draw the initial weights of one layer.

    he: N(0, 2/fan_in), xavier: N(0, 1/fan_in), glorot: N(0, 2/(fan_in + fan_out)), gaussian: N(0, 0.01²),
    large: N(0, 10²), zeros, plus_minus_one: +1 and -1 alternating like a chessboard, orthogonal: rows (or columns,
    where there are fewer of them) of length one at right angles, W Wᵀ = I, uniform over all such matrices.

    Args:
        name: one of `INITIALISATIONS`.
        stream: key of the draws (`ikura.nn.noise.key`). Entry (i, j) depends on the stream, i and j alone, so a
            narrower layer begins, up to its scale, as the corner of a wider one; not so an orthogonal one, whose
            entries depend on all of its draws.
        fan_out: units of the layer.
        fan_in: inputs of the layer.
        scale: factor on all weights.

    Returns:
        float64 of shape (fan_out, fan_in), laid out as `torch.nn.Linear.weight`.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> initial_weights("plus_minus_one", 0, 2, 3, scale=0.5).tolist()
        [[0.5, -0.5, 0.5], [-0.5, 0.5, -0.5]]

    References:
        Glorot and Bengio 2010; He et al. 2015 (arXiv:1502.01852); Saxe et al. 2014 (arXiv:1312.6120);
        Mezzadri 2007 (arXiv:math-ph/0609050), the signs that make the orthogonal draw uniform.
    """
    weights = initialisation(name)(stream, fan_out, fan_in)
    return weights if scale == 1 else weights * scale


def initialisation(name: str) -> Initialisation:
    """Look an initialisation up by name.

    Returns:
        The function of (stream, fan_out, fan_in) that draws the weights.

    Raises:
        UsageError: the name is unknown.
    """
    if name not in INITIALISATIONS:
        known = ", ".join(INITIALISATIONS)
        raise UsageError(f"unknown initialisation {name!r}{nearest(str(name), INITIALISATIONS)}: use {known}")
    return INITIALISATIONS[name]


def initialise(module: nn.Module, name: str, stream: int, scale: float = 1.0, by_fan_out: bool = False) -> nn.Module:
    """Draw the weights of every linear and convolutional layer of a module anew, and set their biases to zero.

    A convolution's weights of shape (out, in / groups, *kernel) are drawn as the matrix (out, in / groups · cells of
    the kernel); its fan_in is the width of that matrix, its fan_out is out · cells of the kernel, as torch counts them.
    Each layer's draws are keyed by the stream and the layer's name.

    Args:
        module: any module, changed in place; layers that are neither linear nor convolutional stay as they are.
        name: one of `INITIALISATIONS`.
        stream: key of the draws.
        scale: factor on all weights.
        by_fan_out: whether he and xavier divide by fan_out in place of fan_in, which keeps the size of the errors that
            go backwards; it makes no difference to the others.

    Returns:
        The module.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> net = initialise(nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(4, 1)), "zeros", stream=0)
        >>> bool(net[0].weight.any())
        False
    """
    draw = initialisation(name)
    for place, layer in module.named_modules():
        if not isinstance(layer, (nn.Linear, nn.modules.conv._ConvNd)):
            continue
        units, fan_in, field = len(layer.weight), layer.weight[0].numel(), prod(layer.weight.shape[2:])
        weights = draw(key(stream, place), units, fan_in, field)
        if by_fan_out and name in ("he", "xavier"):
            weights = weights * sqrt(fan_in / (units * field))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights * scale).reshape(layer.weight.shape))
            if layer.bias is not None:
                layer.bias.zero_()
    return module
