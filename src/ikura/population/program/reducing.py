"""Sums, means, maxima, norms, softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

from ikura.population.program.builder import Kind, UnknownOperationError, Value, Weight
from ikura.population.program.calls import FUNCTIONS, LAYERS, Call, Handler, register
from ikura.population.program.layers import apply, binary, scaled
from ikura.population.program.operations import reduction
from ikura.population.program.operations.frame import SKIP
from ikura.population.program.shaping import broadcast_to, slices

__all__ = ["softmax_of"]

SUM = Kind("sum", reduction.sum_forward, reduction.sum_backward)
MAXIMUM = Kind("maximum", reduction.maximum_forward, reduction.maximum_backward)
SOFTMAX = Kind("softmax", reduction.softmax_forward, reduction.softmax_backward)


def _axes(value: Value, dim: Any) -> list[int]:
    every = range(value.dimensions()) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    return sorted(value.own_axis(axis) for axis in every)


def _along(call: Call, value: Value, axes: Sequence[int]) -> tuple[Value, int, int, int]:
    """The value with these axes of its shape side by side, and the numbers before, along and behind them."""
    if not axes:
        raise UnknownOperationError("no axis")
    if list(axes) != list(range(axes[0], axes[0] + len(axes))):
        raise UnknownOperationError("axes that are not neighbours")
    if value.folded and axes[0] == 0:
        raise UnknownOperationError("an operation along the examples")
    shape = value.shape
    return value, prod(shape[: axes[0]]), prod(shape[i] for i in axes), prod(shape[axes[-1] + 1 :])


def _reduced(value: Value, register: Any, axes: Sequence[int], keepdim: bool) -> Value:
    shape = [1 if i in axes else n for i, n in enumerate(value.shape) if keepdim or i not in axes]
    axis = value.axis
    if axis and not keepdim:
        axis -= sum(one < axis for one in axes)
    return Value(register, tuple(shape), axis, value.folded)


def _sum(call: Call, value: Value, axes: Sequence[int], keepdim: bool, factor: float) -> Value:
    value, before, along, behind = _along(call, value, axes)
    out = call.builder.register(before * behind, value.register.rows, value.register.learns)
    fields = [int(out.rows), value.register, out, before, along, behind, SKIP]
    call.builder.add(SUM, fields, [1, 6], [out], [factor])
    return _reduced(value, out, axes, keepdim)


def _summed(call: Call, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
    value = call.value(x)
    return _sum(call, value, _axes(value, dim), keepdim, 1.0)


def _averaged(call: Call, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
    value = call.value(x)
    axes = _axes(value, dim)
    return _sum(call, value, axes, keepdim, 1.0 / prod(value.shape[i] for i in axes))


def _largest_along(call: Call, x: Any, dim: int, keepdim: bool = False) -> Value:
    value = call.value(x)
    axes = _axes(value, dim)
    value, before, along, behind = _along(call, value, axes)
    out = call.builder.register(before * behind, value.register.rows, value.register.learns)
    where = call.builder.register(before * behind, value.register.rows, False)
    fields = [int(out.rows), value.register, out, before, along, behind, SKIP, where]
    call.builder.add(MAXIMUM, fields, [1, 6], [out])
    return _reduced(value, out, axes, keepdim)


def _maximum(call: Call, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if isinstance(dim, Value | Weight):
        return binary(call.builder, call.value(x), call.value(dim), "maximum")
    if not isinstance(dim, int):
        raise UnknownOperationError("the maximum of everything")
    return _largest_along(call, x, dim, keepdim), None


def _amax(call: Call, x: Any, dim: Any = (), keepdim: bool = False) -> Value:
    if not isinstance(dim, int):
        raise UnknownOperationError("a maximum along several axes")
    return _largest_along(call, x, dim, keepdim)


def softmax_of(call: Call, value: Value, dim: int, logarithm: bool = False) -> Value:
    """Softmax along an axis, or its logarithm."""
    value, before, along, behind = _along(call, value, [value.own_axis(dim)])
    register = value.register
    out = call.builder.register(register.size, register.rows, register.learns)
    fields = [int(out.rows), register, out, before, along, behind, SKIP, int(logarithm)]
    call.builder.add(SOFTMAX, fields, [1, 6], [out])
    return replace(value, register=out)


def _softmax(logarithm: bool) -> Handler:
    def handle(call: Call, x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Value:
        if dim is None:
            raise UnknownOperationError("no dim")
        return softmax_of(call, call.value(x), dim, logarithm)

    return handle


def _norm_of(call: Call, x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Value:
    if p not in (2, 2.0, "fro") or dim is None:
        raise UnknownOperationError("a norm other than the Euclidean one along an axis")
    value = call.value(x)
    squares = apply(call.builder, value, "square")
    return apply(call.builder, _sum(call, squares, _axes(value, dim), keepdim, 1.0), "root")


def _normalised(call: Call, x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Value:
    length = apply(call.builder, _norm_of(call, x, p, dim, True), "clamp", eps, math.inf)
    return binary(call.builder, call.value(x), length, "divide")


register(("sum",), _summed, torch)
register(("mean",), _averaged, torch)
register(("max",), _maximum, torch)
register(("amax",), _amax, torch)
register(("norm",), _norm_of, torch)
register(("softmax",), _softmax(False), torch, F)
register(("log_softmax",), _softmax(True), torch, F)
FUNCTIONS[F.normalize] = _normalised
LAYERS |= {
    nn.Softmax: lambda call, layer, x: _softmax(False)(call, x, layer.dim),
    nn.LogSoftmax: lambda call, layer, x: _softmax(True)(call, x, layer.dim),
}


def _prelu(call: Call, layer: nn.PReLU, x: Any) -> Value:
    value, builder = call.value(x), call.builder
    slope = builder.weight(call.weights[id(layer.weight)])
    if slope.size > 1:
        if value.axis != 0 or value.folded:
            raise UnknownOperationError("channels that do not follow the examples")
        slope = replace(slope, shape=(slope.size, *(1 for _ in value.shape[1:])))
    below = scaled(builder, apply(builder, scaled(builder, value, -1.0), "relu"), -1.0)
    spread = broadcast_to(builder, slope, value)
    return binary(builder, apply(builder, value, "relu"), binary(builder, below, spread, "multiply"), "add")


def _gated(call: Call, x: Any, dim: int = -1) -> Value:
    value, builder = call.value(x), call.builder
    half = value.shape[value.own_axis(dim)] // 2
    axis = dim % value.dimensions()
    parts = []
    for begin in (0, half):
        spans: list[Any] = [slice(None)] * value.dimensions()
        spans[axis] = slice(begin, begin + half)
        parts.append(slices(builder, value, spans))
    return binary(builder, parts[0], apply(builder, parts[1], "sigmoid"), "multiply")


def _masked(call: Call, x: Any, mask: Any, value: Any) -> Value:
    if not isinstance(mask, Tensor) or not isinstance(value, int | float):
        raise UnknownOperationError("a mask that is computed")
    hidden = mask.numpy().astype(bool)
    kept = binary(call.builder, call.value(x), call.builder.constant(np.where(hidden, 0.0, 1.0)), "multiply")
    return binary(call.builder, kept, call.builder.constant(np.where(hidden, float(value), 0.0)), "add")


register(("masked_fill", "masked_fill_"), _masked)
FUNCTIONS[F.glu] = _gated
LAYERS |= {nn.PReLU: _prelu, nn.GLU: lambda call, layer, x: _gated(call, x, layer.dim)}
