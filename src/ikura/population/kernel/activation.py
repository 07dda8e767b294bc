"""Activations of the kernel: value and derivative in one pass over a layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from ikura.nn.activation import activation
from ikura.population.kernel._compile import FLAGS, by_number, compiled

__all__ = ["CODES", "activate", "code"]

F = np.float32
LIMIT = F(7.90531110763549805)
A1, A3, A5, A7 = F(4.89352455891786e-03), F(6.37261928875436e-04), F(1.48572235717979e-05), F(5.12229709037114e-08)
A9, A11, A13 = F(-8.60467152213735e-11), F(2.00018790482477e-13), F(-2.76076847742355e-16)
B0, B2, B4, B6 = F(4.89352518554385e-03), F(2.26843463243900e-03), F(1.18534705686654e-04), F(1.19825839466702e-06)
C1, C2, C3, C4, C5 = F(0.254829592), F(-0.284496736), F(1.421413741), F(-1.453152027), F(1.061405429)
STEP = F(0.3275911 / math.sqrt(2))
ROOT_HALF, DENSITY = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)


def hyperbolic_tangent(z: Any) -> Any:
    """tanh in the precision of its argument (a stand-in for the compiled versions below)."""
    return math.tanh(z)


@overload(hyperbolic_tangent, jit_options={"fastmath": FLAGS, "error_model": "numpy"})
def _tanh_in_kernel(z: Any) -> Callable[[Any], Any]:
    if z == types.float32:

        def single(z: Any) -> Any:
            # A rational function of degree 13/6, within 5 units in the last place, that the compiler can vectorise.
            x = LIMIT if z > LIMIT else (-LIMIT if z < -LIMIT else z)
            q = x * x
            p = x * (A1 + q * (A3 + q * (A5 + q * (A7 + q * (A9 + q * (A11 + q * A13))))))
            return p / (B0 + q * (B2 + q * (B4 + q * B6)))

        return single

    def double(z: Any) -> Any:
        return math.tanh(z)

    return double


def normal_share(z: Any, bell: Any) -> Any:
    """Φ(z), given e^(-z²/2), in the precision of its argument (a stand-in for the compiled versions below)."""
    return (1 + math.erf(z * ROOT_HALF)) / 2


@overload(normal_share, jit_options={"fastmath": FLAGS, "error_model": "numpy"})
def _share_in_kernel(z: Any, bell: Any) -> Callable[[Any, Any], Any]:
    if z == types.float32:

        def single(z: Any, bell: Any) -> Any:
            # Abramowitz and Stegun 7.1.26: within 8e-8, one unit in the last place of 1, and less in the tails.
            t = F(1) / (F(1) + STEP * abs(z))
            tail = F(0.5) * bell * t * (C1 + t * (C2 + t * (C3 + t * (C4 + t * C5))))
            return tail if z < 0 else F(1) - tail

        return single

    def double(z: Any, bell: Any) -> Any:
        return 0.5 + 0.5 * math.erf(z * ROOT_HALF)

    return double


def in_precision(number: Any, like: Any) -> Any:
    """A constant in the precision of `like` (a stand-in for the compiled version below)."""
    return type(like)(number)


@overload(in_precision, jit_options={"fastmath": FLAGS})
def _constant_in_kernel(number: Any, like: Any) -> Callable[[Any, Any], Any]:
    def single(number: Any, like: Any) -> Any:
        return np.float32(number)

    def double(number: Any, like: Any) -> Any:
        return number

    return single if like == types.float32 else double


@compiled
def relu(z: Any, one: Any) -> tuple[Any, Any]:
    zero = one - one
    return (zero if z <= 0 else z), (one if z > 0 else zero)


@compiled
def leaky_relu(z: Any, one: Any) -> tuple[Any, Any]:
    d = one if z > 0 else one / (one * F(100))
    return z * d, d


@compiled
def tanh(z: Any, one: Any) -> tuple[Any, Any]:
    a = hyperbolic_tangent(z)
    return a, one - a * a


@compiled
def sigmoid(z: Any, one: Any) -> tuple[Any, Any]:
    half = one / (one + one)
    a = half + half * hyperbolic_tangent(half * z)
    return a, a * (one - a)


@compiled
def elu(z: Any, one: Any) -> tuple[Any, Any]:
    if z > 0:
        return z, one
    a = math.expm1(z)
    return a, a + one


@compiled
def gelu(z: Any, one: Any) -> tuple[Any, Any]:
    half = one / (one + one)
    bell = math.exp(-half * (z * z))
    share = normal_share(z, bell)
    return z * share, share + z * bell * in_precision(DENSITY, one)


@compiled
def silu(z: Any, one: Any) -> tuple[Any, Any]:
    e = math.exp(-abs(z))
    large = one / (one + e)
    small = e * large
    if z > 0:
        return z * large, large + z * large * small
    return z * small, small + z * small * large


def _layer_pass(function: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[..., None]:
    @compiled
    def run(z: Any, bias: Any, derivative: Any) -> None:
        one = z.dtype.type(1)
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                a, d = function(z[i, j] + bias[j], one)
                z[i, j] = a
                derivative[i, j] = d

    return run


_FUNCTIONS = {
    "relu": relu, "tanh": tanh, "sigmoid": sigmoid, "leaky_relu": leaky_relu, "elu": elu, "gelu": gelu, "silu": silu,
}  # fmt: skip
CODES: dict[str, int] = {name: number for number, name in enumerate(_FUNCTIONS)}
_layer_pass_of = by_number([_layer_pass(function) for function in _FUNCTIONS.values()], "activation")


def code(name: str) -> int:
    """Number of an activation in the kernel; a UsageError with the nearest name when there is none."""
    activation(name)
    return CODES[name]


@compiled
def activate(code: int, z: Any, bias: Any, derivative: Any) -> None:
    """Add the bias, replace z by a(z) and write a'(z); all of shape (rows, units), bias (units,)."""
    _layer_pass_of(code, z, bias, derivative)
