"""Copies between registers with any strides: permuted, sliced, broadcast, joined, padded; parameters and inputs."""

from __future__ import annotations

from typing import Any

from ikura.population.program.operations.frame import FEATURES, ROWS, line, opened, span

__all__ = [
    "DIMENSIONS", "copy_backward", "copy_forward", "fill_forward", "inputs_forward", "nothing", "parameter_backward",
    "parameter_forward",
]  # fmt: skip

DIMENSIONS = 6

# Fields of a copy: rows, x, y, size of a row of x (0: it has no rows), of y, place in a row of x, of y, error of x,
# then lengths, strides of x, strides of y, six each; whether all of x is covered once.


def copy_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y[strides] = x[strides]."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows = f.now[ROWS] if f.op[0] else 1
    u, v = line(a, span(f.now, f.op[1]), 1), line(a, span(f.now, f.op[2]), 1)
    m, p, q = f.op[8:14], f.op[14:20], f.op[20:26]
    for row in range(rows):
        first, second = row * f.op[3] + f.op[5], row * f.op[4] + f.op[6]
        for i in range(m[0]):
            for j in range(m[1]):
                for k in range(m[2]):
                    for h in range(m[3]):
                        at = first + i * p[0] + j * p[1] + k * p[2] + h * p[3]
                        to = second + i * q[0] + j * q[1] + k * q[2] + h * q[3]
                        for e in range(m[4]):
                            here, there = at + e * p[4], to + e * q[4]
                            if p[5] == 1 and q[5] == 1:
                                for z in range(m[5]):
                                    v[there + z] = u[here + z]
                            else:
                                for z in range(m[5]):
                                    v[there + z * q[5]] = u[here + z * p[5]]


def copy_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x[strides] += e[strides], after zeros where nothing was before."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows = f.now[ROWS] if f.op[0] else 1
    u, v = line(d, span(f.now, f.op[1]), 1), line(d, span(f.now, f.op[2]), 1)
    if f.op[7] == 0:
        size = f.op[27] * (rows if f.op[3] else 1)
        for i in range(size):
            u[i] = 0
    m, p, q = f.op[8:14], f.op[14:20], f.op[20:26]
    for row in range(rows):
        first, second = row * f.op[3] + f.op[5], row * f.op[4] + f.op[6]
        for i in range(m[0]):
            for j in range(m[1]):
                for k in range(m[2]):
                    for h in range(m[3]):
                        at = first + i * p[0] + j * p[1] + k * p[2] + h * p[3]
                        to = second + i * q[0] + j * q[1] + k * q[2] + h * q[3]
                        for e in range(m[4]):
                            here, there = at + e * p[4], to + e * q[4]
                            for z in range(m[5]):
                                u[here + z * p[5]] += v[there + z * q[5]]


# Fields of a fill: rows, y, numbers of a row. Numbers: the value.


def fill_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = a number everywhere."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count = (f.now[ROWS] if f.op[0] else 1) * f.op[2]
    y = line(a, span(f.now, f.op[1]), count)
    for i in range(count):
        y[i] = f.numbers[0]


def nothing(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """Pass nothing back."""


# Fields of inputs: rows, y, numbers of a row, place among the features of a row.


def inputs_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = features of the mini-batch."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, count, every = f.now[ROWS], f.op[2], f.now[FEATURES]
    y, features = line(a, span(f.now, f.op[1]), rows * count), line(x, 0, rows * every)
    if count == every:
        for i in range(rows * count):
            y[i] = features[i]
    else:
        for row in range(rows):
            for i in range(count):
                y[row * count + i] = features[row * every + f.op[3] + i]


# Fields of a parameter: kind (0: weight, 1: buffer), y, numbers, place, whether it has a gradient (-1: none).


def parameter_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = a parameter, or a buffer."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count = f.op[2]
    y = line(a, span(f.now, f.op[1]), count)
    values = line(s, f.op[3], count) if f.op[0] else line(w, f.op[3], count)
    for i in range(count):
        y[i] = values[i]


def parameter_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """Add the error to the gradient of the parameter."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    if f.op[4] >= 0:
        count = f.op[2]
        error, gradient = line(d, span(f.now, f.op[1]), count), line(g, f.op[3], count)
        for i in range(count):
            gradient[i] += error[i]
