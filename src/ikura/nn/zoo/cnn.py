"""The small convolutional network of the default image job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ikura.errors import UsageError, nearest
from ikura.nn.activation import activation as activation_named
from ikura.nn.dropout import Dropout
from ikura.nn.initialisation import initialisation, initialise
from ikura.nn.normalisation import normaliser
from ikura.nn.zoo._base import image_shape

__all__ = ["CNN", "CNN_DEFAULTS", "NORMALISATIONS", "Recipe", "cnn", "pooled"]

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
        stream = int(torch.randint(2**62, ()))
        net = CNN(
            self.shape, self.outputs, self.channels, self.kernel_size, self.units, self.dropout, self.activation,
            self.normalisation, self.ghost_size, self.momentum,
        )  # fmt: skip
        initialise(net, self.initialisation, stream, self.initial_scale)
        return net


def pooled(height: int, width: int) -> tuple[int, int]:
    """Height and width behind a block: half, rounded down; one pixel wide or high stays as it is."""
    return (height // 2, width // 2) if min(height, width) >= 2 else (height, width)


class Block(nn.Module):
    """Convolution, normalisation, 2 × 2 maximum and activation.

    Args:
        inputs: channels of the input.
        channels: of the output.
        kernel_size: side of the kernels; borders are padded with zeros.
        norm: the normaliser; None for a bias instead.
        pooled: whether there is a maximum.
        activation: name of the activation.
    """

    def __init__(
        self, inputs: int, channels: int, kernel_size: int, norm: nn.Module | None, pooled: bool, activation: str
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, channels, kernel_size, padding="same", bias=norm is None)
        self.norm = nn.Identity() if norm is None else norm
        self.pooled, self.activation = pooled, activation

    def forward(self, x: Tensor) -> Tensor:
        """Run the block on images, shape (rows, channels, height, width)."""
        x = self.norm(self.convolution(x))
        return activation_named(self.activation)(functional.max_pool2d(x, 2) if self.pooled else x)


class CNN(nn.Module):
    """Blocks of convolution, normalisation, 2 × 2 maximum and activation; then one hidden layer and the outputs.

    h_0 = x, h_l = a(max_2×2(norm(w_l * h_{l-1} + b_l))), f = dropout(h_L), output W dropout(a(V f + c)) + b.
    The maximum comes before the activation: the same for increasing activations, and a quarter of the work. A block
    whose input is one pixel wide or high has no maximum. Where blocks are normalised there is no b_l.

    Args:
        shape: (channels, height, width) of an example.
        outputs: 1 for binary classes and regression, the number of classes otherwise.
        channels: of each block.
        kernel_size: side of the kernels; borders are padded with zeros.
        units: of the hidden layer.
        dropout: rate of the features f and of the hidden units.
        activation: one of `ikura.nn.activation.ACTIVATIONS`.
        normalisation: none, batch or ghost.
        ghost_size: examples in a ghost.
        momentum: share of a mini-batch's (or ghost's) statistics in the moving average.

    Example:
        >>> CNN((1, 28, 28), 10, [8, 16])(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        outputs: int,
        channels: Sequence[int],
        kernel_size: int = 3,
        units: int = 64,
        dropout: float = 0.0,
        activation: str = "relu",
        normalisation: str = "none",
        ghost_size: int = 32,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        activation_named(activation)
        self.activation = activation
        blocks = []
        inputs, height, width = shape
        for wanted in channels:
            norm = normaliser(normalisation, wanted, momentum=momentum, ghost_size=ghost_size, images=True)
            blocks.append(Block(inputs, wanted, kernel_size, norm, min(height, width) >= 2, activation))
            inputs, height, width = wanted, *pooled(height, width)
        self.blocks = nn.Sequential(*blocks)
        self.features = Dropout(dropout, 1)
        self.hidden = nn.Linear(inputs * height * width, units)
        self.dropout = Dropout(dropout, 0)
        self.out = nn.Linear(units, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs of one mini-batch.

        Args:
            x: images, shape (rows, channels, height, width).

        Returns:
            Logits or values, shape (rows, outputs).
        """
        x = self.features(self.blocks(x).flatten(1))
        x = self.dropout(activation_named(self.activation)(self.hidden(x)))
        out: Tensor = self.out(x)
        return out


def cnn(hp: Mapping[str, Any]) -> CNN:
    """Make the small convolutional network of a trial."""
    return Recipe.of(hp).module()
