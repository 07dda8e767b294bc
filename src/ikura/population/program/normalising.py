"""Layers that normalise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

from ikura.population.program.builder import Kind, UnknownOperationError, Value, Weight
from ikura.population.program.calls import FUNCTIONS, LAYERS, Call, flag_of, learns, place_of
from ikura.population.program.operations import normalisation
from ikura.population.program.operations.frame import SKIP

__all__: list[str] = []

BATCH = Kind("batch normalisation", normalisation.batch_forward, normalisation.batch_backward)
GROUP = Kind("normalisation", normalisation.group_forward, normalisation.group_backward)


def _batch_norm(call: Call, layer: Any, x: Any) -> Value:
    value = call.value(x)
    if value.axis != 0 or not layer.track_running_stats or layer.running_mean is None:
        raise UnknownOperationError("statistics of the mini-batch in evaluation")
    shape = value.shape[1:] if value.folded else value.shape
    tables, channels, positions = (value.shape[0] if value.folded else 1), shape[0], prod(shape[1:])
    gamma, beta = call.weight(layer.weight), call.weight(layer.bias)
    buffers = [call.weight(one) for one in (layer.running_mean, layer.running_var, layer.num_batches_tracked)]
    builder = call.builder
    out = builder.register(value.size, True, learns(value, gamma, beta))
    hat, own = builder.register(value.size, True, False), builder.register(2 * channels, False, False)
    builder.add(
        BATCH,
        [value.register, out, hat, own, place_of(gamma), place_of(beta), *map(place_of, buffers), tables, channels,
         positions, SKIP, flag_of(gamma), flag_of(beta)],
        [0, 12], [out], [layer.eps, -1.0 if layer.momentum is None else layer.momentum],
    )  # fmt: skip
    builder.normalises = True
    return replace(value, register=out)


def _grouped(
    call: Call, value: Value, groups: int, size: int, shared: int, gamma: Weight | None, beta: Weight | None,
    eps: float, keeps_mean: bool = False,
) -> Value:  # fmt: skip
    builder, register = call.builder, value.register
    out = builder.register(value.size, register.rows, learns(value, gamma, beta))
    hat, inverse = builder.register(value.size, register.rows, False), builder.register(groups, register.rows, False)
    length = max((prod(one.shape) for one in (gamma, beta) if one is not None), default=1)
    builder.add(
        GROUP,
        [int(out.rows), register, out, hat, inverse, place_of(gamma), place_of(beta), groups, size, shared, length,
         int(keeps_mean), SKIP, flag_of(gamma), flag_of(beta)],
        [1, 12], [out], [eps],
    )  # fmt: skip
    return replace(value, register=out)


def _layer_norm(
    call: Call, x: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Value:
    value, size = call.value(x), prod(normalized_shape)
    if value.shape[-len(normalized_shape) :] != tuple(normalized_shape):
        raise UnknownOperationError("statistics along the examples")
    return _grouped(call, value, value.size // size, size, 1, weight, bias, eps)


def _rms_norm(call: Call, layer: Any, x: Any) -> Value:
    value, size = call.value(x), prod(layer.normalized_shape)
    if value.shape[-len(layer.normalized_shape) :] != tuple(layer.normalized_shape):
        raise UnknownOperationError("statistics along the examples")
    if layer.eps is None:
        raise UnknownOperationError("an eps that depends on the precision")
    return _grouped(call, value, value.size // size, size, 1, call.weight(layer.weight), None, layer.eps, True)


def _group_norm(call: Call, layer: Any, x: Any, groups: int | None = None) -> Value:
    value = call.value(x)
    if value.axis != 0 or value.folded:
        raise UnknownOperationError("channels that do not follow the examples")
    groups = groups or layer.num_groups
    positions = prod(value.shape[1:])
    return _grouped(
        call, value, groups, value.size // groups, positions, call.weight(layer.weight), call.weight(layer.bias),
        layer.eps,
    )  # fmt: skip


def _instance_norm(call: Call, layer: Any, x: Any) -> Value:
    if layer.track_running_stats:
        raise UnknownOperationError("running statistics")
    return _group_norm(call, layer, x, call.value(x).shape[0])


LAYERS |= dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _batch_norm)
LAYERS |= dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d), _instance_norm)
LAYERS |= {
    nn.LayerNorm: lambda call, layer, x: _layer_norm(
        call, x, layer.normalized_shape, call.weight(layer.weight), call.weight(layer.bias), layer.eps
    ),
    nn.GroupNorm: _group_norm,
    nn.RMSNorm: _rms_norm,
}
FUNCTIONS[F.layer_norm] = _layer_norm
