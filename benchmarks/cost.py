"""What training costs in arithmetic: the matrix products of a fully connected network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["flops_of_epoch", "flops_of_step", "sample", "steps", "widths"]


def widths(configuration: Mapping[str, Any], inputs: int, outputs: int) -> list[int]:
    """Inputs, hidden units, outputs."""
    return [inputs, *[int(configuration["units"])] * int(configuration["layers"]), outputs]


def steps(configuration: Mapping[str, Any], rows: int) -> int:
    """Mini-batches in an epoch; the last one may be smaller."""
    return -(-rows // int(configuration["batch_size"]))


def flops_of_step(layers: Sequence[int], rows: int) -> int:
    """Count multiplications and additions of a mini-batch's products: 2 n Σ (3 a b), less 2 n a b of the first layer.

    A layer of a inputs and b units takes 2 n a b for its output, as much for its gradient and as much for the error
    that goes further back, which the first layer does not need.

    Example:
        >>> flops_of_step([4, 3, 2], 1)
        84
    """
    all_layers = sum(a * b for a, b in pairwise(layers))
    return 2 * rows * (3 * all_layers - layers[0] * layers[1])


def flops_of_epoch(layers: Sequence[int], rows: int, dev_rows: int) -> int:
    """Count those of a pass over the training set, and of the dev set's forward pass."""
    return flops_of_step(layers, rows) + 2 * dev_rows * sum(a * b for a, b in pairwise(layers))


def sample(
    configurations: Sequence[Mapping[str, Any]], count: int, inputs: int, outputs: int
) -> list[Mapping[str, Any]]:
    """Choose at most `count` configurations, evenly from the cheapest to the costliest."""
    ordered = sorted(configurations, key=lambda one: flops_of_step(widths(one, inputs, outputs), 1))
    count = min(count, len(ordered))
    return [ordered[(2 * i + 1) * len(ordered) // (2 * count)] for i in range(count)]
