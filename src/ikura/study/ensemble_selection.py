"""Which networks make an ensemble: greedy selection on dev predictions, and how far it is flattered by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikura.metric import TOGETHER, Metric, draws, evidence, own_scores
from ikura.metric.paired_gain import no_noise, paired_gain

__all__ = ["ADDED", "Candidates", "Judged", "judged", "selected"]

ADDED = 25
"""Members that greedy selection adds at most, the same one perhaps several times."""
FEWEST, MOST = 10, 100
AFFORDED = 30_000_000
"""Resamples that repeat the selection, and the predictions that all of them may read: of many examples, which a
selection hardly fits, there are fewer."""
SLOWER, SLOWEST = 10, 200
"""How much longer metrics take that are made of counts and ranks, and those that are measured one by one."""
AT_ONCE = 4_000_000
"""Predictions that are averaged at once."""
LEAST_PROBABILITY = 1e-12

Merit = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The signed score, and less the loss by which equal scores are told apart: the greater the better."""


@dataclass(frozen=True)
class Candidates:
    """Networks that may be members, by their predictions of the same examples.

    Attributes:
        metric: what is measured.
        task: of the study.
        predictions: probabilities or values, shape (candidates, n, ...), the best candidate first.
        target: the truth, shape (n, ...).
        groups: places of the candidates of each configuration; the first group is the study's choice.
    """

    metric: Metric
    task: str
    predictions: NDArray[Any]
    target: NDArray[Any]
    groups: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.predictions)

    def merits(self, predictions: NDArray[Any], counts: NDArray[np.float32]) -> Merit:
        """Measure predictions of each resample's own on it.

        Args:
            predictions: shape (resamples, k, n, ...).
            counts: how often each resample has each example, shape (resamples, n).

        Returns:
            Score and loss of shape (k, resamples); a score that is not defined is -inf.
        """
        sign = 1.0 if self.metric.greater_is_better else -1.0
        flat = predictions.reshape(-1, *predictions.shape[2:])
        shown = evidence(self.metric, flat, self.target, lead=1)
        shown = shown.reshape(*predictions.shape[:2], *shown.shape[1:])
        score = sign * own_scores(self.metric, shown, self.target, counts)
        score = np.where(np.isnan(score), -np.inf, score)
        if self.task == "regression" or self.metric.name == "log_loss":
            return score, np.zeros_like(score)
        each = self._losses(flat).reshape(*predictions.shape[:2], -1)
        with np.errstate(invalid="ignore"):
            loss = np.matmul(each, counts[:, :, None])[..., 0].T / counts.sum(1)
        return score, -loss.astype(np.float64)

    def _losses(self, p: NDArray[Any]) -> NDArray[np.float32]:
        """Loss of each prediction on each example: shape (k, n).

        It is cross-entropy that counts one example more, of any class, as the dev loss does.
        """
        share = p.dtype.type(1 / (p.shape[1] + 1))
        log_p = np.log(p.clip(LEAST_PROBABILITY, 1))
        if self.task == "multiclass":
            sharp = np.take_along_axis(log_p, self.target.astype(np.int64)[None, :, None], 2)[..., 0]
            return _mean_of_rest(-((1 - share) * sharp + share * log_p.mean(2)))
        log_q, truth = np.log((1 - p).clip(LEAST_PROBABILITY, 1)), self.target.astype(p.dtype)
        sharp = truth * log_p + (1 - truth) * log_q
        return _mean_of_rest(-((1 - share) * sharp + share * (log_p + log_q) / 2))


def _mean_of_rest(each: NDArray[Any]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = each.reshape(*each.shape[:2], -1).mean(2).astype(np.float32)
    return found


def selected(
    candidates: Candidates,
    most: int,
    *,
    counts: NDArray[np.float32] | None = None,
    start: Sequence[int] | NDArray[np.int64] | None = None,
    added: int = ADDED,
) -> NDArray[np.int64]:
    """Select ensembles greedily, with replacement: always the candidate is added with which the average is best.

    Of all ensembles on the way the best one is taken, the smallest of equal ones. Scores are told apart by the loss.

    Args:
        candidates: the networks.
        most: different members at most.
        counts: how often each example counts in each selection, shape (selections, n); None for one in which each
            counts once.
        start: how often each candidate is in the ensemble that a selection begins with; None for an empty one.
        added: steps.

    Returns:
        How often each candidate is in each ensemble, shape (selections, candidates).

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models, ICML.

    Example:
        >>> from ikura.metric import METRICS
        >>> p = np.array([[0.9, 0.9, 0.4], [0.9, 0.2, 0.9], [0.1, 0.1, 0.1]])
        >>> selected(Candidates(METRICS["accuracy"], "binary", p, np.ones(3), [[0], [1], [2]]), 3, added=4)
        array([[2, 1, 0]])
    """
    each, n = candidates.predictions, candidates.predictions.shape[1]
    counts = np.ones((1, n), np.float32) if counts is None else counts
    first = np.zeros(len(candidates), np.int64) if start is None else np.asarray(start, np.int64)
    rows = max(1, AT_ONCE // each.size)
    blocks = (counts[i : i + rows] for i in range(0, len(counts), rows))
    return np.concatenate([_selected(candidates, each, most, block, first, added) for block in blocks])


def _selected(
    candidates: Candidates,
    each: NDArray[Any],
    most: int,
    counts: NDArray[np.float32],
    start: NDArray[np.int64],
    added: int,
) -> NDArray[np.int64]:
    lines = np.arange(len(counts))
    times = np.tile(start, (len(counts), 1))
    total = np.tensordot(times.astype(each.dtype), each, 1)
    score, loss = np.full((2, len(counts)), -np.inf)
    best = times.copy()
    if start.any():
        score, loss = (one[0] for one in candidates.merits((total / int(start.sum()))[:, None], counts))
    for size in range(int(start.sum()) + 1, int(start.sum()) + added + 1):
        merit, less = candidates.merits((total[:, None] + each) / size, counts)
        closed = (times == 0) & ((times > 0).sum(1) >= most)[:, None]
        merit, less = (np.where(closed.T, -np.inf, one) for one in (merit, less))
        taken = np.lexsort((-less, -merit), axis=0)[0]
        times[lines, taken] += 1
        total += each[taken]
        merit, less = merit[taken, lines], less[taken, lines]
        better = (merit > score) | ((merit == score) & (less > loss))
        best[better], score, loss = times[better], np.where(better, merit, score), np.where(better, less, loss)
    return best


@dataclass(frozen=True)
class Judged:
    """A selected ensemble against one network of the choice, both corrected for having been picked.

    Attributes:
        times: how often each candidate is in it.
        dev: its score.
        lost: how far that is flattered by the selection, in the metric's own unit and never to its favour.
        gain: corrected score of the ensemble less that of one network, positive where it is better.
        interval: 95 % interval of the gain, over examples.
        resamples: those that repeated the selection.
    """

    times: list[int]
    dev: float
    lost: float
    gain: float
    interval: tuple[float, float]
    resamples: int


def judged(candidates: Candidates, most: int, *, seed: int = 0, resamples: int | None = None) -> Judged:
    """Choose an ensemble, and correct its score by bootstrap bias correction.

    If no more candidates are there than members may be, two ensembles are compared: the average of all, which no
    selection has fitted to the examples, and greedy selection that begins with it. The better corrected score wins, the
    average of all where they are equal: few examples say little of whom to prefer, many say more. Otherwise greedy
    selection begins with nothing.

    Each resample of the examples repeats the selection, and the choice of one configuration, on the examples drawn, and
    scores both on those that were not drawn. How much worse they are there than what is chosen from all examples is
    what the choice flatters (`ikura.study.selection_bias`). Both are corrected by the same resamples, so that their
    difference, the gain, is paired.

    Args:
        candidates: the networks.
        most: different members at most.
        seed: keys the draws.
        resamples: how many; by default as many as can be afforded, 10 to 100.

    Returns:
        The ensemble and what it gains; NaN where nothing could be measured.
    """
    n = len(candidates.target)
    count = _affordable(candidates) if resamples is None else resamples
    counts = np.concatenate(list(draws(n, count, seed, "ensemble")))
    left = (counts == 0).astype(np.float32)
    every = np.concatenate([np.ones((1, n), np.float32), counts])
    whole = np.ones(len(candidates), np.int64)
    times = selected(candidates, most, counts=every, start=whole if len(whole) <= most else None)
    mine, again = times[0], times[1:]
    alone = _alone(candidates, every)
    groups = np.stack([alone[0][list(group)].mean(0) for group in candidates.groups])
    losses = np.stack([alone[1][list(group)].mean(0) for group in candidates.groups])
    first = np.lexsort((-losses, -groups), axis=0)[0, 1:]
    outside = _alone(candidates, left)[0]
    of_groups = np.stack([outside[list(group)].mean(0) for group in candidates.groups])
    own = _averages_scored(candidates, np.tile(mine, (count, 1)), left)
    with np.errstate(invalid="ignore"):
        lost = np.stack(
            [own - _averages_scored(candidates, again, left), of_groups[0] - of_groups[first, np.arange(count)]]
        )
    flattered = lost[:, np.isfinite(lost).all(0)]
    of_ensemble, of_one = flattered.mean(1).clip(min=0).tolist() if flattered.size else (math.nan, math.nan)
    if len(whole) <= most:
        of_all, of_mine = _averages_scored(candidates, np.stack([whole, mine]), every[:1].repeat(2, 0)).tolist()
        if of_all >= of_mine - of_ensemble:
            mine, of_ensemble = whole, 0.0
    shares = (mine / mine.sum()).astype(candidates.predictions.dtype)
    average = np.tensordot(shares, candidates.predictions, 1)
    others = [candidates.predictions[place] for place in candidates.groups[0]]
    plain, (low, high) = paired_gain(candidates.metric, average, others, candidates.target, seed)
    moved = of_one - of_ensemble
    dev = float(candidates.metric(average, candidates.target))
    sign = 1.0 if candidates.metric.greater_is_better else -1.0
    gain, low, high = no_noise([one + moved for one in (plain, low, high)], dev)
    return Judged(mine.tolist(), dev, sign * of_ensemble, gain, (low, high), count)


def _affordable(candidates: Candidates) -> int:
    """How many resamples can repeat the selection."""
    metric = candidates.metric
    slower = SLOWEST if metric.one_by_one else SLOWER if metric.name in TOGETHER else 1
    return int(np.clip(AFFORDED // (candidates.predictions.size * ADDED * slower), FEWEST, MOST))


def _alone(candidates: Candidates, counts: NDArray[np.float32]) -> Merit:
    """Merits of the candidates one by one, shape (candidates, resamples)."""
    each = candidates.predictions
    return _in_blocks(candidates, counts, lambda rows: np.broadcast_to(each, (rows.stop - rows.start, *each.shape)))


def _in_blocks(
    candidates: Candidates, counts: NDArray[np.float32], predicted: Callable[[slice], NDArray[Any]]
) -> Merit:
    """Merits of predictions of each resample's own, which are made block by block."""
    size = max(1, AT_ONCE // candidates.predictions.size)
    blocks = [slice(i, min(i + size, len(counts))) for i in range(0, len(counts), size)]
    found = [candidates.merits(predicted(rows), counts[rows]) for rows in blocks]
    score, loss = (np.concatenate(one, 1) for one in zip(*found, strict=True))
    return score, loss


def _averages_scored(
    candidates: Candidates, times: NDArray[np.int64], counts: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Score of an ensemble of its own on each resample, shape (resamples,)."""
    each = candidates.predictions
    shares = (times / times.sum(1, keepdims=True)).astype(each.dtype)
    score, _ = _in_blocks(candidates, counts, lambda rows: np.tensordot(shares[rows], each, 1)[:, None])
    found: NDArray[np.float64] = score[0]
    return found
