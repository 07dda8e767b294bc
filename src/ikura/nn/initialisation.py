"""Initialisations of weight matrices; biases begin at zero."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from ikura.errors import UsageError, nearest
from ikura.nn.noise import normal

__all__ = ["INITIALISATIONS", "initial_weights", "initialisation"]


def _scaled(scale: Callable[[int, int], float]) -> Callable[[int, int, int], np.ndarray]:
    def draw(stream: int, fan_out: int, fan_in: int) -> np.ndarray:
        return normal(stream, fan_out, fan_in) * scale(fan_in, fan_out)

    return draw


def _zeros(stream: int, fan_out: int, fan_in: int) -> np.ndarray:
    return np.zeros((fan_out, fan_in))


def _plus_minus_one(stream: int, fan_out: int, fan_in: int) -> np.ndarray:
    return 1.0 - 2.0 * ((np.arange(fan_out)[:, None] + np.arange(fan_in)[None, :]) % 2)


INITIALISATIONS: dict[str, Callable[[int, int, int], np.ndarray]] = {
    "he": _scaled(lambda fan_in, fan_out: sqrt(2 / fan_in)),
    "xavier": _scaled(lambda fan_in, fan_out: sqrt(1 / fan_in)),
    "glorot": _scaled(lambda fan_in, fan_out: sqrt(2 / (fan_in + fan_out))),
    "gaussian": _scaled(lambda fan_in, fan_out: 0.01),
    "large": _scaled(lambda fan_in, fan_out: 10.0),
    "zeros": _zeros,
    "plus_minus_one": _plus_minus_one,
}


def initial_weights(name: str, stream: int, fan_out: int, fan_in: int) -> np.ndarray:
    """Draw the initial weights of one layer.

    he: N(0, 2/fan_in), xavier: N(0, 1/fan_in), glorot: N(0, 2/(fan_in + fan_out)), gaussian: N(0, 0.01²),
    large: N(0, 10²), zeros, plus_minus_one: +1 and -1 alternating like a chessboard.

    Args:
        name: one of `INITIALISATIONS`.
        stream: key of the draws (`ikura.nn.noise.key`); entry (i, j) depends on the stream, i and j alone.
        fan_out: units of the layer.
        fan_in: inputs of the layer.

    Returns:
        float64 of shape (fan_out, fan_in), laid out as `torch.nn.Linear.weight`.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> initial_weights("plus_minus_one", 0, 2, 3).tolist()
        [[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]]

    References:
        Glorot and Bengio 2010; He et al. 2015 (arXiv:1502.01852).
    """
    return initialisation(name)(stream, fan_out, fan_in)


def initialisation(name: str) -> Callable[[int, int, int], np.ndarray]:
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
