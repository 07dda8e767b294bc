"""The form of a request: whole numbers, texts and values of the kinds that the record keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np

from ikura.errors import UsageError
from ikura.schema import Scalar
from ikura.study.record.intervention import Action, Request
from ikura.wording import shortened

__all__ = ["whole_number", "words", "written"]

MOST_WORDS = 10_000
"""Characters of a reason, a note or a word at most."""
LARGEST = 2**53


def written(request: Request) -> Request:
    """A request as it is put on record: numbers of NumPy are Python's.

    Args:
        request: what is asked.

    Raises:
        UsageError: naming what is of the wrong kind, or too large.

    Example:
        >>> request = Request(action=Action.SET, trial=np.int64(3), values={"learning_rate": np.float32(0.5)})
        >>> written(request).trial, written(request).values
        (3, {'learning_rate': 0.5})
    """
    if not isinstance(request, Request):
        raise UsageError(f"a Request is needed, but got {_shown(request)}")
    if request.action not in list(Action):
        raise UsageError(f"action must be one of {', '.join(Action)}, but is {_shown(request.action)}")
    if not isinstance(request.values, Mapping):
        raise UsageError(f"values must be a dictionary of names and values, but is {_shown(request.values)}")
    return replace(
        request,
        action=Action(request.action),
        trial=None if request.trial is None else whole_number("trial", request.trial),
        at=None if request.at is None else whole_number("at", request.at),
        values={words("a name", name): _value(name, value) for name, value in request.values.items()},
        why=words("why", request.why),
    )


def whole_number(name: str, value: Any) -> int:
    """A whole number of Python's or NumPy's.

    Args:
        name: what it is, for the message.
        value: the number.

    Raises:
        UsageError: it is none, or larger than the record keeps.

    Example:
        >>> whole_number("at", 3.5)
        Traceback (most recent call last):
        ikura.errors.UsageError: at must be a whole number, but is 3.5
    """
    try:
        found = None if isinstance(value, bool | np.bool_) else index(value)
    except TypeError:
        found = None
    if found is None or abs(found) >= LARGEST:
        raise UsageError(
            f"{name} must be a whole number{'' if found is None else ' below 2^53'}, but is {_shown(value)}"
        )
    return found


def words(name: str, value: Any) -> str:
    """A text that can be written and is not endless.

    Args:
        name: what it is, for the message.
        value: the text.

    Raises:
        UsageError: it is no text, has halves of characters, or too many.
    """
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text, but is {_shown(value)}")
    if len(value) > MOST_WORDS:
        raise UsageError(f"{name} must be a text of at most {MOST_WORDS:,} characters, but has {len(value):,}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} must be a text in Unicode, but is {_shown(value)}") from None
    return value


def _value(name: str, value: Any) -> Scalar:
    """A value of the kinds that the record keeps; what a hyperparameter cannot be is refused by who knows it."""
    found = value.item() if isinstance(value, np.generic) else value
    if isinstance(found, str):
        return words(name, found)
    if not isinstance(found, bool | int | float):
        raise UsageError(f"{name} must be a number or a word, but is {_shown(value)}")
    if isinstance(found, int) and abs(found) >= LARGEST:
        raise UsageError(f"{name} must be a number below 2^53, but is {_shown(value)}")
    if math.isnan(found):
        raise UsageError(f"{name} must be a number, but is nan")
    return found


def _shown(value: Any) -> str:
    """A value of any kind, short enough for a message."""
    if isinstance(value, int) and abs(value) >= LARGEST:
        return f"one of {int(math.log10(abs(value))) + 1:,} digits"
    return shortened(value) if isinstance(value, str) else shortened(repr(value))[1:-1]
