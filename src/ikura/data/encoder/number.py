"""Numbers and booleans, standardised."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.values import booleans, numbers
from ikura.json_values import JsonObject

__all__ = ["NumberEncoding", "Standard"]

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Standard:
    """Standardisation, (v - μ) / σ, with the mean and the population standard deviation of the training rows.

    Args:
        mean: μ.
        std: σ; 1 where all values are equal.

    Example:
        >>> Standard.fit(np.array([1.0, 2.0, np.nan, 3.0])).apply(np.array([2.0, np.nan]))
        array([0., 0.])
    """

    mean: float
    std: float

    @staticmethod
    def fit(values: npt.NDArray[np.float64]) -> Standard:
        """The statistics of the values that are not NaN; (0, 1) where there is none.

        Values are scaled by powers of two, which is exact, so that no square overflows or vanishes.
        """
        present = values[~np.isnan(values)]
        if not present.size:
            return Standard(0.0, 1.0)
        low, high = float(present.min()), float(present.max())
        if low == high:
            return Standard(low, 1.0)
        power = int(np.frexp(max(abs(low), abs(high)))[1])
        scaled = np.ldexp(present, -power)
        mean = scaled.mean()
        away = scaled - mean
        away_power = int(np.frexp(np.abs(away).max())[1])
        std = float(np.ldexp(np.ldexp(away, -away_power).std(), power + away_power))
        return Standard(float(np.ldexp(mean, power)), std or 1.0)

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Shape of `values`; NaN becomes 0, and what float32 cannot hold its largest number."""
        with np.errstate(over="ignore"):
            standardised = (values - self.mean) / self.std
        return np.where(np.isnan(values), 0.0, np.clip(standardised, -LARGEST, LARGEST))


@dataclass(frozen=True)
class NumberEncoding:
    """A number in one column of x, and a second one that marks missing values if training had any.

    Args:
        name: the table's column.
        boolean: whether it holds booleans, read as 0 and 1.
        standard: statistics of the training rows.
        marks_missing: whether training had missing values, and others.
        constant: whether training had no two different values: nothing could be learned of them, so they become 0.
    """

    name: str
    boolean: bool
    standard: Standard
    marks_missing: bool
    constant: bool = False

    @staticmethod
    def fit(series: pd.Series, boolean: bool) -> NumberEncoding:
        """Fit to the training rows."""
        values = booleans(series) if boolean else numbers(series)
        missing = np.isnan(values)
        present = values[~missing]
        constant = not present.size or bool(present.min() == present.max())
        marks = bool(missing.any() and not missing.all())
        return NumberEncoding(str(series.name), boolean, Standard.fit(values), marks, constant)

    @property
    def varies(self) -> bool:
        """Whether training had two different values."""
        return not self.constant or self.marks_missing

    @property
    def feature_names(self) -> list[str]:
        """Names of its columns in x."""
        return [self.name, f"{self.name} is missing"] if self.marks_missing else [self.name]

    def values(self, series: pd.Series) -> npt.NDArray[np.float64]:
        """The column's numbers as they are, shape (n,); NaN where one is missing."""
        return booleans(series) if self.boolean else numbers(series)

    def fill(self, series: pd.Series, x: npt.NDArray[np.float32]) -> None:
        """Write its columns of x, shape (n, 1) or (n, 2)."""
        values = self.values(series)
        x[:, 0] = 0.0 if self.constant else self.standard.apply(values)
        if self.marks_missing:
            x[:, 1] = np.isnan(values)

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        return {"type": "number", **asdict(self)}

    @staticmethod
    def from_dict(form: JsonObject) -> NumberEncoding:
        """The encoding that `to_dict` described."""
        standard, constant = Standard(**form["standard"]), form.get("constant", False)
        return NumberEncoding(form["name"], form["boolean"], standard, form["marks_missing"], constant)
