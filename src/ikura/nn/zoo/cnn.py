"""The small convolutional network of the default image job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ikura.errors import UsageError, nearest
from ikura.lazy_torch import torch
from ikura.nn.activation import activation as activation_named
from ikura.nn.initialisation import initialisation, initialise
from ikura.nn.zoo._base import image_shape, pooled

if TYPE_CHECKING:
    from ikura.nn.zoo.cnn_module import CNN

__all__ = ["CNN_DEFAULTS", "NORMALISATIONS", "Recipe", "cnn", "pooled"]

CNN_DEFAULTS: dict[str, Any] = {
    "blocks": 2,
    "channels": 16,
    "kernel_size": 3,
    "units": 64,
    "dropout": 0.25,
    "activation": "relu",
    "normalisation": "none",
    "ghost_size": 32,
    "normalisation_momentum": 0.1,
    "initialisation": "he",
    "initial_scale": 1.0,
}
"""Name to the value used where nothing is searched."""

NORMALISATIONS = ("none", "batch", "ghost")


@dataclass(frozen=True)
class Recipe:
    """What makes one small convolutional network.

    Attributes:
        shape: (channels, height, width) of an example.
        outputs: raw outputs.
        channels: of each block: the first one's, doubled from block to block.
        kernel_size: side of the kernels.
        units: of the hidden layer.
        dropout: rate of the features and of the hidden units.
        activation: name of the activation.
        normalisation: none, batch or ghost.
        ghost_size: examples in a ghost.
        momentum: share of a mini-batch's (or ghost's) statistics in the moving average.
        initialisation: how the weights begin.
        initial_scale: factor on the initial weights.
    """

    shape: tuple[int, int, int]
    outputs: int
    channels: tuple[int, ...]
    kernel_size: int
    units: int
    dropout: float
    activation: str
    normalisation: str
    ghost_size: int
    momentum: float
    initialisation: str
    initial_scale: float

    @classmethod
    def of(cls, hp: Mapping[str, Any]) -> Recipe:
        """Read a recipe from hyperparameters; what they leave out comes from `CNN_DEFAULTS`.

        Raises:
            UsageError: the examples are no images, or a name is unknown.
        """
        shape = image_shape(hp, "cnn")
        values = CNN_DEFAULTS | dict(hp)
        activation_named(values["activation"])
        initialisation(values["initialisation"])
        name = values["normalisation"]
        if name not in NORMALISATIONS:
            raise UsageError(
                f"unknown normalisation {name!r} of the network 'cnn'{nearest(str(name), NORMALISATIONS)}: "
                f"use {', '.join(NORMALISATIONS)}"
            )
        if int(values["kernel_size"]) % 2 == 0:
            raise UsageError(f"kernel_size must be odd, but is {values['kernel_size']}")
        return cls(
            shape=shape,
            outputs=int(values["outputs"]),
            channels=tuple(int(values["channels"]) << block for block in range(int(values["blocks"]))),
            kernel_size=int(values["kernel_size"]),
            units=int(values["units"]),
            dropout=float(values["dropout"]),
            activation=values["activation"],
            normalisation=name,
            ghost_size=int(values["ghost_size"]),
            momentum=float(values["normalisation_momentum"]),
            initialisation=values["initialisation"],
            initial_scale=float(values["initial_scale"]),
        )

    @property
    def products(self) -> int:
        """Multiplications of one example's forward pass."""
        inputs, height, width = self.shape
        total = 0
        for channels in self.channels:
            total += inputs * channels * self.kernel_size**2 * height * width
            inputs, height, width = channels, *pooled(height, width)
        return total + inputs * height * width * self.units + self.units * self.outputs

    def module(self) -> CNN:
        """Make the network; its initial weights are keyed by torch's generator."""
        from ikura.nn.zoo.cnn_module import CNN

        stream = int(torch.randint(2**62, ()))
        net = CNN(
            self.shape, self.outputs, self.channels, self.kernel_size, self.units, self.dropout, self.activation,
            self.normalisation, self.ghost_size, self.momentum,
        )  # fmt: skip
        initialise(net, self.initialisation, stream, self.initial_scale)
        return net


def cnn(hp: Mapping[str, Any]) -> CNN:
    """Make the small convolutional network of a trial."""
    return Recipe.of(hp).module()
