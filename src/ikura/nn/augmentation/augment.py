"""All augmentations of a population's members, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ikura.lazy_torch import Tensor, torch
from ikura.nn.augmentation._base import draw
from ikura.nn.augmentation.registry import AUGMENTATIONS

__all__ = ["Augment"]


class Augment:
    """Changes mini-batches of images, for each member by its own strengths and for all with the same draws.

    What no member uses is not run.

    Args:
        members: strengths of each member by name; names left out are 0.
        seed: key of the draws.

    Example:
        >>> augment = Augment([{"flip": 1.0}, {}], seed=0)
        >>> augment(torch.tensor([[[[0.25, 0.75]]]]), epoch=0, first=0).tolist()
        [[[[[0.75, 0.25]]]], [[[[0.25, 0.75]]]]]
    """

    def __init__(self, members: Sequence[Mapping[str, Any]], seed: int) -> None:
        self.seed = seed
        columns = {name: [float(member.get(name, 0.0)) for member in members] for name in AUGMENTATIONS}
        self.strengths = {name: values for name, values in columns.items() if any(value != 0 for value in values)}

    def __bool__(self) -> bool:
        """Whether any member changes its images."""
        return bool(self.strengths)

    def __call__(self, x: Tensor, epoch: int, first: int) -> Tensor:
        """Change one mini-batch.

        Args:
            x: images between 0 and 1, shape (rows, channels, height, width).
            epoch: of the training.
            first: position of the first image in the epoch.

        Returns:
            Shape (members, rows, channels, height, width).
        """
        axis = None
        rows, channels, height, width = x.shape
        for name, values in self.strengths.items():
            one = AUGMENTATIONS[name]
            draws = draw(one, (channels, height, width), rows, self.seed, epoch, first).to(x.device, x.dtype)
            strength = torch.tensor(values, dtype=x.dtype, device=x.device)
            x = torch.func.vmap(one.function, in_dims=(axis, 0, None))(x, strength, draws)
            axis = 0
        return x
