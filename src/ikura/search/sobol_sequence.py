"""Scrambled Sobol' points of few dimensions: those of `torch.quasirandom.SobolEngine`, to the bit, without PyTorch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOWN", "sobol_points"]

BITS = 30

DIRECTIONS = """
3: 1, 7: 1 3, 11: 1 3 1, 13: 1 1 1, 19: 1 1 3 3, 25: 1 3 5 13, 37: 1 1 5 5 17, 41: 1 1 5 5 5, 47: 1 1 7 11 19,
55: 1 1 5 1 1, 59: 1 1 1 3 11, 61: 1 3 5 5 31, 67: 1 3 3 9 7 49, 91: 1 1 1 15 21 21, 97: 1 3 1 13 27 49,
103: 1 1 1 15 7 5, 109: 1 3 1 15 13 25, 115: 1 1 5 5 19 61, 131: 1 3 7 11 23 15 103, 137: 1 3 7 13 13 15 69,
143: 1 1 3 13 7 35 63, 145: 1 3 5 9 1 25 53, 157: 1 3 1 13 9 35 107, 167: 1 3 1 5 27 61 31,
171: 1 1 5 11 19 41 61, 185: 1 3 5 3 3 13 69, 191: 1 1 7 13 1 19 1, 193: 1 3 7 5 13 19 59, 203: 1 1 3 9 25 29 41,
211: 1 3 5 13 23 1 55, 213: 1 3 7 3 13 59 17, 229: 1 3 1 3 5 53 69, 239: 1 1 5 5 23 33 13, 241: 1 1 7 7 1 61 123,
247: 1 1 7 9 13 61 49, 253: 1 3 3 5 3 55 33, 285: 1 3 1 15 31 13 49 245, 299: 1 3 5 15 31 59 63 97,
301: 1 3 1 11 11 11 77 249, 333: 1 3 1 11 27 43 71 9, 351: 1 1 7 15 21 11 81 45, 355: 1 3 7 3 25 31 65 79,
357: 1 3 1 1 19 11 3 205, 361: 1 1 5 9 19 21 29 157, 369: 1 3 7 11 1 33 89 185, 391: 1 3 3 3 15 9 79 71,
397: 1 3 7 11 15 39 119 27, 425: 1 1 3 1 11 31 97 225, 451: 1 1 1 3 23 43 57 177, 463: 1 3 7 7 17 17 37 71,
487: 1 3 1 5 27 63 123 213, 501: 1 1 3 5 11 43 53 133, 529: 1 3 5 5 29 17 47 173 479, 539: 1 3 3 11 3 1 109 9 69,
545: 1 1 1 5 17 39 23 5 343, 557: 1 3 1 5 25 15 31 103 499, 563: 1 1 1 11 11 17 63 105 183,
601: 1 1 5 11 9 29 97 231 363, 607: 1 1 5 15 19 45 41 7 383, 617: 1 3 7 7 31 19 83 137 221,
623: 1 1 1 3 23 15 111 223 83, 631: 1 1 5 13 31 15 55 25 161, 637: 1 1 3 13 25 47 39 87 257
"""
"""Of each dimension but the first its primitive polynomial, bits of coefficients, and initial direction numbers."""

KNOWN = 1 + DIRECTIONS.count(":")
"""Dimensions of which there are points."""


def sobol_points(dimensions: int, count: int, seed: int) -> NDArray[np.float64]:
    """Take the first points of a sequence.

    Each coordinate's direction numbers are multiplied by a random lower triangular matrix of bits with ones on its
    diagonal, and its points shifted by random bits (modulo 2).

    Args:
        dimensions: coordinates of a point, 1 to `KNOWN`.
        count: how many points, at least 1; a larger count begins with the same points.
        seed: of the Mersenne twister that the random bits are drawn with.

    Returns:
        Points in [0, 1), shape (count, dimensions).

    References:
        Joe and Kuo, Constructing Sobol' sequences with better two-dimensional projections, SIAM Journal on Scientific
        Computing 30, 2008 (the direction numbers); Matoušek, On the L2-discrepancy for anchored boxes, Journal of
        Complexity 14, 1998 (the scrambling).
    """
    twister = np.random.RandomState(seed & 0xFFFFFFFF)
    drawn = twister.randint(0, 1 << 32, dimensions * BITS * (BITS + 1), np.uint32) % 2
    places = np.arange(BITS)
    shift = (drawn[: dimensions * BITS].reshape(dimensions, BITS).astype(np.int64) << places).sum(1)
    matrices = np.tril(drawn[dimensions * BITS :].reshape(dimensions, BITS, BITS))
    matrices[:, places, places] = 1
    bits = (_direction_numbers(dimensions)[:, :, None] >> places) & 1
    # The first column of a matrix goes with the highest bit of a number, and so does its first row.
    mixed = np.einsum("djk,dpk->djp", bits, matrices[:, :, ::-1]) % 2
    numbers = (mixed.astype(np.int64) << places[::-1]).sum(2)
    steps = np.arange(count - 1)
    lowest_zero = np.log2(~steps & (steps + 1)).astype(np.int64)
    changes = np.concatenate([shift[None], numbers[:, lowest_zero].T])
    points: NDArray[np.float64] = np.bitwise_xor.accumulate(changes) / float(1 << BITS)
    # PyTorch's first point is one of single precision.
    points[0] = points[0].astype(np.float32)
    return points


def _direction_numbers(dimensions: int) -> NDArray[np.int64]:
    """Direction numbers, scaled to `BITS` bits: shape (dimensions, BITS)."""
    numbers = np.ones((dimensions, BITS), np.int64)
    for own, text in zip(numbers[1:], DIRECTIONS.split(","), strict=False):
        polynomial, first = text.split(":")
        coefficients, initial = int(polynomial), list(map(int, first.split()))
        degree = len(initial)
        own[:degree] = initial
        for j in range(degree, BITS):
            own[j] = own[j - degree]
            for k in range(degree):
                if coefficients >> (degree - 1 - k) & 1:
                    own[j] ^= own[j - k - 1] << (k + 1)
    return numbers << np.arange(BITS)[::-1]
