"""A member: one trial's network inside a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ikura.errors import UsageError
from ikura.space import DEFAULTS

__all__ = ["Hyperparameters", "Member"]

BOUNDS: dict[str, tuple[float, float]] = {
    "learning_rate": (0, float("inf")),
    "momentum": (0, 1),
    "beta1": (0, 1),
    "beta2": (0, 1),
    "epsilon": (0, float("inf")),
    "layers": (0, 64),
    "units": (1, 1_000_000),
    "batch_size": (1, float("inf")),
    "learning_rate_decay": (0, float("inf")),
    "l2": (0, float("inf")),
    "dropout": (0, 1),
}
BELOW_ONE = ("momentum", "beta1", "beta2", "dropout")


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
        hyperparameters: what the trial tries; names left out take their values from `ikura.space.DEFAULTS`.
        seed: key of its initial weights, order of examples and noise: members with the same seed are compared in pairs.

    Raises:
        UsageError: a value is outside of what the hyperparameter can be.
    """

    number: int
    hyperparameters: Mapping[str, Any]
    seed: int
    values: Hyperparameters = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = Hyperparameters(DEFAULTS, **self.hyperparameters)
        for name, (low, high) in BOUNDS.items():
            value = values[name]
            inside = low <= value < high if name in BELOW_ONE else low <= value <= high
            if not inside:
                raise UsageError(
                    f"trial {self.number}: {name} must be at least {low:g} and "
                    f"{'below' if name in BELOW_ONE else 'at most'} {high:g}, but is {value!r}"
                )
        object.__setattr__(self, "values", values)

    def learning_rate(self, epoch: int) -> float:
        """Learning rate of an epoch 0, 1, …: α / (1 + decay · epoch)."""
        return self.values.learning_rate / (1 + self.values.learning_rate_decay * epoch)
