"""What always giving the same answer reaches on the rows that the study's network is tested on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ikura.metric import METRICS, Metric, interval
from ikura.metric.paired_gain import paired_gain
from ikura.study.record.baseline import Baseline

__all__ = ["constant_answer"]

Array = np.ndarray


def constant_answer(
    task: str, metric: Metric, known: Array, target: Array, ours: Array, classes: Sequence[Any] | None, seed: int
) -> Baseline | None:
    """Measure the constant answer that is best on the rows known on the test rows.

    Constants are the classes (of more than two the most common one), the base rates of classes and labels, and the
    mean, the median or the quantile of values that the metric is about.

    Args:
        task: "binary", "multiclass", "multilabel" or "regression".
        metric: what is measured, one of ikura's.
        known: targets of the training and dev rows as the metric takes them, shape (n,) or (n, targets).
        target: those of the test rows.
        ours: what the study's network predicts of them.
        classes: their names; of two classes the second is the positive one.
        seed: keys the draws.

    Returns:
        Its score, and how much better the study's network is, with its interval over test rows in pairs; None where a
        constant has no score, the network predicts NaN, or the metric is the caller's own.
    """
    known_metric = metric.made_by is None and metric.name.partition(":")[0] in METRICS
    if not known_metric or not len(known) or np.isnan(ours).any():
        return None
    sign = 1.0 if metric.greater_is_better else -1.0
    best, chosen = -math.inf, None
    for name, answer in _answers(task, metric, known, classes).items():
        score = sign * float(metric(_repeated(answer, len(known)), known))
        if score > best:
            best, chosen = score, (name, answer)
    if chosen is None:
        return None
    name, answer = chosen
    theirs = _repeated(answer, len(target))
    value = float(metric(theirs, target))
    if math.isnan(value):
        return None
    ends = interval(metric, [theirs], target, seed=seed)
    return Baseline(name, value, ends, *paired_gain(metric, ours, [theirs], target, seed), len(known), constant=True)


def _answers(task: str, metric: Metric, known: Array, classes: Sequence[Any] | None) -> dict[str, Array]:
    """Constant answers by name, as a row of predictions; of equal ones the first counts."""
    if task == "regression":
        share = float(metric.name.partition(":")[2] or 0.5)
        middle = "always the median" if share == 0.5 else f"always the {share:g} quantile"
        return {"always the mean": known.mean(0), middle: np.quantile(known, share, axis=0)}
    if task == "multilabel":
        rates = known.mean(0)
        return {"always the more common labels": np.round(rates), "always the base rates": rates}
    counts = np.bincount(known.astype(np.int64), minlength=len(classes or ()) or 2)
    rates, common = counts / counts.sum(), int(counts.argmax())
    names = [f"always {name!r}" for name in classes or range(len(counts))]
    if task == "binary":
        order = (common, 1 - common)
        return {names[one]: np.float64(one) for one in order} | {"always the base rate": rates[1]}
    return {names[common]: np.eye(len(counts))[common], "always the base rates": rates}


def _repeated(answer: Array, rows: int) -> Array:
    return np.broadcast_to(answer, (rows, *np.shape(answer))).astype(np.float64)
