"""Hyperparameters' ranges as Optuna writes them, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ikura.errors import SpaceError
from ikura.process_state import quieter
from ikura.space import Choice, Fixed, Parameter, choice, fixed, integer, linear, log

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["distribution", "parameter_of", "quiet"]

MOST_OPTIONS = 1000


def distribution(parameter: Parameter) -> BaseDistribution:
    """Write a parameter as a distribution of Optuna.

    Optuna has no logarithmic scale of the complement; such a parameter becomes a linear range of the same values.

    Args:
        parameter: what a space holds under a name.

    Returns:
        The distribution.

    Example:
        >>> distribution(log(1e-4, 1))
        FloatDistribution(high=1.0, log=True, low=0.0001, step=None)
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(parameter, Choice):
        return CategoricalDistribution(parameter.options)
    if isinstance(parameter, Fixed):
        return CategoricalDistribution((parameter.value,))
    low, high = parameter.low, parameter.high  # type: ignore[attr-defined]
    if parameter.scale in ("integer", "integer-log"):
        return IntDistribution(low, high, log=parameter.scale == "integer-log")
    return FloatDistribution(low, high, log=parameter.scale == "log")


def parameter_of(given: Any) -> Parameter:
    """Read a distribution of Optuna as a parameter.

    A range in steps becomes a choice of its values, a range of one value a fixed one.

    Args:
        given: the distribution.

    Returns:
        The parameter.

    Raises:
        SpaceError: an option is no plain value, or there are more than 1,000 steps.

    Example:
        >>> from optuna.distributions import IntDistribution
        >>> parameter_of(IntDistribution(1, 8)), parameter_of(IntDistribution(2, 6, step=2))
        (Integer(low=1, high=8, log=False), Choice(options=(2, 4, 6)))
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(given, CategoricalDistribution):
        return fixed(given.choices[0]) if given.single() else choice(*given.choices)  # type: ignore[arg-type]
    if not isinstance(given, FloatDistribution | IntDistribution):
        raise SpaceError(f"a distribution of Optuna is needed, but got {given!r}")
    if given.single():
        return fixed(given.low)
    if given.step not in (None, 1) or (given.step == 1 and isinstance(given, FloatDistribution)):
        count = round((given.high - given.low) / given.step) + 1
        if count > MOST_OPTIONS:
            raise SpaceError(f"{given!r} has {count:,} steps, more than the {MOST_OPTIONS:,} a choice may have here")
        values = [given.low + i * given.step for i in range(count)]
        return choice(*(int(v) if isinstance(given, IntDistribution) else float(f"{v:.12g}") for v in values))
    if isinstance(given, IntDistribution):
        return integer(given.low, given.high, log=given.log)
    return log(given.low, given.high) if given.log else linear(given.low, given.high)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log lines to warnings while the block runs."""
    import optuna

    with quieter("optuna", optuna.logging.WARNING):
        yield
