"""The studies that a study follows, for what was tried already: what each came to, and what was prescribed for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ikura.json_values import JsonObject
from ikura.schema import Count, Name, Short

__all__ = ["Change", "EarlierStudy", "Prescribed"]


@dataclass(frozen=True)
class Change:
    """What a prescription changes of a study.

    Attributes:
        space: hyperparameter to its new range, as `Space.replace` takes it.
        settings: argument of `ikura.tune` to its new value.
    """

    space: dict[Name, Any] = field(default_factory=dict)
    settings: dict[Name, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether a study cannot make the change by itself, as with more data."""
        return not self.space and not self.settings


@dataclass(frozen=True)
class Prescribed:
    """A prescription: the name of its rule, and the change."""

    name: Name
    change: Change


@dataclass(frozen=True)
class EarlierStudy:
    """A study that another one follows.

    Attributes:
        run: its folder.
        dev: its best dev score.
        epochs: of a full training.
        network: name of the network.
        space: what was searched, as `Space.as_dict()`.
        prescribed: what was prescribed for it.
    """

    run: Short
    dev: float
    epochs: Count
    network: Name
    space: JsonObject
    prescribed: list[Prescribed]
