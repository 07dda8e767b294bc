"""The networks of Hoffer et al. 2017 with the settings they were trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ikura.errors import UsageError, nearest

__all__ = ["PRESETS", "Preset", "preset"]


@dataclass(frozen=True)
class Preset:
    """A network with the settings of its training by small batches.

    Attributes:
        name: as users call it.
        network: its name in `ikura.nn.zoo.NETWORKS`; None for the built-in fully connected network.
        learning_rate: of the phase with the highest one.
        phases: (epochs, share of the learning rate) of each phase of the schedule.
        training: further hyperparameters.
        batch_size, large: examples of a small and of a large batch.
        width: hidden units of each layer, where they can be chosen.
    """

    name: str
    network: str | None
    learning_rate: float
    phases: tuple[tuple[int, float], ...]
    training: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 128
    large: int = 4096
    width: int | None = None

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(epochs for epochs, _ in self.phases)

    def schedule(self, epochs: int | None = None, stretch: int = 1) -> tuple[int, str]:
        """Lay the phases out over time.

        Args:
            epochs: of the whole training, to which the phases are scaled; as many as they are by default. No phase
                becomes shorter than an epoch.
            stretch: factor on each phase, for regime adaptation.

        Returns:
            Number of epochs, and the hyperparameter `pieces`.

        Raises:
            UsageError: there are fewer epochs than phases.

        Example:
            >>> preset("f1").schedule(20, stretch=32)
            (640, '0:1 160:0.1 320:0.01 480:0.001')
        """
        whole = self.epochs if epochs is None else epochs
        if whole < len(self.phases):
            raise UsageError(
                f"epochs must be at least {len(self.phases)}, one for each phase of {self.name}'s schedule"
            )
        ends, at = [0], 0
        for place, (own, _) in enumerate(self.phases):
            at += own
            left = len(self.phases) - place - 1
            ends.append(min(max(round(whole * at / self.epochs), ends[-1] + 1), whole - left))
        begins = [stretch * end for end in ends[:-1]]
        pairs = (f"{begin}:{share:g}" for begin, (_, share) in zip(begins, self.phases, strict=True))
        return stretch * whole, " ".join(pairs)


_IMAGES = MappingProxyType({"flip": 0.5, "crop": 4.0})
_MOMENTUM = MappingProxyType({"optimizer": "momentum", "momentum": 0.9})
_RESIDUAL = ((81, 1.0), (41, 0.1), (42, 0.01), (36, 0.001))
_SHALLOW = {"optimizer": "sgd", "l2": 5e-4, **_IMAGES}
_SHALLOW_PHASES = ((60, 0.1), (60, 1.0), (60, 0.1), (20, 0.01))
TORCH_SCALE = 6**-0.5
"""What makes He's initial weights, of variance 2 / inputs, as large as torch's default, of variance 1 / (3 inputs)."""

PRESETS: dict[str, Preset] = {
    one.name: one
    for one in (
        Preset(
            "f1",
            None,
            0.1,
            ((10, 1.0), (10, 0.1), (10, 0.01), (10, 0.001)),
            {**_MOMENTUM, "l2": 1e-4, "layers": 5, "initial_scale": TORCH_SCALE},
            width=512,
        ),
        Preset("c1", "c1", 0.01, _SHALLOW_PHASES, _SHALLOW),
        Preset("c3", "c3", 0.01, _SHALLOW_PHASES, _SHALLOW),
        Preset("resnet44", "resnet44", 0.1, _RESIDUAL, {**_MOMENTUM, "l2": 1e-4, **_IMAGES}),
        Preset(
            "wrn16-4",
            "wrn16-4",
            0.1,
            ((60, 1.0), (60, 0.2), (20, 0.04), (60, 0.001)),
            {**_MOMENTUM, "l2": 5e-4, **_IMAGES},
        ),
        Preset("vgg", "vgg16", 0.1, _RESIDUAL, {**_MOMENTUM, "l2": 5e-4, **_IMAGES}),
        Preset(
            "alexnet",
            "alexnet",
            0.01,
            ((10, 1.0), (5, 0.5), (5, 0.1), (5, 0.05), (5, 0.01)),
            {**_MOMENTUM, "l2": 5e-4, "flip": 0.5},
        ),
    )
}
"""Learning rates, their phases, momentum and decay are those of the paper's code. What it does not say is ours: how
long the last phase lasts, the schedule of VGG (that of ResNet-44), the decay of AlexNet, VGG and Wide-ResNet."""


def preset(name: str) -> Preset:
    """Look a network of the paper up by name.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> preset("resnet44").learning_rate
        0.1
    """
    if name not in PRESETS:
        raise UsageError(f"no network {name!r} with settings{nearest(str(name), PRESETS)}: use {', '.join(PRESETS)}")
    return PRESETS[name]
