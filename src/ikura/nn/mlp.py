"""The fully connected network of the built-in search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ikura.nn.activation import activation as activation_named
from ikura.nn.dropout import INPUTS, Dropout
from ikura.nn.embedding_size import usual_size
from ikura.nn.encoding import NumericEncoding
from ikura.nn.encoding_layer import encoding_layer
from ikura.nn.normalisers import normaliser
from ikura.nn.target_layer import TargetLayer
from ikura.nn.target_transform import TargetTransform

__all__ = ["MLP"]


class MLP(nn.Module):
    """A fully connected network: h_0 = [x, embeddings], h_l = dropout(a(W_l h_{l-1} + b_l)), output W h_L + b.

    With a normalisation N, h_l = dropout(a(N(W_l h_{l-1}))): N has a shift of its own in place of b_l. With an encoding
    e of numeric columns h_0 = [e(x), embeddings]; scaled inputs are s ∘ h_0 with a learnt factor s of each of them.

    Args:
        inputs: numeric features.
        outputs: 1 for binary classes and regression, the number of classes otherwise.
        units: width of each hidden layer; empty for a linear model.
        activation: one of `ikura.nn.activation.ACTIVATIONS`.
        dropout: rate behind each hidden layer, one number or one for each.
        cardinalities: number of codes of each embedded category.
        dropout_input: rate at which the inputs h_0 are dropped.
        normalisation: one of `ikura.nn.normalisation.NORMALISATIONS`, applied before the activation.
        ghost_size: rows of a ghost, for ghost normalisation.
        normalisation_momentum: share of one mini-batch (or ghost) in the running statistics.
        encoding: JSON form of a `ikura.nn.encoding.NumericEncoding`; None where x goes in as it is.
        scaled: whether inputs have learnt factors.
        embedding_size: numbers of an embedded category; 0 for the root of its levels, at most 16.
        target: JSON form of a `ikura.nn.target_transform.TargetTransform` that is undone in the outputs; None where
            these are what was learned.

    Example:
        >>> MLP(4, 3, [16, 8])(torch.zeros(5, 4)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        units: Sequence[int],
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
        cardinalities: Sequence[int] = (),
        dropout_input: float = 0.0,
        normalisation: str = "none",
        ghost_size: int = 32,
        normalisation_momentum: float = 0.1,
        encoding: Mapping[str, Any] | None = None,
        scaled: bool = False,
        embedding_size: int = 0,
        target: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        rates = [dropout] * len(units) if isinstance(dropout, int | float) else list(dropout)
        activation_named(activation)
        self.activation = activation
        sizes = [embedding_size or usual_size(c) for c in cardinalities]
        self.tables = nn.ModuleList(nn.Embedding(c, size) for c, size in zip(cardinalities, sizes, strict=True))
        numbers = None if encoding is None else NumericEncoding.of(dict(encoding), inputs)
        self.encoding = None if numbers is None else encoding_layer(numbers)
        encoded = inputs if numbers is None else numbers.width
        widths = [encoded + sum(sizes), *units, outputs]
        self.scale = nn.Parameter(torch.ones(widths[0])) if scaled else None
        if self.scale is not None:
            # By this the factors are known that learn at a rate of their own.
            self.scale.scales_inputs = True  # type: ignore[attr-defined]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths[:-1]):
            normal = normaliser(normalisation, b, momentum=normalisation_momentum, ghost_size=ghost_size)
            layers.append(nn.Linear(a, b) if normal is None else nn.Sequential(nn.Linear(a, b, bias=False), normal))
        self.layers = nn.ModuleList([*layers, nn.Linear(widths[-2], outputs)])
        self.dropouts = nn.ModuleList(Dropout(rate, layer) for layer, rate in enumerate(rates))
        self.dropout_input = Dropout(dropout_input, INPUTS) if dropout_input else None
        self.target = None if target is None else TargetLayer(TargetTransform.of(dict(target)))

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """Compute the outputs of one mini-batch.

        Args:
            x: numeric features, shape (rows, inputs).
            codes: categories to embed, integers of shape (rows, number of cardinalities).

        Returns:
            Logits or values, shape (rows, outputs).
        """
        if self.encoding is not None:
            x = self.encoding(x)
        if codes is not None and len(self.tables):
            x = torch.cat([x, *(table(codes[:, i].long()) for i, table in enumerate(self.tables))], dim=1)
        if self.scale is not None:
            x = x * self.scale
        if self.dropout_input is not None:
            x = self.dropout_input(x)
        function = activation_named(self.activation)
        for layer, dropout in zip(self.layers, self.dropouts, strict=False):
            x = dropout(function(layer(x)))
        out: Tensor = self.layers[-1](x)
        return out if self.target is None else self.target(out)
