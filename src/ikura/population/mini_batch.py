"""A mini-batch, as tiles of modules give it to their members."""

from __future__ import annotations

from typing import NamedTuple

from ikura.lazy_torch import Tensor
from ikura.population.inputs import Features

__all__ = ["MiniBatch"]


class MiniBatch(NamedTuple):
    """What a step of all members is made of.

    Attributes:
        x, codes, y: features, codes and targets of its rows; y of shape (members, rows) where labels are noisy.
        stream: key of the noise of its epoch.
        first: place of its first row in the epoch.
        epoch: of the training.
        apart: whether each member has features of its own, x of shape (members, rows, ...).
        factors: on the gradient of each example, shape (members, rows); None for none.
        weights: of its examples in the loss, shape (rows,); None for 1 each.
        relabelled: whether each member has labels of its own, y of shape (members, rows).
    """

    x: Features
    codes: Tensor
    y: Tensor
    stream: int
    first: int
    epoch: int
    apart: bool
    factors: Tensor | None
    weights: Tensor | None
    relabelled: bool
