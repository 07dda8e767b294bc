"""Hyperparameters by name, as the table has them."""

from __future__ import annotations

import re

from ikura.space._base import Value
from ikura.space.effects import Effect, Need, above_zero
from ikura.space.hyperparameter_row import Part
from ikura.space.hyperparameter_table import TABLE

__all__ = [
    "CONVOLUTIONAL", "DEFAULTS", "EACH_LAYER", "EFFECTS", "HYPERPARAMETERS", "KERNEL", "OF_IMAGES", "OF_NETWORK",
    "OPTIONS", "default_of", "effect_of", "layer_of",
]  # fmt: skip

HYPERPARAMETERS: dict[str, str] = {one.name: one.text for one in TABLE if one.part is not Part.CONVOLUTIONS}
"""Name to a one-line description."""

CONVOLUTIONAL: dict[str, str] = {one.name: one.text for one in TABLE if one.part is Part.CONVOLUTIONS} | {
    one.name: one.convolutional for one in TABLE if one.convolutional
}
"""Name to a one-line description of what is special to the small convolutional network."""

DEFAULTS: dict[str, Value] = {one.name: one.default for one in TABLE if one.default is not None}
"""Name to the value used where nothing is searched."""

OF_IMAGES = tuple(one.name for one in TABLE if one.part is Part.IMAGES)
"""Hyperparameters that change training images; they have no meaning for other data."""

OF_NETWORK = tuple(one.name for one in TABLE if one.part is Part.NETWORK)
"""Hyperparameters of the fully connected network's architecture."""

EACH_LAYER = tuple(one.name for one in TABLE if one.effect.of_layers)
"""What may be given for a single hidden layer: `units_1` is the width of the first one, in place of `units`."""

KERNEL = tuple(one.name for one in sorted(TABLE, key=lambda one: one.kernel or 0) if one.kernel is not None)
"""The numbers that the compiled kernel reads of a member, in its order."""

EFFECTS: dict[str, Effect] = {one.name: one.effect for one in TABLE}
"""Name to what it acts with; a value that is the default says nothing and is never refused."""

OPTIONS: dict[tuple[str, Value], tuple[Need, str]] = {
    ("schedule_shape", "exponential"): (above_zero("learning_rate_decay"), "learning_rate_decay = 0.1"),
    ("schedule_shape", "pieces"): (Need("pieces", bool, "pieces"), 'pieces = "81:0.1"'),
}
"""Options that are the same as another one (schedule_shape constant) unless a need is met, and what to write then."""

_ZOO = {"normalisation": "batch"}
"""Defaults of the networks by name, but for mlp and cnn, where they are others."""


def effect_of(name: str) -> Effect | None:
    """What a hyperparameter acts with; None for one that is not ikura's.

    Example:
        >>> effect_of("momentum").needs[0][0].words, effect_of("units_2") == effect_of("units"), effect_of("my_own")
        ('optimizer momentum or nesterov', True, None)
    """
    return EFFECTS.get(layer_of(name)[0])


def default_of(name: str, network: str) -> Value | None:
    """The value that a hyperparameter has in a network where nothing is said; None where that is not known.

    Example:
        >>> default_of("normalisation", "mlp"), default_of("normalisation", "resnet20")
        ('none', 'batch')
    """
    zoo = {} if network in ("mlp", "cnn") else _ZOO
    return (DEFAULTS | zoo).get(layer_of(name)[0])


def layer_of(name: str) -> tuple[str, int | None]:
    """Split the name of a single layer's hyperparameter.

    Returns:
        The hyperparameter and the number of the hidden layer, from 1; None where the name is not a single layer's.

    Example:
        >>> layer_of("units_2"), layer_of("units"), layer_of("epsilon_2")
        (('units', 2), ('units', None), ('epsilon_2', None))
    """
    match = re.fullmatch(rf"({'|'.join(EACH_LAYER)})_([1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, None)
