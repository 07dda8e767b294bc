"""Encodings of numeric columns as their papers write them, column by column, to which networks are compared."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np
import torch
from scipy.stats import norm
from sklearn.preprocessing import PowerTransformer
from torch import Tensor, nn

from ikura.nn.noise import bits, key, normal

__all__ = ["Encoded", "Transformed"]


def piecewise_linear(x: Tensor, edges: np.ndarray) -> Tensor:
    """Gorishniy et al. 2022, equation 1."""
    bins, found = len(edges) - 1, []
    for t in range(1, bins + 1):
        low, high = edges[t - 1], edges[t]
        share = (x - low) / (high - low)
        below = torch.zeros_like(x) if t > 1 else share
        above = torch.ones_like(x) if t < bins else share
        found.append(torch.where(x < low, below, torch.where(x >= high, above, share)))
    return torch.stack(found, 1)


def robust(x: Tensor, values: np.ndarray) -> Tensor:
    """Holzmüller et al. 2024, section 3: robust scaling and smooth clipping."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    scale = 1 / (high - low) if high > low else 2 / (values.max() - values.min())
    z: Tensor = scale * (x - middle)
    return z / torch.sqrt(1 + (z / 3) ** 2)


def scores(x: Tensor, values: np.ndarray) -> Tensor:
    """Normal scores, interpolated between those of up to 128 quantiles."""
    shares = np.linspace(0, 1, min(128, len(values)))
    knots = np.quantile(values, shares)
    each = [shares[knots == knot].mean() for knot in np.unique(knots)]
    limit = 1 / (2 * len(values))
    found = np.interp(x.numpy(), np.unique(knots), norm.ppf(np.clip(each, limit, 1 - limit)))
    return torch.from_numpy(found)


class Encoded(nn.Module):
    """One member's encoding: the other columns, then what each numeric column becomes.

    Args:
        values: the member's hyperparameters.
        seed: of the member.
        x: the training rows.
        numeric: (column, column that marks missing values, or -1) of each numeric column.
    """

    def __init__(self, values: Any, seed: int, x: np.ndarray, numeric: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.kind, self.bins = values["numeric_encoding"], values["encoding_bins"]
        self.numeric = [] if self.kind == "standard" else [column for column, _ in numeric]
        self.others = [column for column in range(x.shape[1]) if column not in self.numeric]
        self.seen = [x[x[:, mark] == 0, column] if mark >= 0 else x[:, column] for column, mark in numeric]
        k, columns = values["encoding_frequencies"], len(self.numeric)
        self.own = values["encoding_size"] - (self.kind == "pbld")
        waves = k if self.kind == "pbld" else 2 * k
        if self.kind in ("periodic", "pbld"):
            drawn = values["encoding_sigma"] * normal(key(seed, "frequencies"), columns, k)
            self.frequencies = nn.Parameter(torch.from_numpy(drawn.ravel()))
            if self.kind == "pbld":
                turns = (bits(key(seed, "phases"), columns, k) + 0.5) / 2.0**32
                self.phases = nn.Parameter(torch.from_numpy((2 * pi * (turns - 0.5)).ravel()))
            each = [normal(key(seed, "waves", j), self.own, waves) * sqrt(2 / waves) for j in range(columns)]
            self.weight = nn.Parameter(torch.from_numpy(np.concatenate(each)))
            self.bias = nn.Parameter(torch.zeros(columns * self.own, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Encode x, shape (rows, columns)."""
        found = [x[:, self.others]]
        for j, column in enumerate(self.numeric):
            v, values = x[:, column], self.seen[j]
            if self.kind == "piecewise_linear":
                found.append(piecewise_linear(v, np.unique(np.quantile(values, np.linspace(0, 1, self.bins + 1)))))
            elif self.kind == "quantile":
                found.append(scores(v, values)[:, None])
            elif self.kind == "robust":
                found.append(robust(v, values)[:, None])
            else:
                found.append(self.waves(j, v if self.kind == "periodic" else robust(v, values)))
        return torch.cat(found, 1)

    def waves(self, j: int, v: Tensor) -> Tensor:
        """PLR and PBLD of one column."""
        k = len(self.frequencies) // len(self.numeric)
        angle = 2 * pi * v[:, None] * self.frequencies[j * k : (j + 1) * k]
        rows = slice(j * self.own, (j + 1) * self.own)
        if self.kind == "pbld":
            mixed = torch.cos(angle + self.phases[j * k : (j + 1) * k]) @ self.weight[rows].T + self.bias[rows]
            return torch.cat([v[:, None], mixed], 1)
        return torch.relu(torch.cat([torch.sin(angle), torch.cos(angle)], 1) @ self.weight[rows].T + self.bias[rows])


class Transformed:
    """A transform of the target, by scikit-learn, NumPy and plain interpolation; undone within the seen range.

    Args:
        kind: of the transform.
        y: standardised values of the training rows.
        scorer: knows mean and deviation of the values.
    """

    def __init__(self, kind: str, y: np.ndarray, scorer: Any) -> None:
        self.kind, self.mean, self.std, self.range = kind, scorer.mean, scorer.std, (y.min(), y.max())
        if kind == "yeo_johnson":
            self.power = PowerTransformer().fit(y[:, None])
        elif kind == "log":
            raw = np.log(self.std * y + self.mean)
            self.centre, self.spread = raw.mean(), raw.std()
        else:
            shares = np.linspace(0, 1, min(128, len(y)))
            limit = 1 / (2 * len(y))
            self.knots, self.scores = np.quantile(y, shares), norm.ppf(np.clip(shares, limit, 1 - limit))

    def apply(self, y: np.ndarray) -> np.ndarray:
        """What is learned of y."""
        if self.kind == "yeo_johnson":
            return np.asarray(self.power.transform(y[:, None])[:, 0])
        if self.kind == "log":
            return np.asarray((np.log(self.std * y + self.mean) - self.centre) / self.spread)
        return np.interp(y, self.knots, self.scores)

    def undo(self, z: np.ndarray) -> np.ndarray:
        """Values of outputs z, shape (rows, 1)."""
        if self.kind == "yeo_johnson":
            return np.clip(np.nan_to_num(self.power.inverse_transform(z), nan=self.range[1]), *self.range)
        if self.kind == "log":
            found = (np.exp(z * self.spread + self.centre) - self.mean) / self.std
            return np.asarray(np.clip(found, *self.range))
        return np.interp(z, self.scores, self.knots)
