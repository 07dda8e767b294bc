"""Errors behind a maximum: at most one pixel in four has one. Each error times one patch, four patches in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled

__all__ = ["errors_of_patches", "gradient_of_weights"]


@compiled
def add_four(target: Any, table: Any, rows: Any, factors: Any, m: int, fresh: bool) -> None:
    """Add (or, if fresh, write) Σ factors[m + i] · table[rows[m + i]] for i = 0 … 3."""
    s0, s1, s2, s3 = table[rows[m]], table[rows[m + 1]], table[rows[m + 2]], table[rows[m + 3]]
    g0, g1, g2, g3 = factors[m], factors[m + 1], factors[m + 2], factors[m + 3]
    if fresh:
        for b in range(target.shape[0]):
            target[b] = (g0 * s0[b] + g1 * s1[b]) + (g2 * s2[b] + g3 * s3[b])
    else:
        for b in range(target.shape[0]):
            target[b] += (g0 * s0[b] + g1 * s1[b]) + (g2 * s2[b] + g3 * s3[b])


@compiled
def gradient_of_weights(columns: Any, width: int, error: Any, where: Any, first: int, gradient: Any) -> None:
    """Add the errors of one image, each times the patch it comes from, to the gradient of the weights.

    Args:
        columns: patches, shape (pixels, k · k · channels).
        width: of the image.
        error: shape (rows, columns, units).
        where: which of four pixels each error belongs to; the same shape.
        first: row of `columns` with the image's first patch.
        gradient: shape (units, k · k · channels).
    """
    cells = error.shape[0] * error.shape[1]
    rows, factors = np.zeros(cells + 4, np.int64), np.empty(cells + 4, error.dtype)
    for c in range(gradient.shape[0]):
        n = 0
        for i in range(error.shape[0]):
            for j in range(error.shape[1]):
                g = error[i, j, c]
                q = where[i, j, c]
                rows[n] = first + (2 * i + (q >> 1)) * width + 2 * j + (q & 1)
                factors[n] = g
                n += g != 0
        rows[n : n + 3] = rows[0]
        factors[n : n + 3] = 0
        for m in range(0, n, 4):
            add_four(gradient[c], columns, rows, factors, m, False)


@compiled
def errors_of_patches(weights: Any, width: int, error: Any, where: Any, first: int, columns: Any) -> None:
    """Write the errors of one image's patches: each error times its unit's weights.

    Args:
        weights: shape (units, k · k · channels).
        width, error, where, first: see `gradient_of_weights`.
        columns: errors of patches, shape (pixels, k · k · channels); patches that no maximum looks at are left alone.
    """
    units = weights.shape[0]
    rows, factors = np.zeros((4, units + 4), np.int64), np.zeros((4, units + 4), error.dtype)
    many = np.zeros(4, np.int64)
    for i in range(error.shape[0]):
        for j in range(error.shape[1]):
            many[:] = 0
            for c in range(units):
                g = error[i, j, c]
                q = where[i, j, c]
                n = many[q]
                rows[q, n] = c
                factors[q, n] = g
                many[q] = n + (g != 0)
            for q in range(4):
                target = columns[first + (2 * i + (q >> 1)) * width + 2 * j + (q & 1)]
                n = many[q]
                if n == 0:
                    target[:] = 0
                rows[q, n : n + 3] = 0
                factors[q, n : n + 3] = 0
                for m in range(0, n, 4):
                    add_four(target, weights, rows[q], factors[q], m, m == 0)
