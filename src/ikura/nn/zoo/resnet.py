"""Residual networks for small images, narrow (ResNet-n) and wide (WRN-16-4)."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ikura.nn.zoo._base import Factory, Normalise, channels_last, image_shape, normaliser_of

__all__ = ["resnet", "resnet20", "resnet32", "resnet44", "resnet56", "wrn16_4"]


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with a shortcut: ReLU(norm(w₂ * ReLU(norm(w₁ * x))) + s(x)).

    The shortcut s is the identity, or a normalised 1 × 1 convolution where width or resolution change.

    Args:
        inputs: channels of x.
        channels: channels of the output.
        stride: of the first convolution and the shortcut.
        norm: makes a normaliser.
    """

    def __init__(self, inputs: int, channels: int, stride: int, norm: Normalise) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.first_norm = norm(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = norm(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block on images, shape (rows, channels, height, width)."""
        inside = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(inside)) + self.shortcut(x))


class ResidualNetwork(nn.Module):
    """A 3 × 3 convolution, three stages of blocks at full, half and quarter resolution, the mean, the outputs.

    Convolutions begin as N(0, 2 / (k² · output channels)).

    Args:
        channels: of the examples.
        outputs: raw outputs.
        blocks: in each stage.
        widths: channels of each stage; the first convolution has those of the first.
        norm: makes a normaliser.

    References:
        He, Zhang, Ren, Sun 2016 (arXiv:1512.03385); Zagoruyko and Komodakis 2016 (arXiv:1605.07146), here with the
        activation behind the sum, as in the code released with Hoffer et al. 2017.
    """

    def __init__(self, channels: int, outputs: int, blocks: int, widths: tuple[int, ...], norm: Normalise) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.norm = norm(widths[0])
        stages: list[nn.Module] = []
        inputs = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stages.append(ResidualBlock(inputs, width, 2 if stage and not block else 1, norm))
                inputs = width
        self.blocks = nn.Sequential(*stages)
        self.out = nn.Linear(inputs, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, sqrt(2 / (module.kernel_size[0] ** 2 * module.out_channels)))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs of images, shape (rows, channels, height, width)."""
        x = self.blocks(functional.relu(self.norm(self.first(x))))
        out: Tensor = self.out(x.mean((2, 3)))
        return out


def resnet(depth: int) -> Factory:
    """Make the factory of ResNet-n, n = 6 · blocks + 2, with 16, 32 and 64 channels."""

    def factory(hp: Mapping[str, Any]) -> nn.Module:
        shape = image_shape(hp, f"resnet{depth}")
        return ResidualNetwork(shape[0], int(hp["outputs"]), (depth - 2) // 6, (16, 32, 64), normaliser_of(hp))

    return factory


def wide_resnet(hp: Mapping[str, Any]) -> nn.Module:
    """Wide-ResNet-16-4: two blocks a stage, 64, 128 and 256 channels, the first convolution 64 wide, no dropout."""
    shape = image_shape(hp, "wrn16-4")
    return ResidualNetwork(shape[0], int(hp["outputs"]), 2, (64, 128, 256), normaliser_of(hp))


resnet20, resnet32, resnet44, resnet56 = (channels_last(resnet(depth)) for depth in (20, 32, 44, 56))
wrn16_4 = channels_last(wide_resnet)
