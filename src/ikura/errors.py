"""The one tree of exceptions.

IkuraError
└── UsageError        the caller's mistake; the command line ends with exit code 2
    ├── ArgumentError a call has an argument that the function does not take; also a TypeError
    ├── DataError     the data cannot be used as they are
    ├── SpaceError    the search space is wrong
    ├── RunError      a run folder is missing, taken, or not what it should be, or what trains it is lost
    └── StorageError  the disk is full or cannot be written
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = [
    "ArgumentError",
    "DataError",
    "IkuraError",
    "RunError",
    "SpaceError",
    "StorageError",
    "UsageError",
    "listed",
    "nearest",
]


class IkuraError(Exception):
    """Anything that ikura raises on purpose."""


class UsageError(IkuraError):
    """The caller's mistake: one line that says what was wrong and what would be right."""


class ArgumentError(UsageError, TypeError):
    """A call has an argument that the function does not take."""


class DataError(UsageError):
    """The data cannot be used as they are."""


class SpaceError(UsageError):
    """The search space is wrong."""


class RunError(UsageError):
    """A run folder is missing, taken, or not what it should be, or what trains it is lost."""


class StorageError(UsageError):
    """The disk is full or cannot be written; what was recorded before stays readable."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Offer the known name that is closest to a mistyped one.

    Args:
        name: what the caller wrote.
        known: the names that exist.

    Returns:
        Text to put behind an error message, or an empty string when nothing is close.

    Example:
        >>> nearest("learning_rat", ["momentum", "learning_rate"])
        ", did you mean 'learning_rate'?"
        >>> nearest("colour", ["momentum"])
        ''
    """
    candidates = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), list(candidates), n=1, cutoff=0.6)
    return f", did you mean '{candidates[found[0]]}'?" if found else ""


def listed(names: Iterable[Any], most: int = 12) -> str:
    """Put names into an error message, the first of many.

    Args:
        names: what exists.
        most: how many are shown.

    Returns:
        The names, separated by commas.

    Example:
        >>> listed("abc"), listed("abc", 2)
        ('a, b, c', 'a, b, …')
    """
    shown = [str(name) for name in names]
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")
