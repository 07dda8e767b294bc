"""Layers that look up and layers that remember."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from torch import nn

from ikura.population.program.builder import Codes, Kind, States, UnknownOperationError, Value, Weight
from ikura.population.program.calls import LAYERS, Call, flag_of, learns, place_of
from ikura.population.program.layers import drop_inside
from ikura.population.program.operations import embedding, recurrent
from ikura.population.program.operations.frame import SKIP
from ikura.population.program.shaping import concatenate, slices

__all__: list[str] = []

EMBEDDING = Kind("embedding", embedding.embedding_forward, embedding.embedding_backward)
LSTM = Kind("LSTM", recurrent.lstm_forward, recurrent.lstm_backward)
GRU = Kind("GRU", recurrent.gru_forward, recurrent.gru_backward)
PLAIN = Kind("recurrent layer", recurrent.plain_forward, recurrent.plain_backward)


def _looked_up(call: Call, codes: Any, weight: Weight, padding: int | None, many: int = 0) -> Value:
    if not isinstance(codes, Codes):
        raise UnknownOperationError("places that are computed")
    columns = codes.columns.reshape(-1)
    if columns.size == 0 or not np.array_equal(columns, columns[0] + np.arange(columns.size)):
        raise UnknownOperationError("columns that do not lie side by side")
    rows, size = weight.shape
    shape = (size,) if many else (*codes.columns.shape, size)
    out = call.builder.register(prod(shape), True, weight.learns)
    skipped = -1 if padding is None else padding % rows
    call.builder.add(
        EMBEDDING, [out, weight.place, columns[0], columns.size, rows, size, skipped, flag_of(weight), many], (), [out]
    )
    return Value(out, shape)


def _embedding(call: Call, layer: nn.Embedding, codes: Any) -> Value:
    if layer.max_norm is not None or layer.scale_grad_by_freq or layer.sparse:
        raise UnknownOperationError("max_norm, scale_grad_by_freq or sparse")
    return _looked_up(call, codes, call.weights[id(layer.weight)], layer.padding_idx)


def _bag(call: Call, layer: nn.EmbeddingBag, codes: Any, offsets: Any = None, weights: Any = None) -> Value:
    kinds = {"sum": 1, "mean": 2}
    odd = layer.max_norm is not None or layer.scale_grad_by_freq or layer.sparse
    if odd or offsets is not None or weights is not None or layer.mode not in kinds:
        raise UnknownOperationError("offsets, weights, max_norm, sparse or mode='max'")
    if not isinstance(codes, Codes) or codes.columns.ndim != 1:
        raise UnknownOperationError("bags that are no rows")
    return _looked_up(call, codes, call.weights[id(layer.weight)], layer.padding_idx, kinds[layer.mode])


LAYERS |= {nn.Embedding: _embedding, nn.EmbeddingBag: _bag}


def _recurrent(call: Call, layer: Any, x: Any, hx: Any = None) -> tuple[Value, Any]:
    if hx is not None:
        raise UnknownOperationError("an initial state")
    if getattr(layer, "proj_size", 0):
        raise UnknownOperationError("proj_size")
    value, builder = call.value(x), call.builder
    first = 0 if layer.batch_first else 1
    if value.axis != first or value.folded or len(value.shape) != 2:
        raise UnknownOperationError("examples that are not the axis that batch_first says")
    value = replace(value, axis=0)
    kind, count, beside = {"LSTM": (LSTM, 4, 1), "GRU": (GRU, 3, 3)}.get(layer.mode, (PLAIN, 1, 0))
    steps, units, last = value.shape[0], layer.hidden_size, []
    for depth in range(layer.num_layers):
        ways = []
        for way in range(2 if layer.bidirectional else 1):
            ends = f"l{depth}{'_reverse' * way}"
            w, u = (
                call.weights[id(getattr(layer, f"weight_ih_{ends}"))],
                call.weights[id(getattr(layer, f"weight_hh_{ends}"))],
            )
            b = call.weight(getattr(layer, f"bias_ih_{ends}")) if layer.bias else None
            c = call.weight(getattr(layer, f"bias_hh_{ends}")) if layer.bias else None
            out = builder.register(steps * units, True, learns(value, w, u))
            gates = builder.register(steps * units * count, True, False)
            more = builder.register(steps * units * max(beside, 1), True, False)
            builder.add(
                kind,
                [value.register, out, gates, more, w.place, u.place, place_of(b), place_of(c), steps, value.shape[-1],
                 units, way, SKIP, flag_of(w), flag_of(b), int(layer.mode == "RNN_RELU")],
                [0, 12], [out],
            )  # fmt: skip
            ways.append(Value(out, (steps, units)))
            last.append(slices(builder, ways[-1], [slice(None), 0 if way else steps - 1, slice(None)]))
        value = ways[0] if len(ways) == 1 else concatenate(builder, ways, -1)
        if layer.dropout and depth < layer.num_layers - 1:
            value = drop_inside(builder, value, layer.dropout)
    state = States(tuple(last))
    return replace(value, axis=first), (state, _Unknown()) if layer.mode == "LSTM" else state


class _Unknown:
    """What a layer gives besides, that a program does not know."""


for _kind in (nn.LSTM, nn.GRU, nn.RNN):
    LAYERS[_kind] = _recurrent
