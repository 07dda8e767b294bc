"""A member: one trial's network inside a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from ikura.errors import UsageError
from ikura.nn.activation import activation
from ikura.nn.augmentation import AUGMENTATIONS, check_strength
from ikura.nn.encoding import numeric_encoding
from ikura.nn.initialisation import initialisation
from ikura.nn.normalisation import normalisation
from ikura.nn.target_transform import target_transform
from ikura.population.schedule import growth_of, pieces_of, shape
from ikura.population.update_rules import rule
from ikura.space import DEFAULTS, layer_of
from ikura.space.hyperparameter_table import LARGE
from ikura.space.limits import ARCHITECTURE, BELOW_ONE, BOUNDS, WHOLE

__all__ = ["Hyperparameters", "Member", "check_value"]

EVERY_BOUND = BOUNDS | ARCHITECTURE
_CHECKED = frozenset(("optimizer", "schedule_shape", "pieces", "batch_growth", *BOUNDS))


def check_value(name: str, value: Any, built_in: bool) -> None:
    """Refuse a value that a hyperparameter of ikura's cannot have.

    Args:
        name: the hyperparameter.
        value: what it is to be.
        built_in: whether the network is the built-in one; otherwise only what governs training is ikura's.

    Raises:
        UsageError: the value is of the wrong kind or out of range.

    Example:
        >>> check_value("dropout", 1.5, built_in=True)
        Traceback (most recent call last):
        ikura.errors.UsageError: dropout must be a number of at least 0 and below 1, but is 1.5
    """
    if name == "optimizer":
        rule(value)
    elif name == "schedule_shape":
        shape(value)
    elif name == "pieces":
        pieces_of(value)
    elif name == "batch_growth":
        growth_of(value)
    elif built_in and name == "activation":
        activation(value)
    elif built_in and name == "initialisation":
        initialisation(value)
    elif built_in and name == "normalisation":
        normalisation(value)
    elif built_in and name == "numeric_encoding":
        numeric_encoding(value)
    elif built_in and name == "target_transform":
        target_transform(value)
    elif built_in and name in AUGMENTATIONS:
        check_strength(AUGMENTATIONS, name, value)
    bounds = EVERY_BOUND if built_in else BOUNDS
    kind_of = layer_of(name)[0] if built_in else name
    if kind_of not in bounds:
        return
    low, high = bounds[kind_of]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    inside = number and (low <= value < high if kind_of in BELOW_ONE else low <= value <= high)
    if not inside or (kind_of in WHOLE and (value == inf or value != int(value))):
        kind = "whole number" if kind_of in WHOLE else "number"
        # The bound of a strength is of no interest to one who is far below it.
        end = (
            ""
            if high == inf or (high >= LARGE and not (number and value > high))
            else f" and {'below' if kind_of in BELOW_ONE else 'at most'} {high:g}"
        )
        raise UsageError(f"{name} must be a {kind} of at least {low:g}{end}, but is {value!r}")


class Hyperparameters(dict[str, Any]):
    """A trial's hyperparameters, readable as `hp["units"]` and as `hp.units`.

    Example:
        >>> Hyperparameters(units=8).units
        8
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no hyperparameter {name!r}; there are {', '.join(self)}") from None


@dataclass(frozen=True)
class Member:
    """One trial's network inside a population.

    Args:
        number: the trial's number in its study.
        hyperparameters: what the trial tries; names left out take their values from the update rule's own
            defaults and from `ikura.space.DEFAULTS`.
        seed: key of its initial weights, order of examples and noise: members with the same seed are compared in pairs.

    Raises:
        UsageError: a value is outside of what the hyperparameter can be.
    """

    number: int
    hyperparameters: Mapping[str, Any]
    seed: int

    def __post_init__(self) -> None:
        for name, value in self.hyperparameters.items():
            try:
                if name in _CHECKED:
                    check_value(name, value, built_in=False)
            except UsageError as error:
                raise UsageError(f"trial {self.number}: {error}") from None

    @cached_property
    def values(self) -> Hyperparameters:
        """Its hyperparameters, with what they leave out."""
        optimizer = self.hyperparameters.get("optimizer", DEFAULTS["optimizer"])
        return Hyperparameters({**DEFAULTS, **rule(optimizer).defaults, **self.hyperparameters})

    def each_layer(self, name: str, layers: int | None = None) -> tuple[Any, ...]:
        """Value of `units` or `dropout` in each hidden layer: `units_2` in the second one where it is given.

        Args:
            name: "units" or "dropout".
            layers: number of hidden layers; the member's own by default. What is given for layers above it is ignored.

        Example:
            >>> Member(0, {"layers": 3, "units": 8, "units_2": 5, "units_9": 7}, 0).each_layer("units")
            (8, 5, 8)
        """
        count = int(self.values.layers) if layers is None else layers
        return tuple(self.values.get(f"{name}_{layer}", self.values[name]) for layer in range(1, count + 1))
