"""Hyperparameters that exist only when others have certain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ikura.errors import SpaceError
from ikura.space._base import Parameter, Value, plain, same

__all__ = ["Condition", "Requirements", "holds", "requirements", "when"]

Requirements = Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Condition:
    """Parameters that are open when every required hyperparameter has one of its listed values."""

    requires: Requirements
    parameters: Mapping[str, Parameter]


def requirements(table: Mapping[str, Any]) -> dict[str, tuple[Value, ...]]:
    """Read what a condition asks for.

    Args:
        table: hyperparameter to a value, or to a list of values of which one must hold.

    Returns:
        Hyperparameter to the tuple of its accepted values.

    Raises:
        SpaceError: nothing is asked for, or a value is no plain one.

    Example:
        >>> requirements({"optimizer": "adam", "layers": [2, 3]})
        {'optimizer': ('adam',), 'layers': (2, 3)}
    """
    if not isinstance(table, Mapping):
        raise SpaceError(f'when is a table such as {{optimizer = "adam"}}, but got {table!r}')
    read = {
        name: tuple(plain(option) for option in accepted) if isinstance(accepted, list | tuple) else (plain(accepted),)
        for name, accepted in table.items()
    }
    if not read or not all(read.values()):
        raise SpaceError("a condition names at least one hyperparameter with a value")
    return read


def holds(requires: Requirements, configuration: Mapping[str, Any]) -> bool:
    """Say whether a configuration meets every requirement; a hyperparameter left out meets none.

    Example:
        >>> holds({"optimizer": ("adam",)}, {"optimizer": "adam"}), holds({"optimizer": ("adam",)}, {})
        (True, False)
    """
    return all(
        name in configuration and any(same(configuration[name], option) for option in accepted)
        for name, accepted in requires.items()
    )


def when(**keywords: Parameter | Value | list[Value] | tuple[Value, ...]) -> Condition:
    """Open parameters only where other hyperparameters have certain values.

    Args:
        **keywords: a plain value is a requirement, a list or tuple of values means "one of these";
            a parameter is opened where all the requirements hold.

    Returns:
        The condition, to be given to `Space`.

    Raises:
        SpaceError: there is no requirement or no parameter.

    Example:
        >>> from ikura.space import Space, choice, log_complement
        >>> space = Space(
        ...     when(optimizer="adam", beta2=log_complement(0.9, 0.999)),
        ...     optimizer=choice("adam", "sgd"),
        ... )
        >>> space.active({"optimizer": "sgd"})
        ['optimizer']
    """
    opened = {name: given for name, given in keywords.items() if isinstance(given, Parameter)}
    if not opened:
        raise SpaceError("a condition opens at least one parameter: write fixed(value) for a plain value")
    return Condition(requirements({name: given for name, given in keywords.items() if name not in opened}), opened)
