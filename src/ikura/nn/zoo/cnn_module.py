"""The module of the small convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from ikura.nn.activation import activation as activation_named
from ikura.nn.dropout import Dropout
from ikura.nn.normalisers import normaliser
from ikura.nn.zoo._base import pooled

__all__ = ["CNN"]


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
        >>> import torch
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
