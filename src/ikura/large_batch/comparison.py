"""The comparison: each column against the small batch, in pairs, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite, nan
from statistics import fmean, stdev

import numpy as np

from ikura.json_values import JsonObject
from ikura.large_batch.column_training import Trained
from ikura.large_batch.scaling_columns import LARGE, SMALL, Column, updates
from ikura.large_batch.timing import epochs_to
from ikura.large_batch.verdict import Verdict, Wanted, verdict_of, wanted
from ikura.metric import Metric
from ikura.space._base import Configuration
from ikura.study.selection_bias import Difference, difference
from ikura.trial_state import State

__all__ = ["Row", "choose_column", "compare", "margin_of", "with_epoch_seconds"]

OF_ONE = ("accuracy", "balanced_accuracy", "f1", "mcc", "roc_auc", "average_precision", "r2")
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
        verdict: of the interval and the margin; LOSES if a network diverged, None for the small batch.
        diverged: seeds that diverged.
        seeds: all of them.
        wanted: what would settle a verdict that is open.
        control: whether it is a control, which is not recommended.
        gain: how much better than the column it is added to it is; NaN for the first two.
        gain_interval: its 95 % interval, paired in the same way.
        kept_whole: whether fewer networks diverge than of the column it is added to, beyond chance.
        seconds_per_epoch: of one network on this device.
        epochs_to_score: epochs until the small batch's dev score, less the margin; infinite if never.
    """

    name: str
    changes: Configuration
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
    verdict: Verdict | None
    diverged: int
    seeds: int
    wanted: Wanted | None = None
    control: bool = False
    gain: float = nan
    gain_interval: tuple[float, float] = (nan, nan)
    kept_whole: bool = False
    seconds_per_epoch: float = nan
    epochs_to_score: float = inf

    @property
    def seconds_to_score(self) -> float:
        """Seconds of training until the small batch's dev score, less the margin."""
        return self.seconds_per_epoch * self.epochs_to_score

    @property
    def holds(self) -> bool:
        """Whether no more than the margin is lost, beyond chance."""
        return self.verdict is Verdict.HOLDS

    @property
    def loses(self) -> bool:
        """Whether more than the margin is lost, beyond chance, or a network diverged."""
        return self.verdict is Verdict.LOSES

    @property
    def gains(self) -> bool:
        """Whether it is better than the column it is added to, beyond chance."""
        return self.gain_interval[0] > 0 or self.kept_whole

    def to_json(self) -> JsonObject:
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
    target: np.ndarray,
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
    found: dict[str, Row] = {}
    before = ""

    def against(*names: str) -> Difference:
        one, other = ([each.evidence for each in trained[name] if each.evidence is not None] for name in names)
        return difference(metric, one, other, target, seed=seed)

    for column in columns:
        networks = trained[column.name]
        scores = [one.dev_score for one in networks]
        values = column.values
        row = Row(
            column.name,
            column.changes,
            column.reason,
            min(int(values.batch_size), rows),
            float(values.learning_rate),
            column.epochs,
            updates(values, rows, column.epochs),
            fmean(scores),
            stdev(scores) if len(scores) > 1 and all(map(isfinite, scores)) else nan,
            0.0 if column.name == SMALL else nan,
            (nan, nan),
            nan,
            None if column.name == SMALL else Verdict.LOSES,
            sum(one.state is State.DIVERGED for one in networks),
            len(networks),
            control=column.control,
            epochs_to_score=epochs_to(aim, [one.curve for one in networks], sign),
        )
        if column.name != SMALL and not row.diverged and all(one.evidence is not None for one in small):
            row = _judged(row, against(column.name, columns[0].name), margin, sign)
        other = LARGE if column.control else before if column.name.startswith("+") else ""
        if other and not row.diverged and found[other].diverged:
            row = replace(row, kept_whole=_kept_whole(row, found[other]))
        elif other and not row.diverged:
            told = against(column.name, other)
            low, high = sorted(sign * end for end in told.interval)
            row = replace(row, gain=sign * told.value, gain_interval=(low, high))
        before = before if column.control else column.name
        found[column.name] = row
    return list(found.values())


def _judged(row: Row, told: Difference, margin: float, sign: float) -> Row:
    """Judge a column by its difference from the small batch."""
    low, high = sorted(sign * end for end in told.interval)
    verdict = verdict_of((low, high), margin)
    open_ = wanted(told, sign * told.value, margin) if verdict is Verdict.CANT_TELL else None
    return replace(row, difference=told.value, interval=told.interval, p=told.p, verdict=verdict, wanted=open_)


def _kept_whole(row: Row, other: Row) -> bool:
    """Whether a column, none of whose networks diverged, beats the one that it is added to in that, beyond chance."""
    from scipy.stats import fisher_exact

    counts = [[other.diverged, other.seeds - other.diverged], [0, row.seeds]]
    return bool(fisher_exact(counts).pvalue <= 0.05)


def choose_column(rows: Sequence[Row], sign: float) -> Row:
    """Choose the large batch's column: the first that holds; where none does, the one that loses least at worst.

    Args:
        rows: the small batch, then the others; controls are passed over.
        sign: 1 if a greater score is better, -1 otherwise.
    """
    large = [row for row in rows[1:] if not row.control]

    def worst(row: Row) -> tuple[bool, float]:
        low = min(sign * end for end in row.interval)
        return row.diverged == 0, low if isfinite(low) else -inf

    return next((row for row in large if row.holds), None) or max(large, key=worst)


def with_epoch_seconds(rows: Sequence[Row], seconds: dict[str, float]) -> list[Row]:
    """Add the seconds of an epoch, by name of the column."""
    return [replace(row, seconds_per_epoch=seconds[row.name]) for row in rows]
