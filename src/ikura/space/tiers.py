"""Which hyperparameters to search with how many trials.

First the learning rate; then momentum, hidden units and mini-batch size; then depth, learning-rate decay,
regularisation and the kinds of things; Adam's own coefficients only with very many trials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from ikura.errors import UsageError
from ikura.space._base import Parameter
from ikura.space.condition import Condition
from ikura.space.continuous import linear, log, log_complement
from ikura.space.discrete import Choice, choice, fixed, integer
from ikura.space.effects import EFFECTS
from ikura.space.hyperparameters import DEFAULTS
from ikura.space.space import Space

__all__ = ["TIERS", "DefaultSpace", "Tier", "assembled", "default_space"]

_TRAINING_SHARE = 0.6


@dataclass(frozen=True)
class Tier:
    """Hyperparameters of equal priority and the number of trials from which they are searched."""

    number: int
    trials: int
    names: tuple[str, ...]


TIERS: tuple[Tier, ...] = (
    Tier(1, 1, ("learning_rate",)),
    Tier(2, 16, ("momentum", "units", "batch_size")),
    Tier(
        3,
        48,
        ("layers", "learning_rate_decay", "l2", "dropout", "activation", "optimizer", "initialisation"),
    ),
    Tier(4, 512, ("beta1", "beta2")),
)
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


def _smallest_batch(rows: int) -> int:
    return 16 if rows < 10_000 else 32 if rows < 50_000 else 64 if rows < 200_000 else 128


def _batch_sizes(rows: int) -> Parameter:
    """Offer up to four powers of two, larger for larger tables, none but the first beyond the training set."""
    first = _smallest_batch(rows)
    sizes = [first * 2**step for step in range(4)]
    sizes = [size for size in sizes if size <= max(first, _TRAINING_SHARE * rows)]
    return Choice(tuple(sizes)) if len(sizes) > 1 else fixed(first)


_RANGES: MappingProxyType[str, Callable[[int, int], Parameter]] = MappingProxyType(
    {
        "learning_rate": lambda rows, features: log(1e-4, 1),
        "momentum": lambda rows, features: log_complement(0.9, 0.999),
        "beta1": lambda rows, features: log_complement(0.8, 0.99),
        "beta2": lambda rows, features: log_complement(0.9, 0.9999),
        "layers": lambda rows, features: integer(1, 3),
        "units": lambda rows, features: integer(8 if features <= 16 else 16, 128, log=True),
        "batch_size": lambda rows, features: _batch_sizes(rows),
        "learning_rate_decay": lambda rows, features: log(1e-3, 1),
        "l2": lambda rows, features: log(1e-6, 1e-2),
        "dropout": lambda rows, features: linear(0, 0.5),
        "activation": lambda rows, features: choice("relu", "tanh", "leaky_relu"),
        "optimizer": lambda rows, features: choice("adam", "momentum", "rmsprop", "sgd"),
        "initialisation": lambda rows, features: choice("he", "xavier"),
    }
)

_OF_RULES = [name for name, one in EFFECTS.items() if any(need.name == "optimizer" for [need, *_] in one.needs)]
"""Hyperparameters that belong to update rules."""


def _sentence(tier: Tier, trials: int, opened: list[str], tiers: tuple[Tier, ...]) -> str:
    budget = f"{trials} trial{'' if trials == 1 else 's'}"
    closed = tiers[tier.number : tier.number + 1]
    more = "".join(f"; {following.trials} trials would add {', '.join(following.names)}" for following in closed)
    return f"{budget}, so tier {tier.number} of {len(tiers)} is open: {', '.join(opened)}{more}"


def default_space(trials: int, rows: int, features: int) -> DefaultSpace:
    """Choose what to search from the number of trials: a small budget searches the first tier, a larger one the next.

    Hyperparameters of no tier are left out, so they have their defaults; but for ε, which is fixed where it is used.
    The second tier opens the choice between Adam and momentum, without which no trial would have a momentum; the third
    adds the other update rules. Coefficients of an update rule are open only where that rule is drawn.

    Args:
        trials: number of trials, at least 1.
        rows: examples in the table, training, dev and test together.
        features: inputs of the network.

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
        if name in (*placed, *_OF_RULES)
    }
    if tier.number == 2:
        parameters["optimizer"] = choice("adam", "momentum")
    if tier.number == 1:
        parameters["batch_size"] = fixed(2 * _smallest_batch(rows))
    return assembled(parameters, tier, trials, TIERS)


def assembled(parameters: dict[str, Parameter], tier: Tier, trials: int, tiers: tuple[Tier, ...]) -> DefaultSpace:
    """Make a space of parameters; coefficients of an update rule are open only where that rule is drawn."""
    rules = parameters["optimizer"]
    conditions: list[Condition] = []
    options = getattr(rules, "options", (rules.from_unit(0.5),))
    for name in _OF_RULES:
        one, [[need]] = parameters.pop(name), EFFECTS[name].needs
        possible = tuple(rule for rule in options if need.accepts(rule))
        if possible:
            conditions.append(Condition({"optimizer": possible}, {name: one}))
    space = Space(*conditions, **parameters)
    priority = [name for one in tiers for name in one.names]
    opened = sorted(space.dimensions, key=priority.index)
    return DefaultSpace(space, tier.number, opened, _sentence(tier, trials, opened, tiers))
