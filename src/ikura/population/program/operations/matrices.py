"""Products of two computed matrices, one for each example and head."""

from __future__ import annotations

from typing import Any

from ikura.population.program.operations.frame import ROWS, like, moved, opened, span
from ikura.population.program.operations.products import multiply

__all__ = ["matrices_backward", "matrices_forward"]

# Fields: rows, x, z, y, matrices of a row, m, n, k, whether x has rows, whether z has, whether z lies turned (n, k),
# error of x, error of z, whether z is one for all matrices. Number: a factor.


def matrices_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = factor · x z, or factor · x zᵀ."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, each, m, width, k = (f.now[ROWS] if f.op[0] else 1), f.op[4], f.op[5], f.op[6], f.op[7]
    u, v, y = span(f.now, f.op[1]), span(f.now, f.op[2]), span(f.now, f.op[3])
    turned, factor = f.op[10] == 1, like(a, f.numbers[0])
    ldz = k if turned else width
    if f.op[13] and not f.op[9] and f.op[8]:
        m, rows, each = m * rows * each, 1, 1
    for row in range(rows):
        for i in range(each):
            first = u + ((row if f.op[8] else 0) * each + i) * m * k
            second = v + ((row if f.op[9] else 0) * (1 if f.op[13] else each) + (0 if f.op[13] else i)) * k * width
            to = y + (row * each + i) * m * width
            multiply(
                False,
                turned,
                m,
                width,
                k,
                factor,
                moved(a, first),
                k,
                moved(a, second),
                ldz,
                False,
                moved(a, to),
                width,
            )


def matrices_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = factor · e zᵀ, ∂z = factor · xᵀ e."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, each, m, width, k = (f.now[ROWS] if f.op[0] else 1), f.op[4], f.op[5], f.op[6], f.op[7]
    u, v, y = span(f.now, f.op[1]), span(f.now, f.op[2]), span(f.now, f.op[3])
    turned, factor = f.op[10] == 1, like(a, f.numbers[0])
    ldz = k if turned else width
    if f.op[13] and not f.op[9] and f.op[8]:
        m, rows, each = m * rows * each, 1, 1
    for row in range(rows):
        for i in range(each):
            first = u + ((row if f.op[8] else 0) * each + i) * m * k
            second = v + ((row if f.op[9] else 0) * (1 if f.op[13] else each) + (0 if f.op[13] else i)) * k * width
            e = moved(d, y + (row * each + i) * m * width)
            if f.op[11] >= 0:
                add = f.op[11] == 1 or (not f.op[8] and row > 0)
                multiply(
                    False, not turned, m, k, width, factor, e, width, moved(a, second), ldz, add, moved(d, first), k
                )
            if f.op[12] >= 0:
                add = f.op[12] == 1 or (not f.op[9] and row > 0) or (f.op[13] == 1 and i > 0)
                if turned:
                    multiply(True, False, width, k, m, factor, e, width, moved(a, first), k, add, moved(d, second), k)
                else:
                    multiply(
                        True, False, k, width, m, factor, moved(a, first), k, e, width, add, moved(d, second), width
                    )
