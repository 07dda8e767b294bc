"""What is true of a hyperparameter: the row that the table has of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from ikura.space._base import Parameter, Value
from ikura.space.effects import ALWAYS, Effect

__all__ = ["Hyperparameter", "Part", "Search"]


class Part(Enum):
    """What a hyperparameter is one of."""

    TRAINING = auto()
    NETWORK = auto()
    IMAGES = auto()
    CONVOLUTIONS = auto()


class Search(NamedTuple):
    """How a hyperparameter is searched where the caller gives no space.

    Attributes:
        tier: from which tier on.
        range: its scale and its values, for so many rows and inputs.
        place: place within the tier, where it is not that of the table.
    """

    tier: int
    range: Callable[[int, int], Parameter]
    place: int = 0


@dataclass(frozen=True)
class Hyperparameter:
    """What is true of a hyperparameter.

    Attributes:
        name: what users call it.
        text: its line in docs and messages.
        default: the value where nothing is said; None where it is the network's.
        bounds: least and greatest value; None where values are names, pairs, or an augmentation's.
        whole: whether its values are whole numbers.
        below: whether the greatest value itself is out of reach.
        widened: whether a search may go beyond its range.
        part: what it is one of.
        effect: what it acts with.
        tables: how it is searched for tables; None for never.
        images: how it is searched for images.
        kernel: its place among the numbers that the compiled kernel reads; None where it reads none.
        convolutional: its line where the small convolutional network has it, and it is something else there.
    """

    name: str
    text: str
    default: Value | None
    bounds: tuple[float, float] | None = None
    whole: bool = False
    below: bool = False
    widened: bool = True
    part: Part = Part.TRAINING
    effect: Effect = ALWAYS
    tables: Search | None = None
    images: Search | None = None
    kernel: int | None = None
    convolutional: str = ""

    @property
    def scale(self) -> str | None:
        """The scale on which it is searched for tables, or else for images; None where it is not searched."""
        plan = self.tables or self.images
        return None if plan is None else plan.range(10_000, 10).scale
