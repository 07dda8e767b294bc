"""Values reshaped, permuted, sliced, joined, padded: what a forward calls."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import nn

from ikura.population.program.builder import Builder, Codes, States, UnknownOperationError, Value
from ikura.population.program.calls import FUNCTIONS, LAYERS, Call, register
from ikura.population.program.shaping import batch_axis, broadcast_to, concatenate, permute, slices

__all__: list[str] = []


def _reshape(call: Call, x: Any, *shape: Any, **named: Any) -> Value:
    return call.reshaped(x)


def _permute(call: Call, x: Any, *order: Any, dims: Any = None) -> Value:
    every = dims if dims is not None else order[0] if isinstance(order[0], tuple | list) else order
    return permute(call.builder, call.value(x), every)


def _transpose(call: Call, x: Any, dim0: int, dim1: int) -> Value:
    value = call.value(x)
    order = list(range(value.dimensions()))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(call.builder, value, order)


def _turned(call: Call, x: Any) -> Value:
    return _transpose(call, x, 0, 1)


def _getitem(call: Call, x: Any, index: Any) -> Any:
    if isinstance(x, tuple | list):
        return x[index]
    if isinstance(x, States) and isinstance(index, int):
        return x.values[index]
    if isinstance(x, Codes):
        if not (isinstance(index, tuple) and index[0] == slice(None)):
            raise UnknownOperationError("a part of the examples")
        return Codes(x.columns[index[1:]])
    value = call.value(x)
    spans = list(index) if isinstance(index, tuple) else [index]
    known = sum(one is not None and one is not Ellipsis for one in spans)
    rest = [slice(None)] * (value.dimensions() - known)
    if Ellipsis in [one for one in spans if one is Ellipsis]:
        place = next(i for i, one in enumerate(spans) if one is Ellipsis)
        spans[place : place + 1] = rest
    else:
        spans += rest
    if any(not (one is None or isinstance(one, int | slice)) or isinstance(one, bool) for one in spans):
        raise UnknownOperationError("an index that is computed")
    return slices(call.builder, value, spans)


def _chunk(call: Call, x: Any, *args: Any, **kwargs: Any) -> tuple[Value, ...]:
    value = call.value(x)
    parts = call.graph.found[call.node][0]
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    axis, begin, found = dim % value.dimensions(), 0, []
    for part in parts:
        spans: list[Any] = [slice(None)] * value.dimensions()
        spans[axis] = slice(begin, begin + part.shape[axis])
        begin += part.shape[axis]
        found.append(slices(call.builder, value, spans))
    return tuple(found)


def _unbind(call: Call, x: Any, dim: int = 0) -> tuple[Value, ...]:
    value = call.value(x)
    axis, found = dim % value.dimensions(), []
    for place in range(len(call.graph.found[call.node][0])):
        spans: list[Any] = [slice(None)] * value.dimensions()
        spans[axis] = place
        found.append(slices(call.builder, value, spans))
    return tuple(found)


def _cat(call: Call, tensors: Any, dim: int = 0) -> Value:
    return concatenate(call.builder, [call.value(one) for one in tensors], dim)


def _stack(call: Call, tensors: Any, dim: int = 0) -> Value:
    values = [call.value(one) for one in tensors]
    place = dim % (values[0].dimensions() + 1)
    spans: list[Any] = [slice(None)] * values[0].dimensions()
    spans.insert(place, None)
    return concatenate(call.builder, [slices(call.builder, one, spans) for one in values], place)


def _expand(call: Call, x: Any, *sizes: Any) -> Value:
    first, second = call.shapes()
    value = call.value(x)
    axis, per_row = batch_axis(first, second, call.graph.rows)
    if per_row != 1:
        raise UnknownOperationError("examples spread over another axis")
    shape = first if axis is None else (*first[:axis], *first[axis + 1 :])
    register = Builder().register(int(np.prod(shape)), axis is not None, False)
    return broadcast_to(call.builder, value, Value(register, tuple(shape), axis))


def _as_it_is(call: Call, x: Any, *args: Any, **kwargs: Any) -> Any:
    return x


def _to(call: Call, x: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(x, Codes):
        if call.graph.found[call.node][0].is_floating_point():
            raise UnknownOperationError("whole numbers made floats")
        return x
    if not call.graph.found[call.node][0].is_floating_point():
        raise UnknownOperationError("a conversion to whole numbers")
    return x


register(("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze"), _reshape, torch)
for _names, _handler in (
    (("permute",), _permute),
    (("transpose", "swapaxes"), _transpose),
    (("t",), _turned),
    (("chunk", "split"), _chunk),
    (("unbind",), _unbind),
    (("cat", "concat", "concatenate"), _cat),
    (("stack",), _stack),
    (("expand", "expand_as", "broadcast_to"), _expand),
    (("contiguous", "clone"), _as_it_is),
    (("float", "double", "to", "type_as", "long", "int"), _to),
):
    register(_names, _handler, torch)
FUNCTIONS[operator.getitem] = _getitem
LAYERS |= {nn.Flatten: lambda call, layer, x: call.reshaped(x), nn.Unflatten: lambda call, layer, x: call.reshaped(x)}
