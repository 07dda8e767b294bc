"""From probabilities to answers: the threshold that a metric asks for, and answers that cost least."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikura.errors import UsageError, listed, nearest
from ikura.metric._base import Metric

__all__ = ["DECIDING", "Threshold", "answers_at", "cheapest", "cost_matrix", "fit_threshold"]

RESAMPLES = 200
MOST_CANDIDATES = 200
SURE = 0.95
DECIDING = ("accuracy", "balanced_accuracy", "f1", "mcc")
"""Metrics of two classes that look at answers only; those of ranks and of probabilities have no threshold."""

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Threshold:
    """The probability from which on the positive class is the answer.

    Attributes:
        value: the threshold.
        gain: by how much the metric is better with it than at one half, on examples that did not choose it.
        least: the end of the one-sided 95 % interval of that gain.
    """

    value: float
    gain: float
    least: float

    @property
    def matters(self) -> bool:
        """Whether it is better than one half beyond chance."""
        return self.least > 0


def answers_at(shares: Shares, threshold: float) -> NDArray[np.int64]:
    """Answer 1 where the probability of the second class lies above the threshold, shape (n,)."""
    found: NDArray[np.int64] = (shares > threshold).astype(np.int64)
    return found


def fit_threshold(shares: Shares, target: NDArray[Any], metric: Metric, seed: int = 0) -> Threshold | None:
    """Choose the threshold that a metric is best at, and measure what it gains.

    Of each bootstrap resample the best threshold is found, and tried on the examples that it has not drawn; the
    threshold is the median of them, which one lucky example does not move, and the gain the mean.

    Args:
        shares: probability of the second class of examples that were not trained on, shape (n,).
        target: 0 or 1, shape (n,).
        metric: what is to be best.
        seed: keys the resamples.

    Returns:
        The threshold; None where the metric does not look at answers, or there is one class only.

    Example:
        >>> from ikura.metric import METRICS
        >>> shares = np.concatenate([np.linspace(0, 0.2, 90), np.linspace(0.25, 0.45, 10)])
        >>> found = fit_threshold(shares, np.repeat([0, 1], [90, 10]), METRICS["f1"].for_task("binary"))
        >>> found.matters, 0.2 <= found.value <= 0.27
        (True, True)
    """
    if metric.name not in DECIDING or len(np.unique(target)) < 2:
        return None
    random = np.random.default_rng([seed % 2**63, zlib.crc32(b"threshold")])
    order = np.argsort(shares, kind="stable")
    sorted_shares, truth = shares[order], target[order].astype(np.float64)
    candidates = _candidates(sorted_shares)
    # Of each candidate, how many of the sorted examples lie at or below it.
    below = np.searchsorted(sorted_shares, candidates, side="right")
    n, found, gains = len(target), [], []
    for _ in range(RESAMPLES):
        drawn = np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)
        best = int(np.argmax(np.nan_to_num(_scores(metric.name, truth, drawn, below), nan=-np.inf)))
        found.append(candidates[best])
        left = _scores(metric.name, truth, (drawn == 0).astype(np.float64), below[[best, 0]])
        gains.append(left[0] - left[1])
    known = np.array(gains)[np.isfinite(gains)]
    if not known.size:
        return None
    return Threshold(float(np.median(found)), float(known.mean()), float(np.quantile(known, 1 - SURE)))


def _candidates(sorted_shares: Shares) -> Shares:
    """One half, which is taken among equals, and the middles between probabilities."""
    levels = np.unique(sorted_shares)
    if len(levels) > MOST_CANDIDATES:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, MOST_CANDIDATES)))
    return np.concatenate([[0.5], (levels[1:] + levels[:-1]) / 2])


def _scores(name: str, truth: Shares, weights: Shares, below: NDArray[np.int64]) -> Shares:
    """The metric where the first so many of the sorted examples are answered 0 and the rest 1.

    Args:
        name: accuracy, balanced_accuracy, f1 or mcc.
        truth: 0 or 1, sorted by probability, shape (n,).
        weights: how often each example counts, shape (n,).
        below: numbers of examples that are answered 0, shape (k,).

    Returns:
        Shape (k,); NaN where the metric is not defined.
    """
    missed = np.concatenate([[0.0], np.cumsum(weights * truth)])[below]
    spared = np.concatenate([[0.0], np.cumsum(weights * (1 - truth))])[below]
    ones, zeros = float(weights @ truth), float(weights @ (1 - truth))
    found, alarms = ones - missed, zeros - spared
    with np.errstate(invalid="ignore", divide="ignore"):
        if name == "f1":
            return np.where(ones > 0, 2 * found / (2 * found + alarms + missed), np.nan)
        if name == "accuracy":
            share: Shares = (found + spared) / (ones + zeros)
            return share
        if name == "mcc":
            both = (found + alarms) * (spared + missed) * ones * zeros
            return np.where(both > 0, (found * spared - alarms * missed) / np.sqrt(np.maximum(both, 1)), 0.0)
        balanced: Shares = (found / ones + spared / zeros) / 2
    return balanced


def cost_matrix(costs: Mapping[tuple[Any, Any], float], classes: list[Any]) -> Shares:
    """Write costs of mistakes as a matrix: what the answer k costs where the truth is j, shape (C, C).

    Args:
        costs: (truth, answer) to its cost; other mistakes cost 1, right answers nothing.
        classes: in the order of the probabilities.

    Raises:
        UsageError: there is no such class, or a cost is not a number of at least 0.

    Example:
        >>> cost_matrix({("ill", "well"): 20}, ["ill", "well"]).tolist()
        [[0.0, 20.0], [1.0, 0.0]]
    """
    named = {str(name): place for place, name in enumerate(classes)}
    found = 1.0 - np.eye(len(classes))
    for pair, cost in costs.items():
        for name in pair:
            if str(name) not in named:
                hint = nearest(str(name), named) or f"; classes are {listed(named)}"
                raise UsageError(f"costs: there is no class {str(name)!r}{hint}")
        if not (np.isfinite(cost) and cost >= 0):
            raise UsageError(f"costs: {pair[0]}:{pair[1]} must cost a number of at least 0, but got {cost}")
        found[named[str(pair[0])], named[str(pair[1])]] = float(cost)
    return found


def cheapest(shares: Shares, costs: Shares) -> NDArray[np.int64]:
    """Answer what costs least in expectation: argmin_k Σ_j p_j c_jk, the first one on a tie.

    Args:
        shares: probabilities, shape (n, C).
        costs: as `cost_matrix`.

    Example:
        >>> cheapest(np.array([[0.1, 0.9]]), np.array([[0.0, 20.0], [1.0, 0.0]])).tolist()
        [0]
    """
    found: NDArray[np.int64] = (shares @ costs).argmin(1)
    return found
