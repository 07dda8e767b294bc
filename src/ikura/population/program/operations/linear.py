"""Products with a weight matrix: y = x Wᵀ + b over the last dimension."""

from __future__ import annotations

from typing import Any

from ikura.population.program.operations.frame import ROWS, block, like, line, moved, opened, span
from ikura.population.program.operations.products import multiply

__all__ = ["linear_backward", "linear_forward"]

# Fields: rows (1: of the mini-batch, 0: none), x, y, W, b (-1: none), inputs, outputs, positions of a row,
# error of x, gradient of W, gradient of b.


def linear_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = x Wᵀ + b."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    n_in, n_out = f.op[5], f.op[6]
    rows = (f.now[ROWS] if f.op[0] else 1) * f.op[7]
    below, y, matrix, one = span(f.now, f.op[1]), span(f.now, f.op[2]), f.op[3], like(w, 1)
    multiply(
        False, True, rows, n_out, n_in, one, moved(a, below), n_in, moved(w, matrix), n_in, False, moved(a, y), n_out
    )
    if f.op[4] >= 0:
        out = block(a, y, rows, n_out)
        bias = line(w, f.op[4], n_out)
        for i in range(rows):
            for j in range(n_out):
                out[i, j] += bias[j]


def linear_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂W = eᵀ x, ∂b = Σ e, ∂x = e W."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    n_in, n_out = f.op[5], f.op[6]
    rows = (f.now[ROWS] if f.op[0] else 1) * f.op[7]
    below, y, matrix, one = span(f.now, f.op[1]), span(f.now, f.op[2]), f.op[3], like(w, 1)
    e: Any = moved(d, y)
    if f.op[9] >= 0:
        add = f.op[9] == 1
        multiply(True, False, n_out, n_in, rows, one, e, n_out, moved(a, below), n_in, add, moved(g, matrix), n_in)
    if f.op[4] >= 0 and f.op[10] >= 0:
        error, bias = block(d, y, rows, n_out), line(g, f.op[4], n_out)
        for i in range(rows):
            for j in range(n_out):
                bias[j] += error[i, j]
    if f.op[8] >= 0:
        add = f.op[8] == 1
        multiply(False, False, rows, n_in, n_out, one, e, n_out, moved(w, matrix), n_in, add, moved(d, below), n_in)
