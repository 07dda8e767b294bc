"""Rows of a table, picked by whole numbers."""

from __future__ import annotations

import math
from typing import Any

from ikura.population.program.operations.frame import CODES, ROWS, line, opened, span

__all__ = ["embedding_backward", "embedding_forward"]

# Fields: y, W, column of the first whole number of a row, whole numbers of a row, rows of the table, size of each,
# row that is not trained (-1: none), gradient of W, whether they are summed (1) or averaged (2) over the row (0: no).


def embedding_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = W[codes]; NaN for a code that the table does not have."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, count, size, many = f.now[ROWS], f.op[3], f.op[5], f.op[8]
    every = f.now[CODES]
    codes, y = line(c, 0, rows * every), line(a, span(f.now, f.op[0]), rows * (1 if many else count) * size)
    table = line(w, f.op[1], f.op[4] * size)
    for i in range(rows):
        if many:
            for k in range(size):
                y[i * size + k] = 0
        used = 0
        for j in range(count):
            code = codes[i * every + f.op[2] + j]
            to = (i if many else i * count + j) * size
            if code < 0 or code >= f.op[4]:
                for k in range(size):
                    y[to + k] = math.nan
            elif many:
                if code != f.op[6]:
                    used += 1
                    for k in range(size):
                        y[to + k] += table[code * size + k]
            else:
                for k in range(size):
                    y[to + k] = table[code * size + k]
        if many == 2:
            for k in range(size):
                y[i * size + k] /= max(used, 1)


def embedding_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """Add the errors to the rows of the table that they came from."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    if f.op[7] < 0:
        return
    rows, count, size, many = f.now[ROWS], f.op[3], f.op[5], f.op[8]
    every = f.now[CODES]
    codes, error = line(c, 0, rows * every), line(d, span(f.now, f.op[0]), rows * (1 if many else count) * size)
    slope = line(g, f.op[1], f.op[4] * size)
    for i in range(rows):
        used = 1
        if many == 2:
            used = 0
            for j in range(count):
                used += codes[i * every + f.op[2] + j] != f.op[6]
        for j in range(count):
            code = codes[i * every + f.op[2] + j]
            if code != f.op[6] and code >= 0 and code < f.op[4]:
                from_ = (i if many else i * count + j) * size
                for k in range(size):
                    slope[code * size + k] += error[from_ + k] / used
