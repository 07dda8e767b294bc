"""The small convolutional network of the default image job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ikura.errors import UsageError, nearest
from ikura.nn.activation import activation as activation_named
from ikura.nn.dropout import Dropout
from ikura.nn.initialisation import initial_weights, initialisation
from ikura.nn.zoo._base import image_shape, normaliser

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
        weights = [parameter for parameter in net.parameters() if parameter.ndim > 1]
        with torch.no_grad():
            for layer, weight in enumerate(weights):
                fan_in = prod(weight.shape[1:])
                drawn = initial_weights(self.initialisation, stream ^ layer, len(weight), fan_in)
                weight.copy_(torch.from_numpy(drawn).reshape(weight.shape))
            for name, parameter in net.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
        return net


def pooled(height: int, width: int) -> tuple[int, int]:
    """Height and width behind a block: half, rounded down; a block whose input is one pixel wide or high has no pool."""
    return (height // 2, width // 2) if min(height, width) >= 2 else (height, width)


class CNN(nn.Module):
    """Blocks of convolution, normalisation, 2 × 2 maximum and activation; then one hidden layer and the outputs.

    h_0 = x, h_l = a(max_2×2(norm(w_l * h_{l-1} + b_l))), f = dropout(h_L), output W dropout(a(V f + c)) + b. The maximum
    comes before the activation: the same for increasing activations, and a quarter of the work. A block whose input is
    one pixel wide or high has no maximum. Where blocks are normalised there is no b_l.

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
        self.blocks = nn.ModuleList()
        inputs, height, width = shape
        self.pools = []
        for wanted in channels:
            block = nn.ModuleDict(
                {
                    "convolution": nn.Conv2d(inputs, wanted, kernel_size, padding="same", bias=normalisation == "none"),
                    "norm": normaliser(normalisation, wanted, ghost_size, momentum),
                }
            )
            self.blocks.append(block)
            self.pools.append(min(height, width) >= 2)
            inputs, height, width = wanted, *pooled(height, width)
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
        function = activation_named(self.activation)
        for block, pooled in zip(self.blocks, self.pools, strict=True):
            x = block["norm"](block["convolution"](x))
            x = function(functional.max_pool2d(x, 2) if pooled else x)
        x = self.features(x.flatten(1))
        x = self.dropout(function(self.hidden(x)))
        out: Tensor = self.out(x)
        return out


def cnn(hp: Mapping[str, Any]) -> CNN:
    """Make the small convolutional network of a trial."""
    return Recipe.of(hp).module()
