"""Products of matrices and attention."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

from ikura.population.program.builder import Kind, UnknownOperationError, Value, Weight
from ikura.population.program.calls import FUNCTIONS, LAYERS, Call, register
from ikura.population.program.layers import binary, drop_inside, multiply_weight
from ikura.population.program.operations import matrices
from ikura.population.program.operations.frame import SKIP
from ikura.population.program.reducing import softmax_of
from ikura.population.program.shaping import permute

__all__: list[str] = []

MATRICES = Kind("product of matrices", matrices.matrices_forward, matrices.matrices_backward)


def _matrices(call: Call, x: Any, z: Any, factor: float = 1.0, turned: bool = False) -> Value:
    """x z, or x zᵀ, over the last two axes."""
    first, second, builder = call.value(x), call.value(z), call.builder
    if len(first.shape) < 1 or len(second.shape) < 2 or first.folded or second.folded:
        raise UnknownOperationError("a product of vectors, or of examples that are folded")
    single = len(first.shape) == 1
    if single:
        if second.axis is not None or first.axis != 0:
            raise UnknownOperationError("a product of vectors")
        first = replace(first, shape=(1, *first.shape))
    m, k = first.shape[-2:]
    width = second.shape[-2] if turned else second.shape[-1]
    if any(v.axis is not None and v.axis >= v.dimensions() - 2 for v in (first, second)) and not single:
        raise UnknownOperationError("a product along the examples")
    if second.axis is None and len(second.shape) == 2:
        each, one = prod(first.shape[:-2]), 1
    else:
        lead = [v.shape[:-2] for v in (first, second)]
        if lead[0] != lead[1] or (first.axis is not None and second.axis is not None and first.axis != second.axis):
            raise UnknownOperationError("products of matrices that are spread over each other")
        each, one = prod(lead[0]), 0
    a, b = first.register, second.register
    rows = a.rows or b.rows
    out = builder.register(each * m * width, rows, a.learns or b.learns)
    builder.add(
        MATRICES,
        [int(rows), a, b, out, each, m, width, k, int(a.rows), int(b.rows), int(turned), SKIP, SKIP, one],
        [1, 11, 2, 12], [out], [factor],
    )  # fmt: skip
    like = first if first.axis is not None else second
    shape = (*first.shape[:-2], width) if single else (*like.shape[:-2], m, width)
    return Value(out, shape, like.axis if rows else None)


def _matmul(call: Call, x: Any, z: Any) -> Value:
    if isinstance(z, Weight) and len(z.shape) == 1:
        raise UnknownOperationError("a product with a vector")
    return _matrices(call, x, z)


register(("matmul", "bmm", "mm", "__matmul__"), _matmul, torch)
FUNCTIONS[operator.matmul] = _matmul


def _attention(
    call: Call, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Value:  # fmt: skip
    q, k, v = (call.value(one) for one in (query, key, value))
    if enable_gqa:
        raise UnknownOperationError("grouped queries")
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = _matrices(call, q, k, factor, turned=True)
    if is_causal:
        m, n = scores.shape[-2:]
        attn_mask = torch.ones(m, n, dtype=torch.bool).tril()
    if attn_mask is not None:
        scores = binary(call.builder, scores, _mask(call, attn_mask), "add")
    shares = softmax_of(call, scores, -1)
    if dropout_p:
        shares = drop_inside(call.builder, shares, dropout_p)
    return _matrices(call, shares, v)


def _mask(call: Call, mask: Any) -> Value:
    """A mask as numbers to be added: those of floats, or minus infinity where it is False."""
    if isinstance(mask, Tensor):
        values = np.where(mask.numpy(), 0.0, -np.inf) if mask.dtype is torch.bool else mask.double().numpy()
        return call.builder.constant(values)
    return call.value(mask)


def _heads(call: Call, value: Value, heads: int) -> Value:
    """(rows, steps, width) as (rows, heads, steps, width / heads)."""
    steps, width = value.shape
    split = replace(value, shape=(steps, heads, width // heads))
    return permute(call.builder, split, (0, 2, 1, 3))


def _part(weight: Weight | None, begin: int, rows: int) -> Weight | None:
    if weight is None:
        return None
    width = prod(weight.shape[1:])
    return replace(weight, place=weight.place + begin * width, shape=(rows, *weight.shape[1:]))


def _multihead(call: Call, layer: Any, query: Any, key: Any, value: Any, mask: Any, causal: bool) -> Value:
    q, k, v = (call.value(one) for one in (query, key, value))
    width, heads = layer.embed_dim, layer.num_heads
    if not layer._qkv_same_embed_dim or layer.bias_k is not None or layer.add_zero_attn:
        raise UnknownOperationError("kdim, vdim, add_bias_kv or add_zero_attn")
    turned = not layer.batch_first
    if turned:
        if any(one.axis != 1 or one.folded for one in (q, k, v)):
            raise UnknownOperationError("examples that are not the second axis")
        q, k, v = (replace(one, axis=0) for one in (q, k, v))
    if any(one.axis != 0 or one.folded or len(one.shape) != 2 for one in (q, k, v)):
        raise UnknownOperationError("inputs of other than three axes")
    weight, bias = call.weight(layer.in_proj_weight), call.weight(layer.in_proj_bias)
    parts = []
    for place, one in enumerate((q, k, v)):
        own = _part(weight, place * width, width)
        assert own is not None
        projected = multiply_weight(call.builder, one, own, _part(bias, place * width, width))
        parts.append(_heads(call, projected, heads))
    # A mask of booleans says here what is left out.
    if isinstance(mask, Tensor) and mask.dtype is torch.bool:
        mask = ~mask
    rate = layer.dropout if layer.training else 0.0
    mixed = _attention(call, parts[0], parts[1], parts[2], mask, rate, causal and mask is None)
    joined = permute(call.builder, mixed, (0, 2, 1, 3))
    joined = replace(joined, shape=q.shape)
    out = multiply_weight(
        call.builder, joined, call.weights[id(layer.out_proj.weight)], call.weight(layer.out_proj.bias)
    )
    return replace(out, axis=1) if turned else out


def _multihead_layer(
    call: Call, layer: Any, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
    attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Value, None]:  # fmt: skip
    if key_padding_mask is not None:
        raise UnknownOperationError("key_padding_mask")
    return _multihead(call, layer, query, key, value, attn_mask, False), None


def _encoder_layer(
    call: Call, layer: Any, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
) -> Value:
    if src_key_padding_mask is not None:
        raise UnknownOperationError("src_key_padding_mask")
    x, builder = call.value(src), call.builder

    def normed(norm: Any, value: Value) -> Value:
        return LAYERS[type(norm)](call, norm, value)

    def dropped(part: Any, value: Value) -> Value:
        return drop_inside(builder, value, part.p)

    def attended(value: Value) -> Value:
        out = _multihead(call, layer.self_attn, value, value, value, src_mask, False)
        return dropped(layer.dropout1, out)

    def fed(value: Value) -> Value:
        hidden = LAYERS[nn.Linear](call, layer.linear1, value)
        activation = layer.activation
        handler = FUNCTIONS.get(activation)
        if handler is None and isinstance(activation, nn.Module) and type(activation) in LAYERS:
            hidden = LAYERS[type(activation)](call, activation, hidden)
        elif handler is not None:
            hidden = handler(call, hidden)
        else:
            raise UnknownOperationError("an activation of one's own")
        return dropped(layer.dropout2, LAYERS[nn.Linear](call, layer.linear2, dropped(layer.dropout, hidden)))

    if layer.norm_first:
        x = binary(builder, x, attended(normed(layer.norm1, x)), "add")
        return binary(builder, x, fed(normed(layer.norm2, x)), "add")
    x = normed(layer.norm1, binary(builder, x, attended(x), "add"))
    return normed(layer.norm2, binary(builder, x, fed(x), "add"))


def _encoder(
    call: Call, encoder: Any, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: Any = None
) -> Value:
    for layer in encoder.layers:
        if type(layer) is not nn.TransformerEncoderLayer:
            raise UnknownOperationError(type(layer).__name__)
        src = _encoder_layer(call, layer, src, mask, src_key_padding_mask)
    return src if encoder.norm is None else LAYERS[type(encoder.norm)](call, encoder.norm, src)


FUNCTIONS[F.scaled_dot_product_attention] = _attention
LAYERS |= {
    nn.MultiheadAttention: _multihead_layer, nn.TransformerEncoderLayer: _encoder_layer,
    nn.TransformerEncoder: _encoder,
}  # fmt: skip
