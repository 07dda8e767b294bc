"""Hyperparameters with separate values: integers, options, and the fixed ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, floor
from math import log as ln

from typing_extensions import override

from ikura.errors import SpaceError
from ikura.json_values import JsonObject
from ikura.space._base import Parameter, Value, plain, real, same, within_unit

__all__ = ["Choice", "Fixed", "Integer", "choice", "fixed", "integer"]

_LARGEST = 2**40


def _whole(value: object, name: str) -> int:
    number = real(value, name)
    if number != floor(number):
        raise SpaceError(f"{name} must be an integer, but got {value!r}")
    if abs(number) > _LARGEST:
        raise SpaceError(f"{name} must lie between -2^40 and 2^40, but got {value!r}")
    return int(number)


@dataclass(frozen=True)
class Integer(Parameter):
    """Integers from low to high, both included.

    Linear: each integer owns 1/n of the unit interval. Logarithmic: v owns a share proportional to
    log((v + 1/2)/(v - 1/2)). `to_unit` gives a point within the value's own share.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", _whole(self.low, "low"))
        object.__setattr__(self, "high", _whole(self.high, "high"))
        if not isinstance(self.log, bool):
            raise SpaceError(f"log must be true or false, but got {self.log!r}")
        if not self.low < self.high:
            raise SpaceError(f"`low < high` must hold, but got (low={self.low}, high={self.high})")
        if self.log and not self.low > 0:
            raise SpaceError(f"a log scale needs `low > 0`, but got (low={self.low}, high={self.high})")

    @property
    @override
    def scale(self) -> str:
        return "integer-log" if self.log else "integer"

    def _bounds(self) -> tuple[float, float]:
        """Return the transformed outer edges of the first and the last integer's share."""
        low, high = self.low - 0.5, self.high + 0.5
        return (ln(low), ln(high)) if self.log else (low, high)

    @override
    def from_unit(self, u: float) -> int:
        low, high = self._bounds()
        edge = low + within_unit(u) * (high - low)
        value = floor((exp(edge) if self.log else edge) + 0.5)
        return min(max(value, self.low), self.high)

    @override
    def to_unit(self, value: Value) -> float:
        if not self.contains(value):
            raise SpaceError(f"{value!r} is not an integer from {self.low} to {self.high}")
        low, high = self._bounds()
        return ((ln(value) if self.log else float(value)) - low) / (high - low)  # type: ignore[arg-type]

    @override
    def contains(self, value: object) -> bool:
        try:
            return self.low <= _whole(value, "value") <= self.high
        except SpaceError:
            return False

    @override
    def widen(self, upwards: bool, share: float, least: float, greatest: float) -> Integer:
        low, high = self._bounds()
        by = share * (high - low)
        edge = high + by if upwards else low - by
        edge = exp(edge) if self.log else edge
        if upwards:
            last = min(max(floor(edge - 0.5), self.high + 1), greatest, _LARGEST)
            return Integer(self.low, max(floor(last), self.high), self.log)
        first = max(min(ceil(edge + 0.5), self.low - 1), least, 1 if self.log else -_LARGEST)
        return Integer(min(ceil(first), self.low), self.high, self.log)

    @override
    def as_dict(self) -> JsonObject:
        return {"scale": self.scale, "low": self.low, "high": self.high}


MOST_OPTIONS = 1000


@dataclass(frozen=True)
class Choice(Parameter):
    """One of several options without order; each owns 1/n of the unit interval."""

    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(self.options) > MOST_OPTIONS:
            raise SpaceError(f"a choice has at most {MOST_OPTIONS:,} options, but got {len(self.options):,}")
        object.__setattr__(self, "options", tuple(plain(option) for option in self.options))
        if not self.options:
            raise SpaceError("a choice needs at least one option")
        for position, option in enumerate(self.options):
            if any(same(option, earlier) for earlier in self.options[:position]):
                raise SpaceError(f"option {option!r} is given twice")

    scale = "choice"
    numeric = False

    @property
    @override
    def varies(self) -> bool:
        return len(self.options) > 1

    def index(self, value: object) -> int:
        """Return the position of an option.

        Raises:
            SpaceError: it is not one of the options.
        """
        for position, option in enumerate(self.options):
            if same(option, value):
                return position
        raise SpaceError(f"{value!r} is not one of {', '.join(repr(option) for option in self.options)}")

    @override
    def from_unit(self, u: float) -> Value:
        return self.options[min(floor(within_unit(u) * len(self.options)), len(self.options) - 1)]

    @override
    def to_unit(self, value: Value) -> float:
        return (self.index(value) + 0.5) / len(self.options)

    @override
    def contains(self, value: object) -> bool:
        return any(same(option, value) for option in self.options)

    @override
    def as_dict(self) -> JsonObject:
        return {"choices": list(self.options)}


@dataclass(frozen=True)
class Fixed(Parameter):
    """One value that is not searched; every point of the unit interval stands for it."""

    value: Value

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", plain(self.value))

    scale = "fixed"
    numeric = False
    varies = False

    @override
    def from_unit(self, u: float) -> Value:
        within_unit(u)
        return self.value

    @override
    def to_unit(self, value: Value) -> float:
        if not self.contains(value):
            raise SpaceError(f"{value!r} is not the fixed value {self.value!r}")
        return 0.5

    @override
    def contains(self, value: object) -> bool:
        return same(value, self.value)

    @override
    def as_dict(self) -> JsonObject:
        return {"value": self.value}


def integer(low: int, high: int, log: bool = False) -> Integer:
    """Draw integers from low to high, both included.

    Args:
        low: the smallest value; above zero on the logarithmic scale.
        high: the largest value.
        log: draw uniformly in the logarithm instead of giving every integer an equal share.

    Returns:
        The parameter.

    Raises:
        SpaceError: `low < high` does not hold, a bound is no integer, or a logarithm is asked of zero.

    Example:
        >>> [integer(1, 4).from_unit(u) for u in (0.1, 0.3, 0.6, 0.9)]
        [1, 2, 3, 4]
    """
    return Integer(low, high, log)


def choice(*options: Value) -> Choice:
    """Draw one of several options, each equally often.

    Args:
        *options: strings, numbers or truth values, no two the same.

    Returns:
        The parameter.

    Raises:
        SpaceError: there are no options, one is given twice, or one is NaN or infinite.

    Example:
        >>> choice("relu", "tanh").from_unit(0.7)
        'tanh'
    """
    return Choice(options)


def fixed(value: Value) -> Fixed:
    """Keep a hyperparameter at one value.

    Args:
        value: a string, a number or a truth value.

    Returns:
        The parameter.

    Raises:
        SpaceError: the value is of another type, or it is NaN or infinite.

    Example:
        >>> fixed(0.9).from_unit(0.3)
        0.9
    """
    return Fixed(value)
