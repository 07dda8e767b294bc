"""What every hyperparameter's range can do: values to the unit interval and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isfinite
from typing import Any, TypeAlias

import numpy as np

from ikura.errors import SpaceError
from ikura.json_values import JsonObject

__all__ = ["Configuration", "Parameter", "Value", "plain", "real", "same", "within_unit"]

Value: TypeAlias = str | int | float | bool
"""What a hyperparameter may be."""

Configuration: TypeAlias = dict[str, Any]
"""A value for each hyperparameter, by name."""


class Parameter(ABC):
    """The values one hyperparameter may take, seen through the unit interval.

    A uniform draw u in [0, 1] becomes a value through `from_unit`; `to_unit` is its inverse. The scale decides which
    values are drawn more often. Parameters are immutable and compare by content.
    """

    @property
    @abstractmethod
    def scale(self) -> str:
        """Name of the scale: linear, log, log-complement, integer, integer-log, choice or fixed."""

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers in order, so that a part of the range is an interval."""
        return True

    @property
    def varies(self) -> bool:
        """Whether there is more than one value."""
        return True

    @abstractmethod
    def from_unit(self, u: float) -> Value:
        """Turn a number of the unit interval into a value.

        Args:
            u: a number in [0, 1]; 0 gives the first value and 1 the last.

        Returns:
            The value, always one that `contains` accepts.

        Raises:
            SpaceError: u is NaN or outside [0, 1].
        """

    @abstractmethod
    def to_unit(self, value: Value) -> float:
        """Turn a value into the number of the unit interval that stands for it.

        Args:
            value: one of this parameter's values.

        Returns:
            u in [0, 1] with `from_unit(u) == value` (up to rounding for real numbers).

        Raises:
            SpaceError: the value, NaN for example, is not one of this parameter's.
        """

    @abstractmethod
    def contains(self, value: object) -> bool:
        """Say whether this is one of the parameter's values; NaN never is."""

    def widen(self, upwards: bool, share: float, least: float, greatest: float) -> Parameter:
        """Move one end of the range outwards.

        Args:
            upwards: whether the high end moves, otherwise the low end.
            share: by how much, as a share of the range's width on its scale; an integer moves by at least one.
            least: the low end never falls below.
            greatest: the high end never rises above.

        Returns:
            A parameter of the same kind, equal to this one where the end cannot move. A choice or a fixed value has no
            ends and stays as it is.

        Example:
            >>> from ikura.space import log
            >>> log(1e-4, 1).widen(upwards=True, share=0.25, least=0, greatest=1e9)
            Log(low=0.0001, high=10.0)
        """
        return self

    @abstractmethod
    def as_dict(self) -> JsonObject:
        """Write the parameter as the table that `ikura.space.parameter` and a TOML file understand."""


MOST_WHOLE = 10**18


def plain(value: object) -> Value:
    """Take a hyperparameter's plain value: a string, an integer, a finite number, a truth value.

    NumPy scalars become the Python values they hold.

    Args:
        value: what the caller gave.

    Returns:
        The value as a Python object.

    Raises:
        SpaceError: it is something else, NaN or infinite, or a whole number of more than 18 digits.

    Example:
        >>> plain(np.float64(0.5))
        0.5
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and abs(value) >= MOST_WHOLE:
        raise SpaceError(f"a whole number has at most 18 digits, but got one of {len(str(abs(value)))}")
    if isinstance(value, float) and not isfinite(value):
        raise SpaceError(f"a value must be finite, but got {value}")
    if not isinstance(value, str | int | float):
        raise SpaceError(f"a value is a string, a number or true/false, but got {value!r}")
    return value


def real(value: object, name: str) -> float:
    """Take a finite real number.

    Args:
        value: what the caller gave.
        name: what to call it in the message.

    Returns:
        The number.

    Raises:
        SpaceError: it is no number, or it is NaN or infinite.

    Example:
        >>> real(1, "low")
        1.0
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpaceError(f"{name} must be a number, but got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise SpaceError(f"{name} is too large: {value}") from None
    if not isfinite(number):
        raise SpaceError(f"{name} must be finite, but got {number}")
    return number


def same(first: object, second: object) -> bool:
    """Compare two plain values as hyperparameters: 1 and 1.0 are the same, 1 and True are not.

    Example:
        >>> same(1, 1.0), same(1, True)
        (True, False)
    """
    return isinstance(first, bool | np.bool_) == isinstance(second, bool | np.bool_) and bool(first == second)


def within_unit(u: float) -> float:
    """Check that a number lies in the unit interval.

    Raises:
        SpaceError: it is NaN or outside [0, 1].

    Example:
        >>> within_unit(0.25)
        0.25
    """
    if not 0.0 <= u <= 1.0:
        raise SpaceError(f"a number of the unit interval lies in [0, 1], but got {u}")
    return float(u)
