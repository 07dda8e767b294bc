"""The 3-5-1 network of the parity experiment, compiled: sigmoids, squared error, updates after each example."""

from __future__ import annotations

from itertools import combinations

import numba
import numpy as np

__all__ = ["PATTERNS", "SUBSETS", "TARGETS", "initial", "sweep", "trace"]

HIDDEN = 5
PATTERNS = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], np.float64)
TARGETS = (PATTERNS.sum(1) % 2 == 0).astype(np.float64)
"""1 where the number of ones is even."""
SUBSETS = np.array(list(combinations(range(8), 6)))
"""All ways to choose six of the eight patterns, shape (28, 6)."""


def initial() -> tuple[np.ndarray, np.ndarray]:
    """The initial weights, +1 and -1 in turn, a unit's bias last.

    Returns:
        Of the hidden units, shape (5, 4), and of the output, shape (6,).
    """
    return (
        np.where(np.arange(HIDDEN * 4) % 2 == 0, 1.0, -1.0).reshape(HIDDEN, 4),
        np.where(np.arange(HIDDEN + 1) % 2 == 0, 1.0, -1.0),
    )


@numba.njit(cache=True, nogil=True)
def _pass(x: np.ndarray, t: np.ndarray, w: np.ndarray, v: np.ndarray, rate: float, errors: np.ndarray) -> float:
    """One pass: for each example, cost (y - t)²/2, w ← w - rate · gradient. Returns the largest error |y - t|."""
    hidden = np.empty(len(w))
    worst = 0.0
    for i in range(len(t)):
        z = v[len(w)]
        for j in range(len(w)):
            a = w[j, 3]
            for k in range(3):
                a += w[j, k] * x[i, k]
            hidden[j] = 1.0 / (1.0 + np.exp(-a))
            z += v[j] * hidden[j]
        y = 1.0 / (1.0 + np.exp(-z))
        errors[i] = abs(y - t[i])
        worst = max(worst, errors[i])
        d = (y - t[i]) * y * (1.0 - y)
        for j in range(len(w)):
            g = d * v[j] * hidden[j] * (1.0 - hidden[j])
            v[j] -= rate * d * hidden[j]
            for k in range(3):
                w[j, k] -= rate * g * x[i, k]
            w[j, 3] -= rate * g
        v[len(w)] -= rate * d
    return worst


@numba.njit(cache=True, nogil=True)
def sweep(
    x: np.ndarray, t: np.ndarray, w0: np.ndarray, v0: np.ndarray, rates: np.ndarray, goal: float, most: int
) -> np.ndarray:
    """Train a population that differs in the learning rate alone, each member until all its errors are below the goal.

    Args:
        x, t: the examples in their order, shapes (rows, 3) and (rows,).
        w0, v0: initial weights of all members, as `initial`.
        rates: learning rate of each member.
        goal: what every |y - t| must fall below.
        most: passes after which a member is given up.

    Returns:
        Passes of each member, 0 for those given up.
    """
    passes = np.zeros(len(rates), np.int64)
    errors = np.empty(len(t))
    for member in range(len(rates)):
        w, v = w0.copy(), v0.copy()
        for number in range(most):
            if _pass(x, t, w, v, rates[member], errors) < goal:
                passes[member] = number + 1
                break
    return passes


@numba.njit(cache=True, nogil=True)
def trace(
    x: np.ndarray, t: np.ndarray, w0: np.ndarray, v0: np.ndarray, rate: float, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Record a member's way.

    Args:
        x, t, w0, v0, rate: as for `sweep`.
        wanted: numbers of passes after which to look, ascending, from 1.

    Returns:
        Errors |y - t| in that pass, shape (looks, rows), and all weights after it, shape (looks, 26).
    """
    w, v = w0.copy(), v0.copy()
    every, ways = np.empty((len(wanted), len(t))), np.empty((len(wanted), w.size + v.size))
    errors = np.empty(len(t))
    done = 0
    for look in range(len(wanted)):
        while done < wanted[look]:
            _pass(x, t, w, v, rate, errors)
            done += 1
        every[look] = errors
        ways[look, : w.size] = w.ravel()
        ways[look, w.size :] = v
    return every, ways
