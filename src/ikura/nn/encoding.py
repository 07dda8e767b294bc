"""How numeric columns enter a network: as functions with statistics of the training rows, or as learnt waves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import ndtri

from ikura.errors import UsageError, nearest
from ikura.json_values import JsonObject

__all__ = [
    "CLIP",
    "ENCODINGS",
    "KNOTS",
    "WAVES",
    "NumericEncoding",
    "fit_encoding",
    "normal_scores",
    "numeric_encoding",
]

CLIP = 3.0
"""Size that robust scaling never exceeds."""
KNOTS = 128
"""Quantiles at most between which normal scores are interpolated."""

ENCODINGS: dict[str, str] = {
    "standard": "(v - mean) / deviation",
    "robust": "z / √(1 + (z/3)²) with z = (v - median) / (distance of the quartiles)",
    "quantile": "the normal score of its rank among the training rows",
    "piecewise_linear": "a number for each bin between two quantiles: 0 below it, 1 above, a share within",
    "periodic": "relu(W [sin 2πcv, cos 2πcv] + b) with learnt c, W and b",
    "pbld": "[robust v, W cos(2πcv + φ) + b] with learnt c, φ, W and b",
}
"""Name to what becomes of a value."""
WAVES = ("periodic", "pbld")
"""Encodings that learn."""


def numeric_encoding(name: Any) -> str:
    """Check the name of an encoding.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in ENCODINGS:
        raise UsageError(
            f"unknown numeric_encoding {name!r}{nearest(str(name), ENCODINGS)}: use {', '.join(ENCODINGS)}"
        )
    return str(name)


@dataclass(frozen=True)
class NumericEncoding:
    """What becomes of the numeric columns of a network's inputs; the others go in as they are, before these.

    Attributes:
        kind: one of `ENCODINGS` but standard.
        inputs: columns of x.
        columns: those that are encoded, ascending.
        numbers: statistics of each of them: median and 1 / distance of the quartiles (robust, pbld), quantiles and
            their normal scores (quantile), edges of the bins (piecewise_linear), nothing (periodic).
        frequencies: of each column, for waves.
        size: numbers that a column becomes, for waves.
    """

    kind: str
    inputs: int
    columns: tuple[int, ...]
    numbers: tuple[tuple[float, ...], ...]
    frequencies: int = 0
    size: int = 0

    @staticmethod
    def of(form: JsonObject, inputs: int) -> NumericEncoding:
        """The encoding that `form` described.

        Raises:
            ValueError: the description does not hold together.
        """
        encoding = NumericEncoding(
            numeric_encoding(form["kind"]),
            inputs,
            tuple(form["columns"]),
            tuple(map(tuple, form["numbers"])),
            form.get("frequencies", 0),
            form.get("size", 0),
        )
        fault = encoding.fault
        if fault:
            raise ValueError(f"the numeric encoding {fault}")
        return encoding

    @property
    def form(self) -> JsonObject:
        """Its JSON form."""
        form: JsonObject = {
            "kind": self.kind,
            "columns": list(self.columns),
            "numbers": [list(one) for one in self.numbers],
        }
        return form | ({"frequencies": self.frequencies, "size": self.size} if self.learns else {})

    @property
    def fault(self) -> str:
        """What is wrong with it; empty if nothing is."""
        counts = {len(one) for one in self.numbers}
        ascending = all(a < b for a, b in pairwise(self.columns))
        if self.kind == "standard" or not self.columns:
            return "encodes nothing"
        if not ascending or min(self.columns) < 0 or max(self.columns) >= self.inputs:
            return f"has columns that are not ascending and below {self.inputs}"
        if len(self.numbers) != len(self.columns):
            return f"has statistics of {len(self.numbers)} columns, not of {len(self.columns)}"
        if self.learns and (self.frequencies < 1 or self.size < self.least_size):
            return f"has {self.frequencies} frequencies and size {self.size}"
        if self.kind in ("robust", "pbld"):
            return "" if counts == {2} else "has other statistics than a median and a scale"
        if self.kind == "periodic":
            return "" if counts == {0} else "has statistics that it does not read"
        halves = [one[: len(one) // 2] if self.kind == "quantile" else one for one in self.numbers]
        even = self.kind != "quantile" or all(count % 2 == 0 for count in counts)
        rising = all(len(one) > 1 and all(a < b for a, b in pairwise(one)) for one in halves)
        return "" if even and rising else "has quantiles that do not ascend"

    @property
    def learns(self) -> bool:
        """Whether it has weights."""
        return self.kind in WAVES

    @property
    def least_size(self) -> int:
        """The least `size`: beside the value itself there is one number of waves at least."""
        return 2 if self.kind == "pbld" else 1

    @cached_property
    def others(self) -> tuple[int, ...]:
        """Columns that go in as they are."""
        own = set(self.columns)
        return tuple(column for column in range(self.inputs) if column not in own)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Numbers that each encoded column becomes."""
        if self.learns:
            return (self.size,) * len(self.columns)
        return tuple(len(one) - 1 if self.kind == "piecewise_linear" else 1 for one in self.numbers)

    @property
    def width(self) -> int:
        """Numbers in all."""
        return len(self.others) + sum(self.sizes)

    @property
    def mixed(self) -> int:
        """Numbers of waves that a column becomes: all but the value itself."""
        return self.size - (self.kind == "pbld")

    @property
    def waves(self) -> int:
        """Waves of a column: sine and cosine of each frequency, or one cosine with a phase."""
        return self.frequencies * (1 if self.kind == "pbld" else 2)

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of each parameter, in their order."""
        if not self.learns:
            return {}
        columns = len(self.columns)
        shapes: dict[str, tuple[int, ...]] = {"frequencies": (columns * self.frequencies,)}
        if self.kind == "pbld":
            shapes["phases"] = (columns * self.frequencies,)
        return shapes | {"weight": (columns * self.mixed, self.waves), "bias": (columns * self.mixed,)}


def fit_encoding(
    kind: str, x: np.ndarray, numeric: Sequence[tuple[int, int]], bins: int = 0, frequencies: int = 0, size: int = 0
) -> NumericEncoding | None:
    """Fit an encoding to the training rows.

    Args:
        kind: one of `ENCODINGS`.
        x: inputs of the training rows, standardised, shape (rows, columns).
        numeric: numeric columns of x, each with the column that is 1 where its value is missing, -1 for none; values
            that are missing count in no statistic.
        bins: of piecewise_linear, at most: quantiles that are equal make one bin of two.
        frequencies, size: of periodic and pbld.

    Returns:
        The encoding; None where inputs stay as they are, because the kind is standard or no column is numeric.

    Example:
        >>> fit_encoding("piecewise_linear", np.arange(5.0)[:, None], [(0, -1)], bins=2).numbers
        ((0.0, 2.0, 4.0),)
    """
    fit = _FITS.get(numeric_encoding(kind))
    columns, numbers = [], []
    for column, mark in numeric if fit is not None else ():
        values = np.asarray(x[:, column] if mark < 0 else x[x[:, mark] == 0, column], np.float64)
        if values.size and values.min() < values.max():
            assert fit is not None
            columns.append(column)
            numbers.append(tuple(map(float, fit(values, bins))))
    if not columns:
        return None
    sizes = (frequencies, size) if kind in WAVES else (0, 0)
    return NumericEncoding(kind, x.shape[1], tuple(columns), tuple(numbers), *sizes)


def _robust(values: np.ndarray, bins: int) -> Sequence[float]:
    """Median and 1 / distance of the quartiles; half of the range takes its place where that is 0."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    spread = high - low if high > low else (values.max() - values.min()) / 2
    return middle, 1 / spread


def _edges(values: np.ndarray, bins: int) -> Sequence[float]:
    edges: list[float] = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1))).tolist()
    return edges


def normal_scores(values: np.ndarray) -> list[float]:
    """Find up to 128 quantiles, then the normal scores of them; a value of many rows has the mean of their ranks."""
    shares = np.linspace(0, 1, min(KNOTS, values.size))
    quantiles = np.quantile(values, shares)
    knots, first, counts = np.unique(quantiles, return_index=True, return_counts=True)
    ranks = (shares[first] + shares[first + counts - 1]) / 2
    edge = 0.5 / values.size
    return [*knots.tolist(), *ndtri(np.clip(ranks, edge, 1 - edge)).tolist()]


_FITS: dict[str, Callable[[np.ndarray, int], Sequence[float]]] = {
    "robust": _robust,
    "quantile": lambda values, bins: normal_scores(values),
    "piecewise_linear": _edges,
    "periodic": lambda values, bins: (),
    "pbld": _robust,
}
