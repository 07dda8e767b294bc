"""Dates and times, in parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.encoder.number import Standard
from ikura.data.values import datetimes
from ikura.json_values import JsonObject

__all__ = ["DatetimeEncoding"]

PARTS = ("year", "month", "day", "weekday", "hour", "minute", "second")


@dataclass(frozen=True)
class DatetimeEncoding:
    """A moment as those of its parts that vary in training, each standardised like a number.

    Args:
        name: the table's column.
        parts: part (year, month, day, weekday, hour, minute, second) -> statistics of the training rows.
        marks_missing: whether training had missing values.
    """

    name: str
    parts: dict[str, Standard]
    marks_missing: bool

    @staticmethod
    def fit(series: pd.Series) -> DatetimeEncoding:
        """Fit to the training rows."""
        when = datetimes(series)
        parts = {part: _part(when, part) for part in PARTS}
        varying = {
            part: Standard.fit(values)
            for part, values in parts.items()
            if np.unique(values[~np.isnan(values)]).size > 1
        }
        missing = when.isna()
        return DatetimeEncoding(str(series.name), varying, bool(missing.any() and not missing.all()))

    @property
    def varies(self) -> bool:
        """Whether training had two different values."""
        return bool(self.parts) or self.marks_missing

    @property
    def feature_names(self) -> list[str]:
        """Names of its columns in x."""
        names = [f"{self.name}.{part}" for part in self.parts]
        return [*names, f"{self.name} is missing"] if self.marks_missing else names

    def fill(self, series: pd.Series, x: npt.NDArray[np.float32]) -> None:
        """Write its columns of x, shape (n, parts) or (n, parts + 1)."""
        when = datetimes(series)
        for place, (part, standard) in enumerate(self.parts.items()):
            x[:, place] = standard.apply(_part(when, part))
        if self.marks_missing:
            x[:, -1] = when.isna()

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        return {"type": "moment", **asdict(self)}

    @staticmethod
    def from_dict(form: JsonObject) -> DatetimeEncoding:
        """The encoding that `to_dict` described."""
        parts = {part: Standard(**standard) for part, standard in form["parts"].items()}
        return DatetimeEncoding(form["name"], parts, form["marks_missing"])


def _part(when: pd.Series, part: str) -> npt.NDArray[np.float64]:
    series: pd.Series = getattr(when.dt, "day_of_week" if part == "weekday" else part)
    return series.to_numpy(dtype=np.float64, na_value=np.nan)
