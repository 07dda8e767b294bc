"""The layer that encodes numeric columns."""

from __future__ import annotations

from itertools import pairwise
from math import pi

import numpy as np
import torch
from torch import Tensor, nn

from ikura.nn.encoding import CLIP, NumericEncoding

__all__ = ["EncodingLayer", "encoding_layer"]

FAR = float(np.finfo(np.float32).max)
"""Stands for infinity in bounds, which files hold as finite numbers."""


class EncodingLayer(nn.Module):
    """What is common to all: x of shape (rows, inputs) becomes [other columns, encoded columns].

    Args:
        encoding: what becomes of which columns.
    """

    columns: Tensor
    others: Tensor

    def __init__(self, encoding: NumericEncoding) -> None:
        super().__init__()
        self._constant("others", torch.tensor(encoding.others, dtype=torch.int64))
        self._constant("columns", torch.tensor(encoding.columns, dtype=torch.int64))

    def _constant(self, name: str, values: Tensor) -> None:
        self.register_buffer(name, values, persistent=False)

    def encoded(self, values: Tensor) -> Tensor:
        """Encode values of shape (rows, columns): shape (rows, sum of their sizes)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Encode x, shape (rows, inputs): shape (rows, width)."""
        encoded = self.encoded(x.index_select(1, self.columns))
        return torch.cat([x.index_select(1, self.others), encoded.to(x.dtype)], 1)


class Robust(EncodingLayer):
    """Robust scaling z = (v - m) s, softly clipped: z / √(1 + (z/3)²)."""

    centre: Tensor
    scale: Tensor

    def __init__(self, encoding: NumericEncoding) -> None:
        super().__init__(encoding)
        centre, scale = zip(*encoding.numbers, strict=True)
        self._constant("centre", torch.tensor(centre, dtype=torch.float64))
        self._constant("scale", torch.tensor(scale, dtype=torch.float64))

    def clipped(self, values: Tensor) -> Tensor:
        """Scale and clip values of shape (rows, columns)."""
        z = (values - self.centre) * self.scale
        return z / torch.sqrt(1 + (z / CLIP) ** 2)

    def encoded(self, values: Tensor) -> Tensor:
        """See `EncodingLayer`."""
        return self.clipped(values)


class Ramps(EncodingLayer):
    """Piecewise-linear encoding: (v - b) / (b' - b) for each bin from b to b', within [0, 1] but for the outermost."""

    source: Tensor
    low: Tensor
    slope: Tensor
    least: Tensor
    most: Tensor

    def __init__(self, encoding: NumericEncoding) -> None:
        super().__init__(encoding)
        source: list[int] = []
        low: list[float] = []
        slope: list[float] = []
        least: list[float] = []
        most: list[float] = []
        for place, edges in enumerate(encoding.numbers):
            bins = len(edges) - 1
            source += [place] * bins
            low += edges[:-1]
            slope += [1 / (b - a) for a, b in pairwise(edges)]
            least += [-FAR] + [0.0] * (bins - 1)
            most += [1.0] * (bins - 1) + [FAR]
        self._constant("source", torch.tensor(source, dtype=torch.int64))
        for name, values in (("low", low), ("slope", slope), ("least", least), ("most", most)):
            self._constant(name, torch.tensor(values, dtype=torch.float64))

    def encoded(self, values: Tensor) -> Tensor:
        """See `EncodingLayer`."""
        shares = (values.index_select(1, self.source) - self.low) * self.slope
        return torch.minimum(torch.maximum(shares, self.least), self.most)


class NormalScores(EncodingLayer):
    """Normal scores, linear between quantiles and constant beyond them: a first score and what each interval adds."""

    knots: Tensor
    slope: Tensor
    added: Tensor
    first: Tensor

    def __init__(self, encoding: NumericEncoding) -> None:
        super().__init__(encoding)
        halves = [(one[: len(one) // 2], one[len(one) // 2 :]) for one in encoding.numbers]
        most = max(len(knots) for knots, _ in halves) - 1
        low, slope, added = np.zeros((3, len(halves), most))
        for place, (knots, scores) in enumerate(halves):
            count = len(knots) - 1
            low[place, :count], added[place, :count] = knots[:-1], np.diff(scores)
            slope[place, :count] = 1 / np.diff(knots)
        for name, values in (("knots", low), ("slope", slope), ("added", added)):
            self._constant(name, torch.from_numpy(values))
        self._constant("first", torch.tensor([scores[0] for _, scores in halves], dtype=torch.float64))

    def encoded(self, values: Tensor) -> Tensor:
        """See `EncodingLayer`."""
        shares = ((values[:, :, None] - self.knots) * self.slope).clamp(0, 1)
        return self.first + (shares * self.added).sum(2)


class Periodic(EncodingLayer):
    """Learnt waves of each column, PLR: relu(W [sin 2πcv, cos 2πcv] + b).

    References:
        Gorishniy et al. 2022, arXiv:2203.05556.
    """

    def __init__(self, encoding: NumericEncoding) -> None:
        super().__init__(encoding)
        self.count = len(encoding.columns)
        for name, shape in encoding.parameters.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        self.frequencies: nn.Parameter
        self.weight: nn.Parameter
        self.bias: nn.Parameter

    def mixed(self, waves: Tensor) -> Tensor:
        """Mix the waves of each column, shape (rows, columns, waves): shape (rows, columns, numbers)."""
        weight = self.weight.reshape(self.count, -1, waves.shape[2])
        return torch.einsum("rcw,cnw->rcn", waves, weight) + self.bias.reshape(self.count, -1)

    def turns(self, values: Tensor) -> Tensor:
        """2πcv of values of shape (rows, columns): shape (rows, columns, frequencies)."""
        return 2 * pi * values[:, :, None] * self.frequencies.reshape(self.count, -1)

    def encoded(self, values: Tensor) -> Tensor:
        """See `EncodingLayer`."""
        angle = self.turns(values)
        return torch.relu(self.mixed(torch.cat([torch.sin(angle), torch.cos(angle)], 2))).flatten(1)


class DenseWaves(Periodic):
    """Learnt waves beside the value itself, PBLD: [robust v, W cos(2πcv + φ) + b]; waves are of the robust value too.

    References:
        Holzmüller et al. 2024, arXiv:2407.04491.
    """

    phases: nn.Parameter

    def __init__(self, encoding: NumericEncoding) -> None:
        super().__init__(encoding)
        self.robust = Robust(encoding)

    def encoded(self, values: Tensor) -> Tensor:
        """See `EncodingLayer`."""
        values = self.robust.clipped(values)
        waves = torch.cos(self.turns(values) + self.phases.reshape(self.count, -1))
        return torch.cat([values[:, :, None], self.mixed(waves)], 2).flatten(1)


LAYERS: dict[str, type[EncodingLayer]] = {
    "robust": Robust,
    "quantile": NormalScores,
    "piecewise_linear": Ramps,
    "periodic": Periodic,
    "pbld": DenseWaves,
}


def encoding_layer(encoding: NumericEncoding) -> EncodingLayer:
    """Make the layer of an encoding.

    Example:
        >>> layer = encoding_layer(NumericEncoding("piecewise_linear", 2, (0,), ((0.0, 1.0, 3.0),)))
        >>> layer(torch.tensor([[2.0, 7.0]])).tolist()
        [[7.0, 1.0, 0.5]]
    """
    return LAYERS[encoding.kind](encoding)
