"""Operations of networks on values: products, functions of each number, dropout."""

from __future__ import annotations

import math
from dataclasses import replace
from math import prod

from ikura.population.program.builder import Builder, Kind, UnknownOperationError, Value, Weight
from ikura.population.program.operations import dropout, elementwise, linear
from ikura.population.program.operations.frame import ADD, SKIP
from ikura.population.program.shaping import broadcast

__all__ = ["apply", "binary", "drop", "drop_inside", "multiply_weight", "scaled"]

LINEAR = Kind("linear", linear.linear_forward, linear.linear_backward)
UNARY = Kind("function", elementwise.unary_forward, elementwise.unary_backward)
RARE = Kind("rare function", elementwise.rare_forward, elementwise.unary_backward)
BINARY = Kind("two operands", elementwise.binary_forward, elementwise.binary_backward)
DROPOUT = Kind("dropout", dropout.dropout_forward, dropout.dropout_backward)
COMMON = 9
UNSEEN = 1 << 20
"""Numbers of dropouts inside of layers, which are not among those that a forward calls."""


def multiply_weight(builder: Builder, value: Value, weight: Weight, bias: Weight | None) -> Value:
    """x Wᵀ + b along the last axis."""
    n_out, n_in = weight.shape
    if value.own_axis(-1) != len(value.shape) - 1 or value.shape[-1] != n_in or (value.folded and len(value.shape) < 2):
        raise UnknownOperationError("a product along the examples")
    positions = prod(value.shape[:-1])
    learns = value.register.learns or weight.learns or (bias is not None and bias.learns)
    out = builder.register(positions * n_out, value.register.rows, learns)
    builder.add(
        LINEAR,
        [int(out.rows), value.register, out, weight.place, -1 if bias is None else bias.place, n_in, n_out, positions,
         SKIP, ADD if weight.learns else SKIP, ADD if bias is not None and bias.learns else SKIP],
        [1, 8],
        [out],
    )  # fmt: skip
    return replace(value, register=out, shape=(*value.shape[:-1], n_out))


def apply(builder: Builder, value: Value, function: str, p: float = 0.0, q: float = 0.0) -> Value:
    """φ of each number; p and q are its parameters (see `elementwise`)."""
    register = value.register
    out = builder.register(register.size, register.rows, register.learns)
    slope = builder.register(register.size, register.rows, False)
    number = elementwise.UNARY[function]
    kind = UNARY if number < COMMON else RARE
    builder.add(kind, [int(out.rows), register, out, slope, out.size, number, SKIP], [1, 6], [out], [p, q])
    return replace(value, register=out)


def scaled(builder: Builder, value: Value, factor: float, more: float = 0.0) -> Value:
    """factor · x + more."""
    if not math.isfinite(factor) or not math.isfinite(more):
        raise UnknownOperationError("a number that is not finite")
    return apply(builder, value, "affine", factor, more)


def binary(builder: Builder, first: Value, second: Value, function: str, p: float = 1.0, q: float = 1.0) -> Value:
    """A function of two values, spread over each other's shapes."""
    first, second = broadcast(builder, first, second)
    a, b = first.register, second.register
    out = builder.register(a.size, a.rows or b.rows, a.learns or b.learns)
    fields = [int(out.rows), a, b, out, out.size, elementwise.BINARY[function], SKIP, SKIP]
    builder.add(BINARY, fields, [1, 6, 2, 7], [out], [p, q])
    return replace(first, register=out)


def drop_inside(builder: Builder, value: Value, rate: float) -> Value:
    """Leave out numbers as a layer of PyTorch does inside of it."""
    if not rate:
        return value
    out = drop(builder, value, rate, layer=UNSEEN + len(builder.inner))
    builder.inner.append(out.register)
    return out


def drop(builder: Builder, value: Value, rate: float, channels: bool = False, layer: int | None = None) -> Value:
    """Leave out numbers, or (with `channels`) all numbers of a channel together.

    The noise is that of a layer's number; None for the next one of the network.
    """
    if rate == 0 and layer is None:
        builder.dropouts += 1
        return value
    if value.axis is None or not 0 <= rate <= 1:
        raise UnknownOperationError("dropout of what has no examples")
    size = prod(value.shape[1 + value.folded :]) if channels else 1
    groups = value.size // size
    out = builder.register(value.size, True, value.register.learns)
    factors = builder.register(groups, True, False)
    fields = [1, value.register, out, factors, groups, size, builder.dropouts if layer is None else layer, SKIP]
    builder.add(DROPOUT, fields, [1, 7], [out], [rate])
    builder.dropouts += layer is None
    return replace(value, register=out)
