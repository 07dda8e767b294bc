"""Real-valued hyperparameters: linear, logarithmic, and logarithmic in the complement."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import exp, expm1, inf, log1p
from math import log as ln

from ikura.errors import SpaceError
from ikura.json_values import JsonObject
from ikura.space._base import Parameter, Value, real, within_unit

__all__ = ["Linear", "Log", "LogComplement", "linear", "log", "log_complement"]


@dataclass(frozen=True)
class _Interval(Parameter):
    """Numbers from low to high, uniform after an increasing transformation t."""

    low: float
    high: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", real(self.low, "low"))
        object.__setattr__(self, "high", real(self.high, "high"))
        if not self.low < self.high:
            raise SpaceError(f"`low < high` must hold, but got (low={self.low:g}, high={self.high:g})")
        self._check()
        width = self._transform(self.high) - self._transform(self.low)
        if not 0 < width < inf:
            size = "wide" if width else "narrow"
            raise SpaceError(f"the range is too {size} for floating point: (low={self.low!r}, high={self.high!r})")

    def _check(self) -> None:
        """Refuse bounds on which the transformation is not defined."""

    @abstractmethod
    def _transform(self, value: float) -> float: ...

    @abstractmethod
    def _inverse(self, transformed: float) -> float: ...

    def from_unit(self, u: float) -> float:
        u = within_unit(u)
        if u in (0.0, 1.0):
            return self.high if u else self.low
        low, high = self._transform(self.low), self._transform(self.high)
        value = self._inverse(min(max(low + u * (high - low), low), high))
        return min(max(value, self.low), self.high)

    def to_unit(self, value: Value) -> float:
        if not self.contains(value):
            raise SpaceError(f"{value!r} is outside {self.low:g} to {self.high:g}")
        low, high = self._transform(self.low), self._transform(self.high)
        return min(max((self._transform(float(value)) - low) / (high - low), 0.0), 1.0)

    def contains(self, value: object) -> bool:
        try:
            return self.low <= real(value, "value") <= self.high
        except SpaceError:
            return False

    def widen(self, upwards: bool, share: float, least: float, greatest: float) -> Parameter:
        low, high = self._transform(self.low), self._transform(self.high)
        by = share * (high - low)
        low, high = (
            (self.low, max(min(_neat(self._inverse(high + by)), greatest), self.high))
            if upwards
            else (min(max(_neat(self._inverse(low - by)), least), self.low), self.high)
        )
        try:
            return type(self)(low, high)
        except SpaceError:
            return self

    def as_dict(self) -> JsonObject:
        return {"scale": self.scale, "low": self.low, "high": self.high}


def _neat(value: float) -> float:
    """Round to six significant digits, so that a new end is one that people can read.

    Complements of values near one keep their own digits.
    """
    near_one = 0.9 < value < 1
    return 1 - float(f"{1 - value:.6g}") if near_one else float(f"{value:.6g}")


@dataclass(frozen=True)
class Linear(_Interval):
    """Uniform between low and high: u -> low + u (high - low)."""

    scale = "linear"

    def _transform(self, value: float) -> float:
        return value

    def _inverse(self, transformed: float) -> float:
        return transformed


@dataclass(frozen=True)
class Log(_Interval):
    """Uniform in the logarithm: u -> low (high/low)^u, every decade its equal share."""

    scale = "log"

    def _check(self) -> None:
        if not self.low > 0:
            raise SpaceError(f"a log scale needs `low > 0`, but got (low={self.low:g}, high={self.high:g})")

    def _transform(self, value: float) -> float:
        return ln(value)

    def _inverse(self, transformed: float) -> float:
        return exp(transformed)


@dataclass(frozen=True)
class LogComplement(_Interval):
    """Uniform in the logarithm of the complement: u -> 1 - (1 - low) ((1 - high)/(1 - low))^u."""

    scale = "log-complement"

    def _check(self) -> None:
        if not self.high < 1:
            raise SpaceError(f"a log-complement scale needs `high < 1`, but got (low={self.low:g}, high={self.high:g})")

    def _transform(self, value: float) -> float:
        return -log1p(-value)

    def _inverse(self, transformed: float) -> float:
        return -expm1(-transformed)


def linear(low: float, high: float) -> Linear:
    """Draw real numbers uniformly from low to high.

    Args:
        low: the smallest value.
        high: the largest value.

    Returns:
        The parameter.

    Raises:
        SpaceError: `low < high` does not hold, or a bound is NaN or infinite.

    Example:
        >>> linear(0, 0.5).from_unit(0.5)
        0.25
    """
    return Linear(low, high)


def log(low: float, high: float) -> Log:
    """Draw real numbers uniformly in their logarithm, so that each decade gets an equal share.

    Args:
        low: the smallest value, above zero.
        high: the largest value.

    Returns:
        The parameter.

    Raises:
        SpaceError: `0 < low < high` does not hold, or a bound is NaN or infinite.

    Example:
        >>> round(log(1e-4, 1).from_unit(0.25), 9)
        0.001
    """
    return Log(low, high)


def log_complement(low: float, high: float) -> LogComplement:
    """Draw x so that log(1 - x) is uniform, as suits averaging coefficients close to one.

    Args:
        low: the smallest value.
        high: the largest value, below one.

    Returns:
        The parameter.

    Raises:
        SpaceError: `low < high < 1` does not hold, or a bound is NaN or infinite.

    Example:
        >>> round(log_complement(0.9, 0.999).from_unit(0.5), 9)
        0.99
    """
    return LogComplement(low, high)
