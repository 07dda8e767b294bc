"""Sums, means, maxima and softmax along an axis: x lies as (before, along, behind)."""

from __future__ import annotations

import math
from typing import Any

from ikura.population.program.operations.frame import ROWS, like, line, opened, span

__all__ = ["maximum_backward", "maximum_forward", "softmax_backward", "softmax_forward", "sum_backward", "sum_forward"]

# Fields of a sum: rows, x, y, before, along, behind (of a row), error of x. Number: a factor.


def sum_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = factor · Σ x along the axis."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    before, along, behind = (f.now[ROWS] if f.op[0] else 1) * f.op[3], f.op[4], f.op[5]
    below, y = line(a, span(f.now, f.op[1]), before * along * behind), line(a, span(f.now, f.op[2]), before * behind)
    factor = like(a, f.numbers[0])
    if behind == 1:
        for i in range(before):
            total = like(a, 0)
            for k in range(i * along, (i + 1) * along):
                total += below[k]
            y[i] = factor * total
        return
    for i in range(before):
        for k in range(behind):
            y[i * behind + k] = 0
        for j in range(along):
            begin = (i * along + j) * behind
            for k in range(behind):
                y[i * behind + k] += below[begin + k]
        for k in range(behind):
            y[i * behind + k] *= factor


def sum_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = factor · e, everywhere along the axis."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    before, along, behind = (f.now[ROWS] if f.op[0] else 1) * f.op[3], f.op[4], f.op[5]
    passed, error = (
        line(d, span(f.now, f.op[1]), before * along * behind),
        line(d, span(f.now, f.op[2]), before * behind),
    )
    factor, add = like(a, f.numbers[0]), f.op[6] == 1
    for i in range(before):
        for j in range(along):
            begin = (i * along + j) * behind
            for k in range(behind):
                v = factor * error[i * behind + k]
                passed[begin + k] = passed[begin + k] + v if add else v


# Fields of a maximum: as of a sum, and where along the axis it was.


def maximum_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = max x along the axis, the first of equal ones; NaN if one is."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    before, along, behind = (f.now[ROWS] if f.op[0] else 1) * f.op[3], f.op[4], f.op[5]
    below, y = line(a, span(f.now, f.op[1]), before * along * behind), line(a, span(f.now, f.op[2]), before * behind)
    where = line(a, span(f.now, f.op[7]), before * behind)
    for i in range(before):
        for k in range(behind):
            best, place = below[i * along * behind + k], 0
            for j in range(1, along):
                v = below[(i * along + j) * behind + k]
                if v > best or v != v:
                    best, place = v, j
            y[i * behind + k] = best
            where[i * behind + k] = place


def maximum_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = e where the maximum was."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    before, along, behind = (f.now[ROWS] if f.op[0] else 1) * f.op[3], f.op[4], f.op[5]
    passed, error = (
        line(d, span(f.now, f.op[1]), before * along * behind),
        line(d, span(f.now, f.op[2]), before * behind),
    )
    where = line(a, span(f.now, f.op[7]), before * behind)
    if f.op[6] == 0:
        for i in range(before * along * behind):
            passed[i] = 0
    for i in range(before):
        for k in range(behind):
            passed[(i * along + int(where[i * behind + k])) * behind + k] += error[i * behind + k]


# Fields of a softmax: rows, x, y, before, along, behind, error of x, whether the logarithm is wanted.


def softmax_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = e^x / Σ e^x along the axis, or its logarithm."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    before, along, behind = (f.now[ROWS] if f.op[0] else 1) * f.op[3], f.op[4], f.op[5]
    count = before * along * behind
    below, y = line(a, span(f.now, f.op[1]), count), line(a, span(f.now, f.op[2]), count)
    for i in range(before):
        for k in range(behind):
            begin = i * along * behind + k
            top = below[begin]
            for j in range(1, along):
                v = below[begin + j * behind]
                top = v if v > top or v != v else top
            total = like(a, 0)
            for j in range(along):
                v = math.exp(below[begin + j * behind] - top)
                y[begin + j * behind] = v
                total += v
            if f.op[7]:
                less = top + math.log(total)
                for j in range(along):
                    y[begin + j * behind] = below[begin + j * behind] - less
            else:
                share = like(a, 1) / total
                for j in range(along):
                    y[begin + j * behind] *= share


def softmax_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = y (e - Σ e y); of the logarithm e - e^y Σ e."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    before, along, behind = (f.now[ROWS] if f.op[0] else 1) * f.op[3], f.op[4], f.op[5]
    count = before * along * behind
    passed, error = line(d, span(f.now, f.op[1]), count), line(d, span(f.now, f.op[2]), count)
    y, add, logarithm = line(a, span(f.now, f.op[2]), count), f.op[6] == 1, f.op[7] == 1
    for i in range(before):
        for k in range(behind):
            begin, total = i * along * behind + k, like(a, 0)
            for j in range(begin, begin + along * behind, behind):
                total += error[j] if logarithm else error[j] * y[j]
            for j in range(begin, begin + along * behind, behind):
                v = error[j] - math.exp(y[j]) * total if logarithm else y[j] * (error[j] - total)
                passed[j] = passed[j] + v if add else v
