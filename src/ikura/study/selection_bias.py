"""How far a dev score is flattered by having been picked, and how sure the first is of being better than the next."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikura.metric import Metric, draws, scores
from ikura.metric.paired_gain import no_noise
from ikura.study.record.result import Corrected

__all__ = ["Difference", "corrected", "difference"]

RESAMPLES = 1000
AFFORDED = 100_000_000
"""Numbers that metrics without a mean over examples may read in all resamples; they get fewer resamples."""

Shown = NDArray[Any]


def corrected(
    metric: Metric,
    candidates: Sequence[Shown],
    target: np.ndarray,
    dev: float,
    interval: tuple[float, float],
    *,
    replicates: Mapping[int, Sequence[Shown]] | None = None,
    seed: int = 0,
    resamples: int | None = None,
) -> Corrected:
    """Correct the best of many dev scores by bootstrap bias correction.

    Each resample of the dev examples repeats the choice on the examples drawn, and scores the winner on those that were
    not drawn, which had no part in choosing it. The mean of these scores is the corrected one. Because 37 % of the
    examples are left out, each winner is chosen from fewer than there are: the correction errs on the cautious side.

    Where the best k candidates were trained again with other seeds and the best mean won, two things flatter. The
    choice among k means is corrected as above. That the k were the best of all candidates flattered their own networks

        by L = mean dev score of the k - mean out-of-sample score of the k best on each resample,

    of which other seeds inherit the share ρ that has to do with the configuration and not with its seed: the
    correlation, over resamples, of two seeds' scores, each less the mean of all networks. ρ L is taken off.

    Args:
        metric: what trials were compared by.
        candidates: what `ikura.metric.evidence` kept of each candidate's predictions of the dev examples.
        target: the truth, shape (n,).
        dev: the uncorrected score: of the best candidate, or the mean over the best replicates.
        interval: its interval.
        replicates: evidence of the candidates that were trained again, by place, the same number of seeds each.
        seed: keys the draws.
        resamples: how many; by default 1000, fewer where the metric is slow.

    Returns:
        The corrected score, never better than the uncorrected one; NaN where nothing could be measured. No end of its
        interval lies beyond what the metric can be.

    Source: Tsamardinos, Greasidou and Borboudakis (2018), Bootstrapping the out-of-sample predictions for efficient and
    accurate cross-validation, Machine Learning 107.

    Example:
        >>> from ikura.metric import METRICS
        >>> coins = list(np.random.default_rng(0).integers(0, 2, (50, 200)).astype(np.uint8))
        >>> best = max(float(coin.mean()) for coin in coins)
        >>> found = corrected(METRICS["accuracy"], coins, np.ones(200), best, (best - 0.07, best + 0.07))
        >>> round(best, 2), round(found.value, 2)
        (0.59, 0.51)
    """
    repeated = dict(replicates or {})
    networks = [*candidates, *(shown for group in repeated.values() for shown in group)]
    count = _resamples(metric, networks, resamples)
    sign = 1.0 if metric.greater_is_better else -1.0
    insides, outsides = [], []
    for counts in draws(len(target), count, seed, "selection"):
        insides.append(scores(metric, networks, target, counts))
        outsides.append(scores(metric, networks, target, (counts == 0).astype(np.float32)))
    every = scores(metric, networks, target, np.ones((1, len(target)), np.float32))
    whole, inside, outside = (sign * one for one in (every, np.concatenate(insides, 1), np.concatenate(outsides, 1)))
    own = slice(0, len(candidates))
    lots = np.random.default_rng([seed % 2**63, zlib.crc32(b"ties")])
    lost = _lost(whole[own], inside[own], outside[own], max(len(repeated), 1), lots)
    if repeated:
        groups = _groups(len(candidates), repeated)
        share = _shared(inside, [[place, *group] for place, group in zip(repeated, groups, strict=True)])
        every, drawn, left = (np.stack([of[group].mean(0) for group in groups]) for of in (whole, inside, outside))
        lost = share * max(lost, 0.0) + _lost(every, drawn, left, 1, lots)
    lost = sign * max(lost, 0.0) if not math.isnan(lost) else lost
    value, low, high = (float(np.clip(one - lost, metric.least, metric.most)) for one in (dev, *interval))
    return Corrected(value, (low, high), len(candidates), count)


def _lost(
    whole: NDArray[np.float64],
    inside: NDArray[np.float64],
    outside: NDArray[np.float64],
    several: int,
    lots: np.random.Generator,
) -> float:
    """How much better the several best are on all examples than those of each resample are out of it.

    Both are measured against what the overall best score out of the resample, whose mean is their score on all
    examples: the same number with less chance in it, and 0 where every resample prefers the overall best. Equal scores
    in a resample are decided by lot: the candidates' own order has seen all examples.
    """
    best = np.lexsort((lots.random(inside.shape), -np.nan_to_num(inside, nan=-np.inf)), axis=0)[:several]
    overall = np.argsort(-np.nan_to_num(whole[:, 0], nan=-np.inf), kind="stable")[:several]
    lost = outside[overall].mean(0) - np.take_along_axis(outside, best, 0).mean(0)
    known = lost[np.isfinite(lost)]
    return float(known.mean()) if known.size else math.nan


def _groups(first: int, repeated: Mapping[int, Sequence[Shown]]) -> list[list[int]]:
    """Places of each candidate's replicates behind the candidates."""
    ends = np.cumsum([first, *(len(group) for group in repeated.values())]).tolist()
    return [list(range(begin, end)) for begin, end in pairwise(ends)]


def _shared(inside: NDArray[np.float64], groups: Sequence[Sequence[int]]) -> float:
    """Correlation of a configuration's seeds over resamples, what all networks have in common taken off; 0 to 1."""
    rows = inside[:, np.isfinite(inside).all(0)]
    if rows.shape[1] < 2:
        return 1.0
    rest = rows - rows.mean(0)
    both = np.cov(rest)
    pairs = [(i, j) for group in groups for i, j in combinations(group, 2)]
    spread = math.fsum(math.sqrt(both[i, i] * both[j, j]) for i, j in pairs)
    return float(np.clip(math.fsum(both[i, j] for i, j in pairs) / spread, 0.0, 1.0)) if spread > 0 else 0.0


@dataclass(frozen=True)
class Difference:
    """How much better the first is than the next, in the metric's own unit.

    Attributes:
        value: score of the first minus that of the next.
        interval: 95 % interval of the difference.
        p: two-sided p-value of no difference.
        seeds: seeds that both were trained with; over one alone only the examples vary.
        over_examples: variance of the difference over dev examples, which more seeds do not lessen.
        over_seeds: variance of the difference from seed to seed; NaN over one seed alone.
        examples: dev examples.
    """

    value: float
    interval: tuple[float, float]
    p: float
    seeds: int
    over_examples: float = math.nan
    over_seeds: float = math.nan
    examples: int = 0

    def half_width(self, seeds: int, examples: int) -> float:
        """Half of the 95 % interval that so many seeds and dev examples would give, spreads being as they were found.

        Example:
            >>> found = Difference(0.0, (-0.02, 0.02), 1.0, 5, over_examples=0.0, over_seeds=0.0005, examples=100)
            >>> round(found.half_width(5, 100), 4), round(found.half_width(20, 100), 4)
            (0.0278, 0.0105)
        """
        parts = [(self.over_examples * self.examples / examples, examples - 1)]
        if seeds > 1 and not math.isnan(self.over_seeds):
            parts.append((self.over_seeds / seeds, seeds - 1))
        return _half_width(parts)


def difference(
    metric: Metric,
    first: Sequence[Shown],
    other: Sequence[Shown],
    target: np.ndarray,
    *,
    seed: int = 0,
    resamples: int | None = None,
) -> Difference:
    """Test whether the first configuration is better than the next, paired over dev examples and seeds.

    The mean difference over R seeds has the variance s² / R + v, with s² the variance of the difference from seed to
    seed and v that of the bootstrap over examples, the same ones for all networks. It is compared with Student's t at
    the degrees of freedom of Welch and Satterthwaite, R - 1 and n - 1 being those of the parts. What varies with both
    seed and example counts in both parts: the test errs on the cautious side. Having looked for the best of several
    does not make the two-sided test too bold: the first and the next are the closer together the more there are.

    Args:
        metric: what trials were compared by.
        first, other: what `ikura.metric.evidence` kept of their networks, the same seeds in the same order.
        target: the truth, shape (n,).
        seed: keys the draws.
        resamples: how many; by default 1000, fewer where the metric is slow.

    Returns:
        The difference. With no variance at all, p is 1 for equal scores and 0 for others.

    Source: Gallas (2006), One-shot estimate of MRMC variance, Academic Radiology 13, for the parts of the variance;
    Hung and Fithian (2019), Rank verification for exponential families, Annals of Statistics 47, for the best of
    several.

    Example:
        >>> from ikura.metric import METRICS
        >>> right = np.random.default_rng(0).random((2, 3, 500)) < [[[0.9]], [[0.6]]]
        >>> found = difference(METRICS["accuracy"], *right.astype(np.uint8), np.ones(500))
        >>> round(found.value, 1), found.p < 0.01
        (0.3, True)
    """
    from scipy.special import stdtr

    n, seeds = len(target), len(first)
    both = [*first, *other]
    whole = scores(metric, both, target, np.ones((1, n), np.float32))[:, 0]
    by_seed = whole[:seeds] - whole[seeds:]
    drawn = np.concatenate(
        [
            (measured[:seeds] - measured[seeds:]).mean(0)
            for counts in draws(n, _resamples(metric, both, resamples), seed, "difference")
            for measured in [scores(metric, both, target, counts)]
        ]
    )
    drawn = drawn[np.isfinite(drawn)]
    [value] = no_noise([float(by_seed.mean())], float(whole.mean()))
    over_examples = float(drawn.var(ddof=1)) if len(drawn) > 1 else math.nan
    over_seeds = float(by_seed.var(ddof=1)) if seeds > 1 else math.nan
    parts = [(over_examples, n - 1), *([(over_seeds / seeds, seeds - 1)] if seeds > 1 else [])]
    variance = sum(part for part, _ in parts)
    if not variance > 0:
        p = math.nan if math.isnan(variance + value) else float(value == 0)
        return Difference(value, (value, value), p, seeds, over_examples, over_seeds, n)
    half = _half_width(parts)
    p = 2 * float(stdtr(_freedom(parts), -abs(value) / math.sqrt(variance)))
    return Difference(value, (value - half, value + half), p, seeds, over_examples, over_seeds, n)


def _freedom(parts: Sequence[tuple[float, int]]) -> float:
    """Welch and Satterthwaite's degrees of freedom of a sum of variances, each with its own."""
    return sum(part for part, _ in parts) ** 2 / sum(part**2 / degrees for part, degrees in parts if part)


def _half_width(parts: Sequence[tuple[float, int]]) -> float:
    """Half of the 95 % interval of a mean whose variance is the sum of these; NaN where one of them is."""
    from scipy.special import stdtrit

    variance = sum(part for part, _ in parts)
    return 0.0 if variance == 0 else float(stdtrit(_freedom(parts), 0.975)) * math.sqrt(variance)


def _resamples(metric: Metric, shown: Sequence[Shown], wanted: int | None) -> int:
    if wanted is not None:
        return wanted
    averaged = metric.name in ("accuracy", "log_loss", "mae", "rmse", "r2")
    return RESAMPLES if averaged else int(np.clip(AFFORDED // sum(one.size for one in shown), 50, RESAMPLES))
