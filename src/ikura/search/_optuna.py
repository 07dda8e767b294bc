"""The bridge to Optuna: a space as distributions, trials as Optuna keeps them, and back."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ikura.process_state import ignored_warnings, quieter
from ikura.search._base import Observation
from ikura.space import Choice, Integer, Parameter, Space
from ikura.space._base import Configuration

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

__all__ = ["coordinate", "distributions", "frozen", "internal", "quiet", "suggested"]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Write the varying hyperparameters as Optuna's distributions.

    A real number is the interval from 0 to 1 on its own scale, so that every scale of ikura's is possible; an integer
    keeps its values, linear or logarithmic; a choice is one of the positions of its options.

    Args:
        space: what is searched.

    Returns:
        Name to distribution, in order of the names.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for name in sorted(space.dimensions):
        one = space[name]
        if isinstance(one, Choice):
            found[name] = CategoricalDistribution(tuple(range(len(one.options))))
        elif isinstance(one, Integer):
            found[name] = IntDistribution(one.low, one.high, log=one.log)
        else:
            found[name] = FloatDistribution(0.0, 1.0)
    return found


def internal(space: Space, configuration: Mapping[str, Any]) -> Configuration:
    """Write a configuration in the values of `distributions`; only active names that vary are in it."""
    found: Configuration = {}
    for name in sorted(configuration):
        one = space[name]
        if isinstance(one, Choice) and one.varies:
            found[name] = one.index(configuration[name])
        elif isinstance(one, Integer):
            found[name] = int(configuration[name])
        elif one.varies:
            found[name] = one.to_unit(configuration[name])
    return found


def coordinate(space: Space, name: str, value: Any) -> float:
    """Turn a value of `distributions` into a coordinate of the unit cube."""
    one = space[name]
    if isinstance(one, Choice):
        return (int(value) + 0.5) / len(one.options)
    return one.to_unit(int(value)) if isinstance(one, Integer) else min(max(float(value), 0.0), 1.0)


def frozen(space: Space, trials: Sequence[Observation], values: Sequence[float]) -> list[FrozenTrial]:
    """Write trials as Optuna keeps finished ones.

    Args:
        space: what is searched.
        trials: what was tried.
        values: what each is worth, higher is better, all finite.

    Returns:
        Optuna's trials; a trial has only the hyperparameters that were active in it.
    """
    from optuna.trial import create_trial

    known = distributions(space)
    made = []
    for one, value in zip(trials, values, strict=True):
        params = internal(space, one.configuration)
        made.append(create_trial(params=params, distributions={name: known[name] for name in params}, value=value))
    return made


def suggested(space: Space, trial: Trial) -> dict[str, float]:
    """Let Optuna suggest a configuration by running through the space, parents before what depends on them.

    Args:
        space: what is searched.
        trial: Optuna's trial, just asked for.

    Returns:
        Name of each active hyperparameter that varies to its coordinate.
    """
    found: dict[str, float] = {}
    chosen: Configuration = {}
    waiting = sorted(space.dimensions)
    while reached := [name for name in waiting if name in space.active(chosen)]:
        name = reached[0]
        waiting.remove(name)
        found[name] = coordinate(space, name, _suggest(trial, name, space[name]))
        chosen[name] = space[name].from_unit(found[name])
    return found


def _suggest(trial: Trial, name: str, one: Parameter) -> Any:
    if isinstance(one, Choice):
        return trial.suggest_categorical(name, range(len(one.options)))
    if isinstance(one, Integer):
        return trial.suggest_int(name, one.low, one.high, log=one.log)
    return trial.suggest_float(name, 0.0, 1.0)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log lines and its warnings about experimental parts away from the user."""
    with quieter("optuna", logging.ERROR), ignored_warnings:
        yield
