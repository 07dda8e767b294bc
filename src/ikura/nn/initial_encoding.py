"""Initial parameters of learnt encodings."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from ikura.nn.encoding import NumericEncoding
from ikura.nn.noise import bits, key, normal

__all__ = ["initial_encoding"]


def initial_encoding(encoding: NumericEncoding, seed: int, sigma: float) -> list[np.ndarray]:
    """Draw the initial parameters of an encoding, flat and in their order.

    Frequencies are N(0, σ²), phases uniform on [-π, π], weights N(0, 2 / waves), which gives sums of waves the variance
    1, and biases 0; the draws are keyed by seed, column, and frequency or number.

    Args:
        encoding: the encoding.
        seed: of the member.
        sigma: σ, in waves per standard deviation of a column.

    Returns:
        An array for each parameter; none of an encoding that learns nothing.
    """
    if not encoding.learns:
        return []
    count, frequencies = len(encoding.columns), encoding.frequencies
    drawn: dict[str, np.ndarray] = {"frequencies": sigma * normal(key(seed, "frequencies"), count, frequencies)}
    if encoding.kind == "pbld":
        cells = bits(key(seed, "phases"), count, frequencies).astype(np.float64)
        drawn["phases"] = pi * (2 * (cells + 0.5) / 2.0**32 - 1)
    weights = [normal(key(seed, "waves", column), encoding.mixed, encoding.waves) for column in range(count)]
    drawn["weight"] = np.concatenate(weights) * sqrt(2 / encoding.waves)
    drawn["bias"] = np.zeros(count * encoding.mixed)
    return [drawn[name].ravel() for name in encoding.parameters]
