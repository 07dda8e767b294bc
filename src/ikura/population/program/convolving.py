"""Layers that convolve, pool and pad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

from ikura.population.program.builder import Kind, UnknownOperationError, Value
from ikura.population.program.calls import FUNCTIONS, LAYERS, Call, Handler, flag_of, learns, place_of
from ikura.population.program.operations import convolution
from ikura.population.program.operations.frame import SKIP
from ikura.population.program.shaping import pad

__all__: list[str] = []

CONVOLUTION = Kind("convolution", convolution.convolution_forward, convolution.convolution_backward)
POOL = Kind("pooling", convolution.pool_forward, convolution.pool_backward)


def _pair(one: Any) -> tuple[int, int]:
    if isinstance(one, int):
        return one, one
    first, second = one
    return int(first), int(second)


def _flat_pair(one: Any) -> int:
    return int(one if isinstance(one, int) else one[0])


def _images(value: Value, dimensions: int) -> tuple[int, int, int, int]:
    """Images of a row, channels, height and width."""
    if value.axis != 0 or len(value.shape) != dimensions + 1 + value.folded:
        raise UnknownOperationError("channels that do not follow the examples")
    count = value.shape[0] if value.folded else 1
    shape = value.shape[value.folded :]
    return (count, shape[0], shape[1], shape[2]) if dimensions == 2 else (count, shape[0], 1, shape[1])


def _shaped(value: Value, register: Any, channels: int, size: Sequence[int]) -> Value:
    before = value.shape[:1] if value.folded else ()
    return replace(value, register=register, shape=(*before, channels, *size))


def _convolution(call: Call, layer: Any, x: Any, dimensions: int) -> Value:
    value = call.value(x)
    if layer.padding_mode != "zeros":
        raise UnknownOperationError(f"padding_mode {layer.padding_mode!r}")
    images, channels, height, width = _images(value, dimensions)
    if dimensions == 2:
        kernel, stride, dilation = (_pair(one) for one in (layer.kernel_size, layer.stride, layer.dilation))
    else:
        kernel, stride, dilation = ((1, _flat_pair(one)) for one in (layer.kernel_size, layer.stride, layer.dilation))
    if layer.padding == "same":
        totals = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        if any(one % 2 for one in totals):
            raise UnknownOperationError("padding that is not the same on both sides")
        padding = totals[0] // 2, totals[1] // 2
    elif layer.padding == "valid":
        padding = 0, 0
    else:
        padding = _pair(layer.padding) if dimensions == 2 else (0, _flat_pair(layer.padding))
    out_h, out_w = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip((height, width), padding, dilation, kernel, stride, strict=True)
    )
    weight, bias, builder = call.weight(layer.weight), call.weight(layer.bias), call.builder
    out = builder.register(images * layer.out_channels * out_h * out_w, True, learns(value, weight, bias))
    depth = channels // layer.groups * kernel[0] * kernel[1]
    patches = builder.register(depth * out_h * out_w, False, False)
    builder.add(
        CONVOLUTION,
        [value.register, out, place_of(weight), place_of(bias), patches, images, channels, height, width,
         layer.out_channels, *kernel, *stride, *padding, *dilation, layer.groups, out_h, out_w, SKIP, flag_of(weight),
         flag_of(bias)],
        [0, 21], [out],
    )  # fmt: skip
    return _shaped(value, out, layer.out_channels, (out_h, out_w) if dimensions == 2 else (out_w,))


def _pool(
    call: Call, x: Any, dimensions: int, kind: int, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Value:
    value = call.value(x)
    images, channels, height, width = _images(value, dimensions)
    size = call.graph.found[call.node][0].shape[-dimensions:]
    each = [one if dimensions == 2 else (None, one) for one in (kernel, stride, padding, dilation)]
    if dimensions == 2:
        windows = [_pair(one) for one in each]
    else:
        windows = [(plain, _flat_pair(one[1])) for plain, one in zip((1, 1, 0, 1), each, strict=True)]
        if kernel == 0:
            windows[0] = (0, 0)
    out_h, out_w = size if dimensions == 2 else (1, size[0])
    builder = call.builder
    out = builder.register(images * channels * out_h * out_w, True, value.register.learns)
    where = builder.register(out.size, True, False)
    fields = [value.register, out, where, images * channels, height, width, *(n for pair in windows for n in pair)]
    builder.add(POOL, [*fields, out_h, out_w, SKIP, kind], [0, 16], [out])
    return _shaped(value, out, channels, tuple(size))


def _max_pool(dimensions: int) -> Handler:
    def handle(
        call: Call, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Value:  # fmt: skip
        if return_indices:
            raise UnknownOperationError("places of maxima")
        return _pool(call, x, dimensions, 0, kernel_size, kernel_size if stride is None else stride, padding, dilation)

    return handle


def _mean_pool(dimensions: int) -> Handler:
    def handle(
        call: Call, x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Value:  # fmt: skip
        if divisor_override is not None:
            raise UnknownOperationError("a divisor of one's own")
        stride = kernel_size if stride is None else stride
        return _pool(call, x, dimensions, 1 if count_include_pad else 2, kernel_size, stride, padding, 1)

    return handle


def _adaptive(dimensions: int, kind: int) -> Handler:
    def handle(call: Call, x: Any, output_size: Any, return_indices: bool = False) -> Value:
        return _pool(call, x, dimensions, kind, 0, 1, 0, 1)

    return handle


for _n, _conv in ((1, nn.Conv1d), (2, nn.Conv2d)):
    LAYERS[_conv] = lambda call, layer, x, _n=_n: _convolution(call, layer, x, _n)
    _largest, _mean, _fit_mean, _fit_largest = _max_pool(_n), _mean_pool(_n), _adaptive(_n, 1), _adaptive(_n, 0)
    LAYERS |= {
        getattr(nn, f"MaxPool{_n}d"): lambda call, layer, x, f=_largest: f(
            call, x, layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode,
            layer.return_indices,
        ),
        getattr(nn, f"AvgPool{_n}d"): lambda call, layer, x, f=_mean: f(
            call, x, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode, layer.count_include_pad,
            getattr(layer, "divisor_override", None),
        ),
        getattr(nn, f"AdaptiveAvgPool{_n}d"): lambda call, layer, x, f=_fit_mean: f(call, x, layer.output_size),
        getattr(nn, f"AdaptiveMaxPool{_n}d"): lambda call, layer, x, f=_fit_largest: f(call, x, layer.output_size),
    }  # fmt: skip
    FUNCTIONS |= {
        getattr(F, f"max_pool{_n}d"): _largest,
        getattr(F, f"avg_pool{_n}d"): _mean,
        getattr(F, f"adaptive_avg_pool{_n}d"): _fit_mean,
        getattr(F, f"adaptive_max_pool{_n}d"): _fit_largest,
    }


def _padded(call: Call, x: Any, pad_: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
    one = call.value(x)
    if mode != "constant":
        raise UnknownOperationError(f"mode {mode!r}")
    widths = [(0, 0)] * len(one.shape)
    for place in range(len(pad_) // 2):
        own = one.own_axis(-1 - place)
        widths[own] = (int(pad_[2 * place]), int(pad_[2 * place + 1]))
    return pad(call.builder, one, widths, value or 0.0)


FUNCTIONS[F.pad] = lambda call, x, pad, mode="constant", value=None: _padded(call, x, pad, mode, value)
LAYERS |= dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d), lambda call, layer, x: _padded(call, x, layer.padding))
LAYERS |= dict.fromkeys(
    (nn.ConstantPad1d, nn.ConstantPad2d), lambda call, layer, x: _padded(call, x, layer.padding, value=layer.value)
)
