"""Functions of each number, and of two numbers: y = φ(x), y = x ∘ z."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ikura.population.kernel._compile import by_number, compiled
from ikura.population.kernel.activation import elu, gelu, hyperbolic_tangent, relu, sigmoid, silu, tanh
from ikura.population.program.operations.frame import ROWS, like, line, opened, span

__all__ = ["BINARY", "UNARY", "binary_backward", "binary_forward", "rare_forward", "unary_backward", "unary_forward"]

F = np.float32
SIXTH = F(1 / 6)

# Fields: rows, x, y, derivative, numbers of a row, function, error of x. Numbers: two parameters of the function.


@compiled
def _relu(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return relu(z, one)


@compiled
def _tanh(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return tanh(z, one)


@compiled
def _sigmoid(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return sigmoid(z, one)


@compiled
def _gelu(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return gelu(z, one)


@compiled
def _silu(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return silu(z, one)


@compiled
def _elu(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    """p (e^(z/q) - 1) below 0, z above: ELU with q = 1, CELU with q = p; PyTorch has the q of the slope in float32."""
    if z > 0:
        return z, one
    share = one / (one * F(q))
    return p * math.expm1(z / q), p * share * math.exp(z * share)


@compiled
def _selu(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a, slope = elu(z, one)
    return (q * a, q * slope) if z > 0 else (p * q * a, p * q * slope)


@compiled
def _leaky(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    d = one if z > 0 else p
    return z * d, d


@compiled
def _gelu_tanh(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    half = one / (one + one)
    square = q * z * z
    t = hyperbolic_tangent(p * z * (one + square))
    return half * z * (one + t), half * (one + t) + half * z * (one - t * t) * p * (one + square + square + square)


@compiled
def _affine(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return p * z + q, p


@compiled
def _power(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return z**p, p * z ** (p - one)


@compiled
def _square(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return z * z, z + z


@compiled
def _root(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a = math.sqrt(z)
    return a, one / (a + a)


@compiled
def _inverse_root(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a = one / math.sqrt(z)
    return a, -a / (z + z)


@compiled
def _inverse(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a = p / z
    return a, -a / z


@compiled
def _exp(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a = math.exp(z)
    return a, a


@compiled
def _log(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return math.log(z + q), one / (z + q)


@compiled
def _sine(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return math.sin(z), math.cos(z)


@compiled
def _cosine(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return math.cos(z), -math.sin(z)


@compiled
def _absolute(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    zero = one - one
    return abs(z), (one if z > 0 else (-one if z < 0 else zero))


@compiled
def _clamp(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    """z within [p, q]; at the ends the slope is 1, as that of `torch.clamp`."""
    if z < p:
        return p, one - one
    return (q, one - one) if z > q else (z, one)


@compiled
def _hardtanh(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    """z within [p, q]; at the ends the slope is 0, as that of `torch.nn.Hardtanh`."""
    zero = one - one
    if z <= p:
        return p, zero
    return (q, zero) if z >= q else (z, one)


@compiled
def _softplus(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    """log(1 + e^(p z)) / p, and z where p z > q."""
    if p * z > q:
        return z, one
    e = math.exp(-abs(p * z))
    top = z if z > 0 else one - one
    return top + math.log1p(e) / p, (one / (one + e) if z > 0 else e / (one + e))


@compiled
def _log_sigmoid(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    e = math.exp(-abs(z))
    low = z if z < 0 else one - one
    return low - math.log1p(e), (e / (one + e) if z > 0 else one / (one + e))


@compiled
def _mish(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    e = math.exp(-abs(z))
    t = math.tanh((z if z > 0 else one - one) + math.log1p(e))
    s = one / (one + e) if z > 0 else e / (one + e)
    return z * t, t + z * (one - t * t) * s


@compiled
def _hard_sigmoid(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    """0, z/6 + 1/2, 1; PyTorch has the 1/6 of the slope in float32."""
    zero, half = one - one, one / (one + one)
    if z <= -p:
        return zero, zero
    return (one, zero) if z >= p else (z * q + half, one * SIXTH)


@compiled
def _hard_swish(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    zero, half = one - one, one / (one + one)
    if z <= -p:
        return zero, zero
    return (z, one) if z >= p else (z * (z * q + half), (z + z) * q + half)


@compiled
def _soft_sign(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a = one + abs(z)
    return z / a, one / (a * a)


@compiled
def _tanh_shrink(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    a = hyperbolic_tangent(z)
    return z - a, a * a


@compiled
def _soft_shrink(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    zero = one - one
    if z > p:
        return z - p, one
    return (z + p, one) if z < -p else (zero, zero)


@compiled
def _hard_shrink(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    zero = one - one
    return (z, one) if z > p or z < -p else (zero, zero)


@compiled
def _threshold(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return (z, one) if z > p else (q, one - one)


@compiled
def _erf(z: Any, p: Any, q: Any, one: Any) -> tuple[Any, Any]:
    return math.erf(z), p * math.exp(-z * z)


def _row_pass(function: Callable[..., tuple[Any, Any]]) -> Callable[..., None]:
    @compiled
    def run(x: Any, y: Any, slope: Any, p: Any, q: Any, one: Any) -> None:
        for i in range(x.shape[0]):
            value, d = function(x[i], p, q, one)
            y[i] = value
            slope[i] = d

    return run


_FUNCTIONS = (
    _relu, _tanh, _sigmoid, _gelu, _silu, _elu, _leaky, _affine, _square, _power, _root, _inverse_root, _inverse,
    _exp, _log, _sine, _cosine, _absolute, _clamp, _hardtanh, _softplus, _log_sigmoid, _mish, _hard_sigmoid,
    _hard_swish, _soft_sign, _tanh_shrink, _soft_shrink, _hard_shrink, _threshold, _erf, _selu, _gelu_tanh,
)  # fmt: skip
UNARY: dict[str, int] = {function.__name__.lstrip("_"): place for place, function in enumerate(_FUNCTIONS)}
"""Number of each function of one number."""
_COMMON = 9
_common = by_number([_row_pass(function) for function in _FUNCTIONS[:_COMMON]], "function")
_rare = by_number([_row_pass(function) for function in _FUNCTIONS[_COMMON:]], "function")


def unary_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = φ(x) and φ'(x), for the functions that most networks have."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count = (f.now[ROWS] if f.op[0] else 1) * f.op[4]
    below, y = line(a, span(f.now, f.op[1]), count), line(a, span(f.now, f.op[2]), count)
    slope = line(a, span(f.now, f.op[3]), count)
    _common(f.op[5], below, y, slope, like(a, f.numbers[0]), like(a, f.numbers[1]), like(a, 1))


def rare_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = φ(x) and φ'(x), for the other functions."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count = (f.now[ROWS] if f.op[0] else 1) * f.op[4]
    below, y = line(a, span(f.now, f.op[1]), count), line(a, span(f.now, f.op[2]), count)
    slope = line(a, span(f.now, f.op[3]), count)
    _rare(f.op[5] - 9, below, y, slope, like(a, f.numbers[0]), like(a, f.numbers[1]), like(a, 1))


def unary_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = e φ'(x)."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count = (f.now[ROWS] if f.op[0] else 1) * f.op[4]
    slope, error = line(a, span(f.now, f.op[3]), count), line(d, span(f.now, f.op[2]), count)
    passed = line(d, span(f.now, f.op[1]), count)
    if f.op[6] == 0:
        for i in range(count):
            passed[i] = error[i] * slope[i]
    else:
        for i in range(count):
            passed[i] += error[i] * slope[i]


BINARY = {"add": 0, "multiply": 1, "divide": 2, "maximum": 3, "minimum": 4}
"""Number of each function of two numbers."""

# Fields: rows, x, z, y, numbers of a row, function, error of x, error of z. Numbers: factors of x and z in a sum.


def binary_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = p x + q z, x z, x / z, max(x, z) or min(x, z)."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count, kind = (f.now[ROWS] if f.op[0] else 1) * f.op[4], f.op[5]
    u, v = line(a, span(f.now, f.op[1]), count), line(a, span(f.now, f.op[2]), count)
    y, p, q = line(a, span(f.now, f.op[3]), count), like(a, f.numbers[0]), like(a, f.numbers[1])
    if kind == 0:
        for i in range(count):
            y[i] = p * u[i] + q * v[i]
    elif kind == 1:
        for i in range(count):
            y[i] = u[i] * v[i]
    elif kind == 2:
        for i in range(count):
            y[i] = u[i] / v[i]
    elif kind == 3:
        for i in range(count):
            y[i] = u[i] if u[i] >= v[i] or u[i] != u[i] else v[i]
    else:
        for i in range(count):
            y[i] = u[i] if u[i] <= v[i] or u[i] != u[i] else v[i]


@compiled
def _slopes(kind: int, u: Any, v: Any, p: Any, q: Any) -> tuple[Any, Any]:
    one = like_number(u)
    zero = one - one
    if kind == 0:
        return p, q
    if kind == 1:
        return v, u
    if kind == 2:
        return one / v, -u / (v * v)
    half = one / (one + one)
    if u == v:
        return half, half
    first = (u > v) == (kind == 3)
    return (one, zero) if first else (zero, one)


@compiled
def like_number(u: Any) -> Any:
    """1 in the precision of a number."""
    return type(u)(1)


def binary_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """The errors of both operands."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    count, kind = (f.now[ROWS] if f.op[0] else 1) * f.op[4], f.op[5]
    first, second = span(f.now, f.op[1]), span(f.now, f.op[2])
    u, v = line(a, first, count), line(a, second, count)
    du, dv, error = line(d, first, count), line(d, second, count), line(d, span(f.now, f.op[3]), count)
    p, q = like(a, f.numbers[0]), like(a, f.numbers[1])
    for i in range(count):
        slope_u, slope_v = _slopes(kind, u[i], v[i], p, q)
        if f.op[6] == 0:
            du[i] = error[i] * slope_u
        elif f.op[6] == 1:
            du[i] += error[i] * slope_u
        if f.op[7] == 0:
            dv[i] = error[i] * slope_v
        elif f.op[7] == 1:
            dv[i] += error[i] * slope_v
