"""Whether probabilities can be taken at their word: reliability, calibration error, and one temperature for all."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ikura.lazy_torch import Tensor, torch
from ikura.metric.interval import wilson

__all__ = ["Reliability", "ReliabilityBin", "Temperature", "at_temperature", "fit_temperature", "heated", "reliability"]

BINS = 10
SIMULATED = 400
LEVEL = 0.95
LIKELIHOOD_RATIO = 3.841458820694124
"""The 95 % quantile of χ² with one degree of freedom."""
COLDEST, HOTTEST = 0.05, 20.0
NEAR = 1e-7
"""Of logarithms of temperatures: how near to the truth they are found."""
LEAST = 1e-12
"""Probabilities below count as this much in a likelihood."""
ROUNDED = 2.0**-53
"""1 - p is known up to this much: nothing nearer to 0 is told from it."""

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class ReliabilityBin:
    """Examples of which the model was about equally sure.

    Attributes:
        sure: mean probability that it gave its answer.
        right: share of them that it was right about.
        low, high: 95 % interval of that share (Wilson).
        rows: how many they are.
    """

    sure: float
    right: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Reliability:
    """How well probabilities say how often the answer is right.

    Attributes:
        bins: from the least sure examples to the surest.
        error: expected calibration error, the mean over examples of |sure - right| of their bin.
        chance: what it would stay below in 95 % of all test sets of this size if every probability were right.
    """

    bins: list[ReliabilityBin]
    error: float
    chance: float

    @property
    def sentence(self) -> str:
        """Whether the probabilities are off beyond chance."""
        found = f"calibration error {self.error:.3f}; chance alone reaches {self.chance:.3f} on so many rows"
        if not self.error > self.chance:
            return f"The probabilities are as often right as they say, as far as can be told ({found})."
        sure = sum(one.rows * (one.sure - one.right) for one in self.bins)
        return f"The probabilities are too {'sure' if sure > 0 else 'unsure'} of the answers ({found})."


def reliability(shares: Shares, target: NDArray[np.int64], seed: int = 0) -> Reliability:
    """Compare how sure a model is of its answers with how often they are right, in bins of equally many examples.

    Args:
        shares: probabilities, shape (n, C).
        target: classes, shape (n,).
        seed: keys the simulation of what chance alone does.

    References:
        Guo et al. (2017), On calibration of modern neural networks; Bröcker and Smith (2007), Increasing the
        reliability of reliability diagrams.

    Example:
        >>> shares = np.tile([[0.8, 0.2]], (100, 1))
        >>> found = reliability(shares, (np.arange(100) % 5 == 0).astype(np.int64))
        >>> round(found.error, 3), found.bins[0].rows
        (0.0, 100)
    """
    sure = shares.max(1)
    right = (shares.argmax(1) == target).astype(np.float64)
    where, bins = _bins(sure), []
    for place in range(where.max() + 1):
        here = where == place
        hits, rows = int(right[here].sum()), int(here.sum())
        bins.append(ReliabilityBin(float(sure[here].mean()), hits / rows, *wilson(hits, rows, LEVEL), rows))
    random = np.random.default_rng([seed % 2**63, zlib.crc32(b"reliability")])
    drawn = [_error(where, sure, (random.random(len(sure)) < sure).astype(np.float64)) for _ in range(SIMULATED)]
    return Reliability(bins, _error(where, sure, right), float(np.quantile(drawn, LEVEL)))


def _bins(sure: Shares) -> NDArray[np.int64]:
    """The bin of each example: bins of about equal size, equal probabilities together."""
    ends = np.unique(np.quantile(sure, np.linspace(0, 1, BINS + 1)[1:-1]))
    found = np.searchsorted(ends, sure, side="left")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _error(where: NDArray[np.int64], sure: Shares, right: Shares) -> float:
    gaps = np.bincount(where, sure - right)
    return float(np.abs(gaps).sum() / len(sure))


@dataclass(frozen=True)
class Temperature:
    """The temperature at which probabilities fit held-out examples best.

    Attributes:
        value: T; above 1 the model was too sure, below 1 too unsure.
        low, high: 95 % interval of it, by the likelihood ratio.
        before, after: log loss on those examples at T = 1, and at T.
    """

    value: float
    low: float
    high: float
    before: float
    after: float

    @property
    def matters(self) -> bool:
        """Whether 1 lies outside of the interval."""
        return not self.low <= 1.0 <= self.high


def heated(shares: Tensor, temperature: float) -> Tensor:
    """Heat or cool probabilities: p_k^(1/T) / Σ_j p_j^(1/T), which is softmax(z / T) of the logits z.

    Args:
        shares: probabilities of the second of two classes, shape (n,), or of all, shape (n, C).
        temperature: T, above 0.

    Returns:
        The same shape. Of two classes, logits beyond ±36.7 count as that, because 1 - p is rounded there; NaN stays.

    Example:
        >>> heated(torch.tensor([[0.8, 0.2]], dtype=torch.float64), 2.0).round(decimals=3).tolist()
        [[0.667, 0.333]]
    """
    if temperature == 1.0:
        return shares
    wide = torch.stack([1 - shares, shares], 1) if shares.dim() == 1 else shares
    found = torch.softmax(torch.log(wide.double().clamp_min(_least(wide.shape[1]))) / temperature, 1).to(shares.dtype)
    return found[:, 1] if shares.dim() == 1 else found


def at_temperature(shares: Shares, temperature: float) -> Shares:
    """As `heated`, of arrays of shape (n,) or (n, C).

    Example:
        >>> at_temperature(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
        [[0.667, 0.333]]
    """
    if temperature == 1.0:
        return shares
    wide = np.stack([1 - shares, shares], 1) if shares.ndim == 1 else shares
    logs = np.log(np.maximum(wide.astype(np.float64), _least(wide.shape[1]))) / temperature
    powers = np.exp(logs - logs.max(1, keepdims=True))
    found: Shares = (powers / powers.sum(1, keepdims=True)).astype(shares.dtype)
    return found[:, 1] if shares.ndim == 1 else found


def _least(classes: int) -> float:
    """What a probability of 0 counts as: of two classes one is 1 less the other, of more each is known by itself."""
    return ROUNDED if classes == 2 else float(np.finfo(np.float64).tiny)


def fit_temperature(shares: Shares, target: NDArray[np.int64]) -> Temperature:
    """Fit one temperature to held-out examples by maximum likelihood.

    Args:
        shares: probabilities of examples that were not trained on, shape (n, C).
        target: their classes, shape (n,).

    Source: Guo et al. (2017), On calibration of modern neural networks, section 4.2.

    Example:
        >>> shares = np.tile([[0.99, 0.01]], (1000, 1))
        >>> found = fit_temperature(shares, (np.arange(1000) % 5 == 0).astype(np.int64))
        >>> found.matters, round(float(at_temperature(shares[:1], found.value)[0, 0]), 2)
        (True, 0.8)
    """
    n = len(target)

    def loss(log_t: float) -> float:
        given = at_temperature(shares, float(np.exp(log_t)))
        return float(-np.log(np.maximum(given[np.arange(n), target], LEAST)).mean())

    ends = (np.log(COLDEST), np.log(HOTTEST))
    best = _lowest(loss, *ends)
    least, bound = loss(best), LIKELIHOOD_RATIO / (2 * n)

    def beyond(log_t: float) -> float:
        return loss(log_t) - least - bound

    low = ends[0] if beyond(ends[0]) < 0 else _crossing(beyond, best, ends[0])
    high = ends[1] if beyond(ends[1]) < 0 else _crossing(beyond, best, ends[1])
    return Temperature(float(np.exp(best)), float(np.exp(low)), float(np.exp(high)), loss(0.0), least)


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum between two ends has it, by golden sections, to 1e-7."""
    share = (math.sqrt(5) - 1) / 2
    left, right = high - share * (high - low), low + share * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > NEAR:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - share * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + share * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _crossing(function: Callable[[float], float], below: float, above: float) -> float:
    """Where a function comes from below zero to above it, by halves, to 1e-7."""
    while abs(above - below) > NEAR:
        middle = (below + above) / 2
        below, above = (middle, above) if function(middle) < 0 else (below, middle)
    return (below + above) / 2
