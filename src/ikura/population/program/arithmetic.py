"""Products with weights, dropout, functions of each number, sums and products of values."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

from ikura.nn import Dropout
from ikura.population.program.builder import UnknownOperationError, Value, Weight
from ikura.population.program.calls import FUNCTIONS, LAYERS, METHODS, Call, Handler, number_of, register
from ikura.population.program.layers import apply, binary, drop, multiply_weight, scaled

__all__: list[str] = []


def _linear(call: Call, x: Any, weight: Any, bias: Any = None) -> Value:
    if not isinstance(weight, Weight) or not (bias is None or isinstance(bias, Weight)) or weight.buffer:
        raise UnknownOperationError("a weight that is computed")
    return multiply_weight(call.builder, call.value(x), weight, bias)


def _linear_layer(call: Call, layer: nn.Linear, x: Any) -> Value:
    return _linear(call, x, call.weight(layer.weight), call.weight(layer.bias))


def _same(call: Call, layer: nn.Module, x: Any, *rest: Any) -> Any:
    return x


def _dropout(call: Call, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    return drop(call.builder, call.value(x), float(p)) if training else call.value(x)


def _channel_dropout(call: Call, x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    return drop(call.builder, call.value(x), float(p), channels=True) if training else call.value(x)


FUNCTIONS |= {F.linear: _linear, F.dropout: _dropout, F.dropout1d: _channel_dropout, F.dropout2d: _channel_dropout}
LAYERS |= {
    nn.Linear: _linear_layer,
    nn.Identity: _same,
    nn.Dropout: lambda call, layer, x: _dropout(call, x, layer.p),
    nn.Dropout1d: lambda call, layer, x: _channel_dropout(call, x, layer.p),
    nn.Dropout2d: lambda call, layer, x: _channel_dropout(call, x, layer.p),
}


# Functions of each number


def _function(name: str, p: float = 0.0, q: float = 0.0) -> Handler:
    def handle(call: Call, x: Any, inplace: bool = False) -> Value:
        return apply(call.builder, call.value(x), name, p, q)

    return handle


def _gelu(call: Call, x: Any, approximate: str = "none") -> Value:
    if approximate == "tanh":
        return apply(call.builder, call.value(x), "gelu_tanh", math.sqrt(2 / math.pi), 0.044715)
    return apply(call.builder, call.value(x), "gelu")


def _leaky(call: Call, x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    return apply(call.builder, call.value(x), "leaky", negative_slope)


def _elu(call: Call, x: Any, alpha: float = 1.0, inplace: bool = False) -> Value:
    return apply(call.builder, call.value(x), "elu", alpha, 1.0)


def _celu(call: Call, x: Any, alpha: float = 1.0, inplace: bool = False) -> Value:
    return apply(call.builder, call.value(x), "elu", alpha, alpha)


def _softplus(call: Call, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Value:
    return apply(call.builder, call.value(x), "softplus", beta, threshold)


def _hardtanh(call: Call, x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Value:
    return apply(call.builder, call.value(x), "hardtanh", min_val, max_val)


def _clamp(call: Call, x: Any, min: float | None = None, max: float | None = None) -> Value:
    low, high = -math.inf if min is None else float(min), math.inf if max is None else float(max)
    return apply(call.builder, call.value(x), "clamp", low, high)


def _power(call: Call, x: Any, exponent: Any) -> Value:
    number = number_of(exponent)
    if number is None:
        raise UnknownOperationError("a power that is computed")
    if number == 2:
        return apply(call.builder, call.value(x), "square")
    return apply(call.builder, call.value(x), "power", number)


def _shrink(name: str) -> Handler:
    def handle(call: Call, x: Any, lambd: float = 0.5) -> Value:
        return apply(call.builder, call.value(x), name, lambd)

    return handle


SELU = 1.6732632423543772, 1.0507009873554805
_relu6 = _function("hardtanh", 0.0, 6.0)
for _names, _handler in (
    (("relu", "relu_"), _function("relu")),
    (("tanh", "tanh_"), _function("tanh")),
    (("sigmoid", "sigmoid_"), _function("sigmoid")),
    (("exp",), _function("exp")),
    (("log",), _function("log")),
    (("log1p",), _function("log", 0.0, 1.0)),
    (("sqrt",), _function("root")),
    (("rsqrt",), _function("inverse_root")),
    (("reciprocal",), _function("inverse", 1.0)),
    (("square",), _function("square")),
    (("sin",), _function("sine")),
    (("cos",), _function("cosine")),
    (("abs", "absolute"), _function("absolute")),
    (("neg", "negative"), _function("affine", -1.0)),
    (("erf",), _function("erf", 2 / math.sqrt(math.pi))),
    (("clamp", "clip"), _clamp),
    (("pow",), _power),
):
    register(_names, _handler, torch)
FUNCTIONS |= {
    operator.neg: _function("affine", -1.0), operator.pow: _power, abs: _function("absolute"),
    F.relu: _function("relu"), F.tanh: _function("tanh"), F.sigmoid: _function("sigmoid"), F.silu: _function("silu"),
    F.gelu: _gelu, F.leaky_relu: _leaky, F.elu: _elu, F.celu: _celu, F.selu: _function("selu", *SELU),
    F.softplus: _softplus, F.mish: _function("mish"), F.hardtanh: _hardtanh, F.relu6: _relu6,
    F.hardsigmoid: _function("hard_sigmoid", 3.0, 1 / 6), F.hardswish: _function("hard_swish", 3.0, 1 / 6),
    F.logsigmoid: _function("log_sigmoid"), F.softsign: _function("soft_sign"),
    F.tanhshrink: _function("tanh_shrink"), F.softshrink: _shrink("soft_shrink"), F.hardshrink: _shrink("hard_shrink"),
}  # fmt: skip
LAYERS |= {
    nn.ReLU: lambda call, layer, x: apply(call.builder, call.value(x), "relu"),
    nn.Tanh: lambda call, layer, x: apply(call.builder, call.value(x), "tanh"),
    nn.Sigmoid: lambda call, layer, x: apply(call.builder, call.value(x), "sigmoid"),
    nn.SiLU: lambda call, layer, x: apply(call.builder, call.value(x), "silu"),
    nn.GELU: lambda call, layer, x: _gelu(call, x, layer.approximate),
    nn.LeakyReLU: lambda call, layer, x: _leaky(call, x, layer.negative_slope),
    nn.ELU: lambda call, layer, x: _elu(call, x, layer.alpha),
    nn.CELU: lambda call, layer, x: _celu(call, x, layer.alpha),
    nn.SELU: lambda call, layer, x: apply(call.builder, call.value(x), "selu", *SELU),
    nn.Softplus: lambda call, layer, x: _softplus(call, x, layer.beta, layer.threshold),
    nn.Mish: lambda call, layer, x: apply(call.builder, call.value(x), "mish"),
    nn.Hardtanh: lambda call, layer, x: _hardtanh(call, x, layer.min_val, layer.max_val),
    nn.ReLU6: lambda call, layer, x: _relu6(call, x),
    nn.Hardsigmoid: lambda call, layer, x: apply(call.builder, call.value(x), "hard_sigmoid", 3.0, 1 / 6),
    nn.Hardswish: lambda call, layer, x: apply(call.builder, call.value(x), "hard_swish", 3.0, 1 / 6),
    nn.LogSigmoid: lambda call, layer, x: apply(call.builder, call.value(x), "log_sigmoid"),
    nn.Softsign: lambda call, layer, x: apply(call.builder, call.value(x), "soft_sign"),
    nn.Tanhshrink: lambda call, layer, x: apply(call.builder, call.value(x), "tanh_shrink"),
    nn.Softshrink: lambda call, layer, x: apply(call.builder, call.value(x), "soft_shrink", layer.lambd),
    nn.Hardshrink: lambda call, layer, x: apply(call.builder, call.value(x), "hard_shrink", layer.lambd),
    nn.Threshold: lambda call, layer, x: apply(
        call.builder, call.value(x), "threshold", layer.threshold, layer.value
    ),
}  # fmt: skip


# Two operands


def _sum(sign: float, turned: bool = False) -> Handler:
    def handle(call: Call, x: Any, y: Any, *, alpha: float = 1.0) -> Any:
        a, b = number_of(x), number_of(y)
        p, q = (sign, 1.0) if turned else (1.0, sign * alpha)
        if b is not None:
            return scaled(call.builder, call.value(x), p, q * b)
        if a is not None:
            return scaled(call.builder, call.value(y), q, p * a)
        return binary(call.builder, call.value(x), call.value(y), "add", p, q)

    return handle


def _product(call: Call, x: Any, y: Any) -> Value:
    a, b = number_of(x), number_of(y)
    if b is not None:
        return scaled(call.builder, call.value(x), b)
    if a is not None:
        return scaled(call.builder, call.value(y), a)
    return binary(call.builder, call.value(x), call.value(y), "multiply")


def _quotient(call: Call, x: Any, y: Any, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode is not None:
        raise UnknownOperationError("a rounded quotient")
    a, b = number_of(x), number_of(y)
    if b is not None:
        return scaled(call.builder, call.value(x), 1.0 / b)
    if a is not None:
        return apply(call.builder, call.value(y), "inverse", a)
    return binary(call.builder, call.value(x), call.value(y), "divide")


def _larger(name: str) -> Handler:
    def handle(call: Call, x: Any, y: Any) -> Value:
        return binary(call.builder, call.value(x), call.value(y), name)

    return handle


FUNCTIONS |= {
    operator.add: _sum(1.0), operator.iadd: _sum(1.0), torch.add: _sum(1.0),
    operator.sub: _sum(-1.0), operator.isub: _sum(-1.0), torch.sub: _sum(-1.0),
    operator.mul: _product, operator.imul: _product, torch.mul: _product, torch.multiply: _product,
    operator.truediv: _quotient, operator.itruediv: _quotient, torch.div: _quotient,
    torch.maximum: _larger("maximum"), torch.minimum: _larger("minimum"),
}  # fmt: skip
METHODS |= {
    "add": _sum(1.0), "add_": _sum(1.0), "sub": _sum(-1.0), "sub_": _sum(-1.0), "mul": _product, "mul_": _product,
    "div": _quotient, "div_": _quotient, "maximum": _larger("maximum"), "minimum": _larger("minimum"),
}  # fmt: skip
LAYERS[Dropout] = lambda call, layer, x: drop(call.builder, call.value(x), float(layer.rate), layer=layer.layer)
