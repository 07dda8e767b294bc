"""Dropout: numbers, or whole channels, left out by the keyed bits of `ikura.nn.noise`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel.dropout import mixed, stream_of_layer
from ikura.population.program.operations.frame import BEGIN, ROWS, STREAM, TRAINING, like, line, opened, span

__all__ = ["dropout_backward", "dropout_forward"]

# Fields: rows, x, y, factors, groups of a row that are left out together, numbers of a group, place among the
# network's dropouts, error of x. Numbers: the rate.

GOLDEN, N1, N2 = np.uint32(0x9E3779B1), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)


def dropout_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = x / (1 - rate) where kept, 0 elsewhere; y = x in evaluation."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, groups, size, rate = f.now[ROWS], f.op[4], f.op[5], f.numbers[0]
    count = groups * size
    below, y = line(a, span(f.now, f.op[1]), rows * count), line(a, span(f.now, f.op[2]), rows * count)
    if f.now[TRAINING] == 0 or rate == 0:
        for i in range(rows * count):
            y[i] = below[i]
        return
    factors = line(a, span(f.now, f.op[3]), rows * groups)
    stream = stream_of_layer(np.uint64(f.now[STREAM]), f.op[6])
    threshold = np.uint32(min(np.ceil(rate * 4294967296.0), 4294967295.0))
    scale = like(a, 1.0 / (1.0 - rate)) if rate < 1 else like(a, 0)
    zero = like(a, 0)
    for row in range(rows):
        begin = np.uint32(mixed(stream, f.now[BEGIN] + row) >> np.uint64(32))
        for j in range(groups):
            h = np.uint32(begin ^ np.uint32(np.uint32(j + 1) * GOLDEN))
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(16))) * N1)
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(15))) * N2)
            h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
            factors[row * groups + j] = scale if h >= threshold else zero
    if size == 1:
        for i in range(rows * groups):
            y[i] = below[i] * factors[i]
    else:
        for i in range(rows * groups):
            for j in range(size):
                y[i * size + j] = below[i * size + j] * factors[i]


def dropout_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = e / (1 - rate) where kept."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, groups, size, add = f.now[ROWS], f.op[4], f.op[5], f.op[7] == 1
    count, on = groups * size, f.now[TRAINING] != 0 and f.numbers[0] > 0
    passed, error = line(d, span(f.now, f.op[1]), rows * count), line(d, span(f.now, f.op[2]), rows * count)
    factors = line(a, span(f.now, f.op[3]), rows * groups)
    for i in range(rows * groups):
        share = factors[i] if on else like(a, 1)
        for j in range(i * size, (i + 1) * size):
            if add:
                passed[j] += error[j] * share
            else:
                passed[j] = error[j] * share
