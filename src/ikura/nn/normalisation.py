"""Normalisation of a layer before its activation: by the mini-batch, by ghosts of it, or by the example itself."""

from __future__ import annotations

from ikura.errors import UsageError, nearest

__all__ = ["EPSILON", "NORMALISATIONS", "normalisation"]

EPSILON = 1e-5

NORMALISATIONS: dict[str, str] = {
    "none": "the layer keeps its bias",
    "batch": "mean and variance of each unit over the mini-batch",
    "ghost": "mean and deviation of each unit over ghosts, equal parts of the mini-batch",
    "layer": "mean and variance of each example over the layer's units",
}
"""Name to what it normalises by."""


def normalisation(name: str) -> str:
    """Look a normalisation up by name.

    Returns:
        What its statistics are taken over.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> normalisation("layer")
        "mean and variance of each example over the layer's units"
    """
    if name not in NORMALISATIONS:
        known = ", ".join(NORMALISATIONS)
        raise UsageError(f"unknown normalisation {name!r}{nearest(str(name), NORMALISATIONS)}: use {known}")
    return NORMALISATIONS[name]
