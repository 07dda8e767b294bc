"""Which hyperparameters to search with how many trials.

First the learning rate; then momentum, hidden units and mini-batch size; then depth, learning-rate decay,
regularisation and the kinds of things; Adam's own coefficients only with very many trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ikura.errors import UsageError
from ikura.space._base import Parameter
from ikura.space.condition import Condition
from ikura.space.discrete import choice, fixed
from ikura.space.effects import NUMERIC
from ikura.space.hyperparameter_row import Search
from ikura.space.hyperparameter_table import TABLE, smallest_batch
from ikura.space.hyperparameters import DEFAULTS, EFFECTS
from ikura.space.space import Space

__all__ = ["TIERS", "DefaultSpace", "Tier", "assembled", "default_space", "tiers_of"]


@dataclass(frozen=True)
class Tier:
    """Hyperparameters of equal priority and the number of trials from which they are searched."""

    number: int
    trials: int
    names: tuple[str, ...]


FROM = (1, 16, 48, 512)
"""Trials from which on the tiers are searched."""


def tiers_of(plans: Mapping[str, Search | None]) -> tuple[Tier, ...]:
    """Put hyperparameters into tiers, first priority first.

    Args:
        plans: name to how it is searched, if it is.
    """
    searched = [(name, one) for name, one in plans.items() if one is not None]
    searched.sort(key=lambda pair: pair[1][::2])
    return tuple(
        Tier(number, trials, tuple(name for name, one in searched if one.tier == number))
        for number, trials in enumerate(FROM, 1)
    )


TIERS = tiers_of({one.name: one.tables for one in TABLE})
"""The tiers, first priority first."""


@dataclass(frozen=True)
class DefaultSpace:
    """A search space chosen for the user, and why.

    Attributes:
        space: what is searched, with the closed hyperparameters fixed.
        tier: number of the last open tier.
        opened: names that are searched.
        explanation: one sentence for the user.
    """

    space: Space
    tier: int
    opened: list[str]
    explanation: str


_RANGES = {one.name: one.tables.range for one in TABLE if one.tables is not None}

_PARENTS = ("optimizer", "numeric_encoding")
_OF_PARENTS = {
    name: need for name, one in EFFECTS.items() for [need, *_] in one.needs if need.name in _PARENTS and need.opens
}
"""Hyperparameters that belong to update rules or to encodings, and to which."""

_OF_RULES = [name for name, need in _OF_PARENTS.items() if need.name == "optimizer"]
_NUMERIC = [name for name, one in EFFECTS.items() if NUMERIC[0] in one.place]
"""Those that act on numeric columns."""


def _sentence(tier: Tier, trials: int, opened: list[str], tiers: tuple[Tier, ...]) -> str:
    budget = f"{trials} trial{'' if trials == 1 else 's'}"
    closed = tiers[tier.number : tier.number + 1]
    more = "".join(f"; {following.trials} trials would add {', '.join(following.names)}" for following in closed)
    return f"{budget}, so tier {tier.number} of {len(tiers)} is open: {', '.join(opened)}{more}"


def default_space(trials: int, rows: int, features: int, numeric: bool = True) -> DefaultSpace:
    """Choose what to search from the number of trials: a small budget searches the first tier, a larger one the next.

    Hyperparameters of no tier are left out, so they have their defaults; but for ε, which is fixed where it is used.
    The second tier opens the choice between Adam and momentum, without which no trial would have a momentum; the third
    adds the other update rules. Coefficients of an update rule are open only where that rule is drawn.

    Args:
        trials: number of trials, at least 1.
        rows: examples in the table, training, dev and test together.
        features: inputs of the network.
        numeric: whether some of them are numeric columns of a table, which can be encoded.

    Returns:
        The space with its tier, the opened names, and a sentence.

    Raises:
        UsageError: trials, rows or features is below 1.

    Example:
        >>> default_space(trials=8, rows=344, features=7).opened
        ['learning_rate']
    """
    for name, number in (("trials", trials), ("rows", rows), ("features", features)):
        if number < 1:
            raise UsageError(f"{name} must be at least 1, but got {number}")
    tier = [one for one in TIERS if trials >= one.trials][-1]
    wanted = {name for one in TIERS[: tier.number] for name in one.names}
    placed = [name for one in TIERS for name in one.names]
    parameters: dict[str, Parameter] = {
        name: _RANGES[name](rows, features) if name in wanted else fixed(value)
        for name, value in DEFAULTS.items()
        if name in (*placed, *_OF_RULES) and (numeric or name not in _NUMERIC)
    }
    if tier.number == 2:
        parameters["optimizer"] = choice("adam", "momentum")
    if tier.number == 1:
        parameters["batch_size"] = fixed(2 * smallest_batch(rows))
    return assembled(parameters, tier, trials, TIERS)


def assembled(parameters: dict[str, Parameter], tier: Tier, trials: int, tiers: tuple[Tier, ...]) -> DefaultSpace:
    """Make a space of parameters; those of an update rule or an encoding are open only where that is drawn."""
    conditions: list[Condition] = []
    for name, need in _OF_PARENTS.items():
        if name not in parameters:
            continue
        one, parent = parameters.pop(name), parameters[need.name]
        options = getattr(parent, "options", (parent.from_unit(0.5),))
        possible = tuple(value for value in options if need.accepts(value))
        if possible:
            conditions.append(Condition({need.name: possible}, {name: one}))
    space = Space(*conditions, **parameters)
    priority = [name for one in tiers for name in one.names]
    opened = sorted(space.dimensions, key=priority.index)
    return DefaultSpace(space, tier.number, opened, _sentence(tier, trials, opened, tiers))
