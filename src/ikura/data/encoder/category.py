"""Categories: one column a level, or a code for an embedding."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.notation import levels_by_value, of_values
from ikura.data.values import labels
from ikura.json_values import JsonObject

__all__ = ["CategoryEncoding"]

MOST_ONE_HOT = 16


@dataclass(frozen=True)
class CategoryEncoding:
    """A category with up to 16 levels in training is one-hot, with more it is a code for an embedding.

    A level that training lacked is all zeros, or code 0. A missing value is likewise, unless training had
    missing values too: then it has a one-hot column of its own. A single column, the same in all training rows, teaches
    nothing and stays 0.

    Args:
        name: the table's column.
        levels: labels seen in training, ascending; level i has code i + 1.
        marks_missing: whether training had missing values.
    """

    name: str
    levels: list[str]
    marks_missing: bool

    @staticmethod
    def fit(series: pd.Series) -> CategoryEncoding:
        """Fit to the training rows."""
        codes, names = labels(series)
        return CategoryEncoding(str(series.name), sorted(names), bool((codes < 0).any()))

    @property
    def embedded(self) -> bool:
        """Whether it is a code for an embedding."""
        return len(self.levels) > MOST_ONE_HOT

    @property
    def varies(self) -> bool:
        """Whether training had two different values."""
        return len(self.levels) + self.marks_missing > 1

    @property
    def feature_names(self) -> list[str]:
        """Names of its columns in x."""
        if self.embedded:
            return []
        names = [f"{self.name}={level}" for level in self.levels]
        return [*names, f"{self.name} is missing"] if self.marks_missing else names

    def codes(self, series: pd.Series) -> npt.NDArray[np.int64]:
        """Code of every row, shape (n,): 0 where the level is unseen, -1 where the value is missing."""
        codes, names = labels(series)
        known = {level: place + 1 for place, level in enumerate(self.levels)}
        if of_values(series) != "text":
            by_value = levels_by_value(series, list(series.dropna().unique()), self.levels)
            known = {name: known[level] for name, level in by_value.items()}
        return np.array([*(known.get(name, 0) for name in names), -1], dtype=np.int64)[codes]

    def fill(self, series: pd.Series, x: npt.NDArray[np.float32]) -> None:
        """Write its columns of x, shape (n, levels) or (n, levels + 1)."""
        codes = self.codes(series)
        if x.shape[1] < 2:
            return
        if self.marks_missing:
            codes[codes < 0] = len(self.levels) + 1
        rows = np.flatnonzero(codes > 0)
        x[rows, codes[rows] - 1] = 1.0

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        return {"type": "category", **asdict(self)}

    @staticmethod
    def from_dict(form: JsonObject) -> CategoryEncoding:
        """The encoding that `to_dict` described."""
        return CategoryEncoding(form["name"], list(form["levels"]), form["marks_missing"])
