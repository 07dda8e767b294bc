"""The numbers that a member's updates read, in the order in which the kernel has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["NUMBERS", "numbers_of"]

NUMBERS = (
    "momentum",
    "beta1",
    "beta2",
    "epsilon",
    "l1",
    "l2",
    "weight_decay",
    "max_norm",
    "label_smoothing",
    "clip_norm",
    "clip_value",
    "clip_steps",
    "gradient_noise",
    "dropconnect",
    "label_noise",
)
"""Hyperparameters of every member, float64."""

(
    MOMENTUM, BETA1, BETA2, EPSILON, L1, L2, WEIGHT_DECAY, MAX_NORM, LABEL_SMOOTHING, CLIP_NORM, CLIP_VALUE, CLIP_STEPS,
    GRADIENT_NOISE, DROPCONNECT, LABEL_NOISE,
) = range(len(NUMBERS))  # fmt: skip


def numbers_of(values: Mapping[str, Any]) -> list[float]:
    """Read the numbers of one member from its hyperparameters.

    Example:
        >>> from ikura.space import DEFAULTS
        >>> numbers_of(DEFAULTS)[MOMENTUM]
        0.9
    """
    return [float(values[name]) for name in NUMBERS]
