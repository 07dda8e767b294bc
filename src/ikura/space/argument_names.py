"""Calls with arguments that a function does not take: where what they mean is to be written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ikura.errors import ArgumentError, nearest
from ikura.space.hyperparameters import CONVOLUTIONAL, HYPERPARAMETERS
from ikura.space.terms import plain_name, term_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["picked", "refuses_unknown"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound="DataclassInstance")


def hyperparameter_of(name: str) -> str | None:
    """The hyperparameter that a name stands for, ikura's own names included; None for other names.

    Example:
        >>> hyperparameter_of("lr"), hyperparameter_of("--batch-size"), hyperparameter_of("epochs")
        ('learning_rate', 'batch_size', None)
    """
    own, term = plain_name(name), term_of(name)
    if own in HYPERPARAMETERS | CONVOLUTIONAL:
        return own
    return None if term is None or term.argument else term.here


def where_to_write(name: str, holder: str) -> str:
    """Say where a hyperparameter is given that was taken for an argument.

    Args:
        name: what the caller wrote.
        holder: the argument that holds hyperparameters: space or hyperparameters.

    Returns:
        Text to put behind an error message; empty where the name is no hyperparameter.

    Example:
        >>> where_to_write("lr", "space")
        ": 'learning_rate' is a hyperparameter, write it as space={'learning_rate': …}"
    """
    found = hyperparameter_of(name)
    if found is None:
        return ""
    term = term_of(name)
    note = f" ({term.note})" if term is not None and term.note and found == term.here else ""
    return f": {found!r} is a hyperparameter, write it as {holder}={{{found!r}: …}}{note}"


def picked(kind: type[T], arguments: Mapping[str, Any]) -> T:
    """Make a dataclass of options of those of a function's arguments that are its fields.

    Args:
        kind: the dataclass.
        arguments: all arguments by name, as `locals()` gives them at the beginning of the function.
    """
    return kind(**{one.name: arguments[one.name] for one in fields(kind) if one.init and one.name in arguments})


def refuses_unknown(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function say, of an argument that it does not take, where what it means is to be written.

    Args:
        function: one that has an argument space or hyperparameters.

    Returns:
        The function; an unknown argument by name is an `ArgumentError`, which is a `TypeError` too.

    Example:
        >>> refuses_unknown(lambda data, space=None: None)("iris", momentum=0.9)
        Traceback (most recent call last):
        ikura.errors.ArgumentError: <lambda> takes no argument 'momentum': 'momentum' is a hyperparameter, ...
    """
    known = list(inspect.signature(function).parameters)
    holder = "space" if "space" in known else "hyperparameters"

    @wraps(function)
    def checked(*args: P.args, **keywords: P.kwargs) -> R:
        for name in keywords:
            if name not in known:
                term = term_of(name)
                here = None if term is None or term.here not in known else f": here it is {term.here}=…"
                rest = here or where_to_write(name, holder) or nearest(name, known)
                raise ArgumentError(f"{function.__name__} takes no argument {name!r}{rest}")
        return function(*args, **keywords)

    return checked
