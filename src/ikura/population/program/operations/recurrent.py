"""Recurrent layers, one direction at a time: x lies as (steps, inputs) of a row, the states as (steps, units)."""

from __future__ import annotations

from typing import Any

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.activation import hyperbolic_tangent
from ikura.population.program.operations.frame import ROWS, like, line, moved, opened, span
from ikura.population.program.operations.products import multiply

__all__ = [
    "gru_backward", "gru_forward", "lstm_backward", "lstm_forward", "plain_backward", "plain_forward",
]  # fmt: skip

# Fields: x, h, gates, state beside h (cells; candidates of the reset; none), W of inputs, W of h, b of inputs (-1:
# none), b of h, steps, inputs, units, whether the last step comes first, error of x, gradient of the weights, of the
# biases, whether the plain layer is cut at zero instead of bent by tanh.


@compiled
def _sigmoid(z: Any, half: Any) -> Any:
    return half + half * hyperbolic_tangent(half * z)


@compiled
def _enter(f: Any, a: Any, w: Any, gates: int, count: int) -> None:
    """gates = x Wᵀ + b, of all steps."""
    rows, width, wide = f.now[ROWS] * f.op[8], f.op[9], f.op[10] * count
    multiply(
        False, True, rows, wide, width, like(a, 1), moved(a, span(f.now, f.op[0])), width, moved(w, f.op[4]), width,
        False, moved(a, gates), wide,
    )  # fmt: skip
    if f.op[6] >= 0:
        bias = line(w, f.op[6], wide)
        for i in range(rows):
            row = line(a, gates + i * wide, wide)
            for j in range(wide):
                row[j] += bias[j]


@compiled
def _leave(f: Any, a: Any, d: Any, w: Any, g: Any, gates: int, count: int, through: Any) -> None:
    """∂W, ∂b and ∂x of what entered, given the errors of the gates; `through` are those that meet h."""
    rows, steps, width, units = f.now[ROWS], f.op[8], f.op[9], f.op[10]
    wide, one = units * count, like(a, 1)
    e = moved(d, gates)
    x, h = span(f.now, f.op[0]), span(f.now, f.op[1])
    if f.op[13] >= 0:
        multiply(
            True, False, wide, width, rows * steps, one, e, wide, moved(a, x), width, True, moved(g, f.op[4]), width
        )
        for i in range(1, steps):
            now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
            multiply(
                True, False, wide, units, rows, one, moved(through, now * wide), steps * wide,
                moved(a, h + before * units), steps * units, True, moved(g, f.op[5]), units,
            )  # fmt: skip
    if f.op[6] >= 0 and f.op[14] >= 0:
        first, second = line(g, f.op[6], wide), line(g, f.op[7], wide)
        errors, met = line(d, gates, rows * steps * wide), line(through, 0, rows * steps * wide)
        for i in range(rows * steps):
            for j in range(wide):
                first[j] += errors[i * wide + j]
                second[j] += met[i * wide + j]
    if f.op[12] >= 0:
        multiply(
            False, False, rows * steps, width, wide, one, e, wide, moved(w, f.op[4]), width, f.op[12] == 1,
            moved(d, x), width,
        )  # fmt: skip


@compiled
def _meet(f: Any, a: Any, w: Any, place: int, before: int, to: int, count: int, add: bool) -> None:
    """Put h Uᵀ of the step before at a place, for all rows."""
    steps, units = f.op[8], f.op[10]
    wide = units * count
    h = span(f.now, f.op[1])
    multiply(
        False, True, f.now[ROWS], wide, units, like(a, 1), moved(a, h + before * units), steps * units,
        moved(w, f.op[5]), units, add, moved(a, place + to * wide), steps * wide,
    )  # fmt: skip


@compiled
def _bias_of_state(f: Any, a: Any, w: Any, place: int, at: int, count: int) -> None:
    if f.op[7] >= 0:
        steps, wide = f.op[8], f.op[10] * count
        bias = line(w, f.op[7], wide)
        for i in range(f.now[ROWS]):
            row = line(a, place + (i * steps + at) * wide, wide)
            for j in range(wide):
                row[j] += bias[j]


@compiled
def _return(f: Any, a: Any, d: Any, w: Any, errors: Any, at: int, before: int, count: int) -> None:
    """Add the errors of the gates of a step to that of the h before it."""
    steps, units = f.op[8], f.op[10]
    wide = units * count
    h = span(f.now, f.op[1])
    multiply(
        False, False, f.now[ROWS], units, wide, like(a, 1), moved(errors, at * wide), steps * wide, moved(w, f.op[5]),
        units, True, moved(d, h + before * units), steps * units,
    )  # fmt: skip


def lstm_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """i, f, o = σ(·), g = tanh(·); cell = f cell + i g, h = o tanh(cell)."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, steps, units = f.now[ROWS], f.op[8], f.op[10]
    h, gates, cells = span(f.now, f.op[1]), span(f.now, f.op[2]), span(f.now, f.op[3])
    half = like(a, 0.5)
    _enter(f, a, w, gates, 4)
    for i in range(steps):
        now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
        if i > 0:
            _meet(f, a, w, gates, before, now, 4, True)
        _bias_of_state(f, a, w, gates, now, 4)
        for row in range(rows):
            gate = line(a, gates + (row * steps + now) * 4 * units, 4 * units)
            cell, out = (
                line(a, cells + (row * steps + now) * units, units),
                line(a, h + (row * steps + now) * units, units),
            )
            last = line(a, cells + (row * steps + (before if i > 0 else now)) * units, units)
            for j in range(units):
                p, q = _sigmoid(gate[j], half), _sigmoid(gate[units + j], half)
                t, u = hyperbolic_tangent(gate[2 * units + j]), _sigmoid(gate[3 * units + j], half)
                v = p * t
                if i > 0:
                    v += q * last[j]
                gate[j], gate[units + j], gate[2 * units + j], gate[3 * units + j] = p, q, t, u
                cell[j] = v
                out[j] = u * hyperbolic_tangent(v)


def lstm_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """Back through the steps."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, steps, units = f.now[ROWS], f.op[8], f.op[10]
    h, gates, cells = span(f.now, f.op[1]), span(f.now, f.op[2]), span(f.now, f.op[3])
    zero = like(a, 0)
    one = like(a, 1)
    for back in range(steps):
        i = steps - 1 - back
        now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
        for row in range(rows):
            at = row * steps + now
            gate, error = line(a, gates + at * 4 * units, 4 * units), line(d, gates + at * 4 * units, 4 * units)
            cell, out, of_cell = (
                line(a, cells + at * units, units),
                line(d, h + at * units, units),
                line(d, cells + at * units, units),
            )
            earlier = row * steps + (before if i > 0 else now)
            last, of_last = line(a, cells + earlier * units, units), line(d, cells + earlier * units, units)
            for j in range(units):
                p, q, t, u = gate[j], gate[units + j], gate[2 * units + j], gate[3 * units + j]
                v = hyperbolic_tangent(cell[j])
                e = out[j] * u * (one - v * v)
                if back > 0:
                    e += of_cell[j]
                error[3 * units + j] = out[j] * v * u * (one - u)
                error[j] = e * t * p * (one - p)
                error[2 * units + j] = e * p * (one - t * t)
                if i > 0:
                    error[units + j] = e * last[j] * q * (one - q)
                    of_last[j] = e * q
                else:
                    error[units + j] = zero
        if i > 0:
            _return(f, a, d, w, moved(d, gates), now, before, 4)
    _leave(f, a, d, w, g, gates, 4, moved(d, gates))


def gru_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """r, z = σ(·), n = tanh(W x + b + r (U h + b')); h = (1 - z) n + z h."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, steps, units = f.now[ROWS], f.op[8], f.op[10]
    h, gates, met = span(f.now, f.op[1]), span(f.now, f.op[2]), span(f.now, f.op[3])
    half, one = like(a, 0.5), like(a, 1)
    _enter(f, a, w, gates, 3)
    for i in range(steps):
        now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
        if i > 0:
            _meet(f, a, w, met, before, now, 3, False)
        else:
            for row in range(rows):
                state = line(a, met + (row * steps + now) * 3 * units, 3 * units)
                for j in range(3 * units):
                    state[j] = 0
        _bias_of_state(f, a, w, met, now, 3)
        for row in range(rows):
            at = row * steps + now
            gate, state = line(a, gates + at * 3 * units, 3 * units), line(a, met + at * 3 * units, 3 * units)
            out, last = (
                line(a, h + at * units, units),
                line(a, h + (row * steps + (before if i > 0 else now)) * units, units),
            )
            for j in range(units):
                p = _sigmoid(gate[j] + state[j], half)
                q = _sigmoid(gate[units + j] + state[units + j], half)
                t = hyperbolic_tangent(gate[2 * units + j] + p * state[2 * units + j])
                gate[j], gate[units + j], gate[2 * units + j] = p, q, t
                v = (one - q) * t
                if i > 0:
                    v += q * last[j]
                out[j] = v


def gru_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """Back through the steps."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, steps, units = f.now[ROWS], f.op[8], f.op[10]
    h, gates, met = span(f.now, f.op[1]), span(f.now, f.op[2]), span(f.now, f.op[3])
    one, zero = like(a, 1), like(a, 0)
    for back in range(steps):
        i = steps - 1 - back
        now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
        for row in range(rows):
            at = row * steps + now
            gate, state = line(a, gates + at * 3 * units, 3 * units), line(a, met + at * 3 * units, 3 * units)
            error, through = line(d, gates + at * 3 * units, 3 * units), line(d, met + at * 3 * units, 3 * units)
            earlier = row * steps + (before if i > 0 else now)
            out, last, of_last = (
                line(d, h + at * units, units),
                line(a, h + earlier * units, units),
                line(d, h + earlier * units, units),
            )
            for j in range(units):
                p, q, t = gate[j], gate[units + j], gate[2 * units + j]
                e = out[j]
                slope = e * (one - q) * (one - t * t)
                v = last[j] if i > 0 else zero
                error[2 * units + j] = slope
                through[2 * units + j] = slope * p
                error[j] = slope * state[2 * units + j] * p * (one - p)
                through[j] = error[j]
                error[units + j] = e * (v - t) * q * (one - q)
                through[units + j] = error[units + j]
                if i > 0:
                    of_last[j] += e * q
        if i > 0:
            _return(f, a, d, w, moved(d, met), now, before, 3)
    _leave(f, a, d, w, g, gates, 3, moved(d, met))


def plain_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """h = tanh(W x + b + U h + b'), or max(0, ·)."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, steps, units = f.now[ROWS], f.op[8], f.op[10]
    h, gates = span(f.now, f.op[1]), span(f.now, f.op[2])
    _enter(f, a, w, gates, 1)
    for i in range(steps):
        now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
        if i > 0:
            _meet(f, a, w, gates, before, now, 1, True)
        _bias_of_state(f, a, w, gates, now, 1)
        for row in range(rows):
            gate, out = (
                line(a, gates + (row * steps + now) * units, units),
                line(a, h + (row * steps + now) * units, units),
            )
            for j in range(units):
                if f.op[15]:
                    out[j] = max(gate[j], like(a, 0))
                else:
                    out[j] = hyperbolic_tangent(gate[j])


def plain_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """Back through the steps."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    rows, steps, units = f.now[ROWS], f.op[8], f.op[10]
    h, gates, one, zero = span(f.now, f.op[1]), span(f.now, f.op[2]), like(a, 1), like(a, 0)
    for back in range(steps):
        i = steps - 1 - back
        now, before = (steps - 1 - i, steps - i) if f.op[11] else (i, i - 1)
        for row in range(rows):
            at = row * steps + now
            value, out, error = (
                line(a, h + at * units, units),
                line(d, h + at * units, units),
                line(d, gates + at * units, units),
            )
            for j in range(units):
                slope = (one if value[j] > 0 else zero) if f.op[15] else one - value[j] * value[j]
                error[j] = out[j] * slope
        if i > 0:
            _return(f, a, d, w, moved(d, gates), now, before, 1)
    _leave(f, a, d, w, g, gates, 1, moved(d, gates))
