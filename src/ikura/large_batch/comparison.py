"""The comparison: each column against the small batch, in pairs, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite, nan
from statistics import fmean, stdev
from typing import Any

from torch import Tensor

from ikura.large_batch.clock import epochs_to
from ikura.large_batch.settings import SMALL, Column
from ikura.large_batch.training import Trained
from ikura.metric import Metric
from ikura.study.selection import difference

__all__ = ["KEEPS", "LOSES", "NOT_TOLD_APART", "Row", "chosen", "compare", "margin_of", "timed"]

KEEPS, NOT_TOLD_APART, LOSES = "keeps", "not told apart", "loses"
OF_ONE = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "r2")
"""Metrics that are 1 at best."""
POINTS = 0.003


@dataclass(frozen=True)
class Row:
    """One column of the comparison, measured.

    Attributes:
        name: of the column.
        changes: hyperparameter to new value, beside the column before.
        reason: why.
        batch_size, learning_rate, epochs, updates: of its training, at most.
        dev: mean dev score over the seeds; NaN if one of them diverged.
        spread: standard deviation from seed to seed.
        difference: dev score minus the small batch's.
        interval: 95 % interval of the difference, paired over seeds and dev examples.
        p: two-sided p-value of no difference.
        verdict: "keeps" (the interval lies above minus the margin), "loses" (the loss is larger than the margin, or
            beyond chance), "not told apart" otherwise; "" for the small batch.
        diverged: seeds that diverged.
        seeds: all of them.
        seconds_per_epoch: of one network on this device.
        epochs_to_score: epochs until the small batch's dev score, less the margin; infinite if never.
    """

    name: str
    changes: dict[str, Any]
    reason: str
    batch_size: int
    learning_rate: float
    epochs: int
    updates: int
    dev: float
    spread: float
    difference: float
    interval: tuple[float, float]
    p: float
    verdict: str
    diverged: int
    seeds: int
    seconds_per_epoch: float = nan
    epochs_to_score: float = inf

    @property
    def seconds_to_score(self) -> float:
        """Seconds of training until the small batch's dev score, less the margin."""
        return self.seconds_per_epoch * self.epochs_to_score

    @property
    def acceptable(self) -> bool:
        """Whether nothing speaks against it."""
        return self.verdict in (KEEPS, NOT_TOLD_APART)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"seconds_to_score": self.seconds_to_score}


def margin_of(metric: Metric, within: float | None, small: Sequence[Trained]) -> float:
    """How much may be lost: what the caller says, or 0.3 points of a metric that is 1 at best.

    For other metrics it is the standard deviation of the small batch's scores from seed to seed.
    """
    if within is not None:
        return within
    scores = [one.dev_score for one in small]
    return POINTS if metric.name in OF_ONE or len(scores) < 2 else stdev(scores)


def compare(
    columns: Sequence[Column],
    trained: dict[str, list[Trained]],
    metric: Metric,
    target: Tensor,
    rows: int,
    margin: float,
    seed: int = 0,
) -> list[Row]:
    """Measure each column against the small batch, the first of them.

    Args:
        columns: the small batch, then the others.
        trained: name to networks, the same seeds in the same order.
        metric: what is measured.
        target: of the dev examples, shape (n,).
        rows: examples in the training set.
        margin: how much may be lost.
        seed: keys the resampling.

    Returns:
        One row for each column.
    """
    sign = 1.0 if metric.greater_is_better else -1.0
    small = trained[columns[0].name]
    aim = fmean(one.dev_score for one in small) - sign * margin
    found = []
    for column in columns:
        networks = trained[column.name]
        scores = [one.dev_score for one in networks]
        values = column.values
        batch = min(int(values.batch_size), rows)
        row = Row(
            column.name,
            column.changes,
            column.reason,
            batch,
            float(values.learning_rate),
            column.epochs,
            -(-rows // batch) * column.epochs,
            fmean(scores),
            stdev(scores) if len(scores) > 1 and all(map(isfinite, scores)) else nan,
            0.0 if column.name == SMALL else nan,
            (nan, nan),
            nan,
            "" if column.name == SMALL else LOSES,
            sum(one.state == "diverged" for one in networks),
            len(networks),
            epochs_to_score=epochs_to(aim, [one.curve for one in networks], sign),
        )
        if column.name != SMALL and not row.diverged and all(one.evidence is not None for one in small):
            row = _judged(row, networks, small, metric, target, margin, sign, seed)
        found.append(row)
    return found


def _judged(
    row: Row,
    networks: Sequence[Trained],
    small: Sequence[Trained],
    metric: Metric,
    target: Tensor,
    margin: float,
    sign: float,
    seed: int,
) -> Row:
    shown = [[one.evidence for one in group if one.evidence is not None] for group in (networks, small)]
    told = difference(metric, shown[0], shown[1], target, seed=seed)
    gain, (low, high) = sign * told.value, sorted(sign * end for end in told.interval)
    verdict = KEEPS if low >= -margin else NOT_TOLD_APART if gain >= -margin and high >= 0 else LOSES
    return replace(row, difference=told.value, interval=told.interval, p=told.p, verdict=verdict)


def chosen(rows: Sequence[Row], sign: float) -> Row:
    """Choose the large batch's column: the first that keeps the score, then the first not told apart, then the best.

    Args:
        rows: the small batch, then the others.
        sign: 1 if a greater score is better, -1 otherwise.
    """
    large = rows[1:]
    for verdict in (KEEPS, NOT_TOLD_APART):
        for row in large:
            if row.verdict == verdict:
                return row
    return max(large, key=lambda row: (row.diverged == 0, sign * row.dev if isfinite(row.dev) else -inf))


def timed(rows: Sequence[Row], seconds: dict[str, float]) -> list[Row]:
    """Add the seconds of an epoch, by name of the column."""
    return [replace(row, seconds_per_epoch=seconds[row.name]) for row in rows]
