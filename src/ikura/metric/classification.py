"""Metrics for classes; shapes as in `Metric`, with `lead` axes in front where many are measured at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from ikura.metric._base import Array, Metric, Needs, undefined_where

__all__ = [
    "ACCURACY",
    "AVERAGE_PRECISION",
    "BALANCED_ACCURACY",
    "BRIER",
    "F1",
    "LABEL_ACCURACY",
    "LABEL_F1",
    "LOG_LOSS",
    "MCC",
    "ROC_AUC",
]

CLASSES = frozenset({"binary", "multiclass"})
LABELS = frozenset({"binary", "multiclass", "multilabel"})


def of_labels(function: Callable[..., Array]) -> Callable[..., Array]:
    """Let a metric of two classes take several labels: the mean over those that it says something of.

    Predictions and targets then have the same shape, (..., n, labels).
    """

    @wraps(function)
    def measured(prediction: Array, target: Array, lead: int = 0) -> Array:
        if not target.ndim == prediction.ndim == lead + 2:
            return function(prediction, target, lead)
        labels = range(target.shape[-1])
        each = np.stack([function(prediction[..., k], target[..., k], lead) for k in labels], -1)
        return undefined_where(np.isnan(prediction), mean_where(~np.isnan(each), each), lead)

    return measured


def decided(prediction: Array, lead: int = 0) -> Array:
    """Take the most probable class, the first one on a tie.

    Args:
        prediction: shape (..., n) or (..., n, C).
        lead: how many axes stand in front of that of the examples.

    Returns:
        Class numbers, int64, shape (..., n).

    Example:
        >>> decided(np.array([0.2, 0.5, 0.7])).tolist()
        [0, 0, 1]
    """
    found: Array = (prediction > 0.5).astype(np.int64) if prediction.ndim == lead + 1 else prediction.argmax(lead + 1)
    return found


def membership(labels: Array, prediction: Array, lead: int = 0) -> Array:
    """Write class numbers as rows of True and False.

    Args:
        labels: class numbers, shape (..., n).
        prediction: shape (..., n) for two classes or (..., n, C), only its shape counts.
        lead: how many axes stand in front of that of the examples.

    Returns:
        Booleans, shape (..., n, C).

    Example:
        >>> membership(np.array([1.0, 0.0]), np.array([0.3, 0.4])).tolist()
        [[False, True], [True, False]]
    """
    classes = 2 if prediction.ndim == lead + 1 else prediction.shape[-1]
    found: Array = labels[..., None] == np.arange(classes)
    return found


def mean_where(condition: Array, values: Array) -> Array:
    """Average the values of the last axis where a condition holds; NaN where it holds nowhere.

    Args:
        condition: booleans, shape (..., k).
        values: shape (..., k); what stands where the condition is False is not looked at.

    Returns:
        float64, shape (...).

    Example:
        >>> float(mean_where(np.array([True, False, True]), np.array([1.0, np.nan, 2.0])))
        1.5
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(condition, values.astype(np.float64), 0.0).sum(-1) / condition.sum(-1)
    return found


def accuracy(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The share of examples whose most probable class is the true one, 0 to 1.

    Example:
        >>> float(accuracy(np.array([[0.8, 0.1, 0.1], [0.2, 0.3, 0.5]]), np.array([0, 1])))
        0.5
    """
    hits = decided(prediction, lead) == target
    axes = tuple(range(lead, hits.ndim))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits.sum(axes) / np.float64(np.prod(hits.shape[lead:]))
    return undefined_where(np.isnan(prediction), share, lead)


@of_labels
def balanced_accuracy(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The mean over classes of the share found, mean_c P(predicted c | true c); 0 to 1.

    A class without an example in the target is left out of the mean.

    Example:
        >>> float(balanced_accuracy(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 0.0, 0.0, 1.0])))
        0.5
    """
    truth = membership(target, prediction, lead)
    found = (truth & membership(decided(prediction, lead), prediction, lead)).sum(-2)
    count = truth.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = found / count
    return undefined_where(np.isnan(prediction), mean_where(count > 0, shares), lead)


@of_labels
def log_loss(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The mean negative logarithm of the true class's probability, -mean log p, in nats.

    Probabilities are kept eps away from 0 and 1, eps being the spacing of their floating-point type, so that
    one wrong example that was predicted with certainty costs 16 nats in float32 and not infinitely many.

    Example:
        >>> round(float(log_loss(np.array([0.5, 0.5]), np.array([1.0, 0.0]))), 4)
        0.6931
    """
    eps = float(np.finfo(prediction.dtype).eps)
    kept = prediction.astype(np.float64).clip(eps, 1 - eps)
    if prediction.ndim == lead + 1:
        probability = np.where(target == 1, kept, 1 - kept)
    else:
        places = np.broadcast_to(target, kept.shape[:-1]).astype(np.int64)
        probability = np.take_along_axis(kept, places[..., None], -1)[..., 0]
    return undefined_where(np.isnan(prediction), -np.log(probability).mean(-1), lead)


@of_labels
def brier(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The mean squared distance of probabilities and truth; 0 is best.

    Two classes: mean (p - y)^2 of the second one's probability, at most 1. More classes: mean sum_c (p_c - [y = c])^2,
    at most 2.

    Source: Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78.

    Example:
        >>> float(brier(np.array([1.0, 0.5]), np.array([1.0, 0.0])))
        0.125
    """
    wide = prediction.astype(np.float64)
    if prediction.ndim == lead + 1:
        return np.asarray(np.square(wide - (target == 1)).mean(-1))
    return np.asarray(np.square(wide - membership(target, prediction, lead)).sum(-1).mean(-1))


@of_labels
def mcc(prediction: Array, target: Array, lead: int = 0) -> Array:
    """Matthews' correlation of answers and truth, -1 to 1; 0 where all answers, or all truths, are of one class.

    With n examples, c of them right, t_k of class k and p_k answered k:
    (c n - sum_k t_k p_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2)).

    Source: Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient,
    Computational Biology and Chemistry 28.

    Example:
        >>> round(float(mcc(np.array([0.9, 0.8, 0.1]), np.array([1.0, 0.0, 0.0]))), 4)
        0.5
    """
    truth = membership(target, prediction, lead)
    guess = membership(decided(prediction, lead), prediction, lead)
    n, right = float(truth.shape[-2]), (truth & guess).sum((-2, -1)).astype(np.float64)
    true, told = truth.sum(-2).astype(np.float64), guess.sum(-2).astype(np.float64)
    both = (n * n - np.square(told).sum(-1)) * (n * n - np.square(true).sum(-1))
    value = np.where(both > 0, (right * n - (true * told).sum(-1)) / np.sqrt(both.clip(min=1)), 0.0)
    return undefined_where(np.isnan(prediction), value, lead)


def f1(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); 0 to 1.

    Two classes: that of the second class, 0 when it is neither true nor predicted anywhere. More classes: the
    mean over those that are true or predicted somewhere.

    Example:
        >>> round(float(f1(np.array([0.9, 0.8, 0.1]), np.array([1.0, 0.0, 0.0]))), 4)
        0.6667
    """
    truth = membership(target, prediction, lead)
    guess = membership(decided(prediction, lead), prediction, lead)
    both = 2.0 * (truth & guess).sum(-2)
    either = truth.sum(-2) + guess.sum(-2)
    scores = both / either.clip(min=1)
    value = scores[..., 1] if prediction.ndim == lead + 1 else mean_where(either > 0, scores)
    return undefined_where(np.isnan(prediction), value, lead)


def label_accuracy(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The share of labels that are told rightly, 0 to 1: 1 minus the Hamming loss.

    Args:
        prediction: probabilities of the labels, shape (..., n, labels).
        target: 0 and 1, shape (..., n, labels).
        lead: how many axes stand in front of that of the examples.

    Example:
        >>> float(label_accuracy(np.array([[0.9, 0.2], [0.4, 0.6]]), np.array([[1, 0], [1, 1]])))
        0.75
    """
    hits = (prediction > 0.5) == (target > 0)
    return undefined_where(np.isnan(prediction), hits.mean(tuple(range(lead, hits.ndim))), lead)


def label_f1(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The mean of the labels' f1, over those that are true or predicted somewhere; 0 to 1.

    Example:
        >>> float(label_f1(np.array([[0.9, 0.2], [0.4, 0.6]]), np.array([[1, 0], [1, 1]])))
        0.8333333333333333
    """
    truth, guess = target > 0, prediction > 0.5
    front = prediction.shape[:lead]
    both = 2.0 * (truth & guess).sum(lead)
    either = (truth.sum(lead) + guess.sum(lead)).reshape(*front, -1)
    scores = both.reshape(*front, -1) / either.clip(min=1)
    return undefined_where(np.isnan(prediction), mean_where(either > 0, scores), lead)


def mean_ranks(values: Array) -> Array:
    """Rank the values of the last axis from 1 up; equal values share the mean of their ranks.

    Args:
        values: shape (..., n).

    Returns:
        Ranks, float64, shape (..., n).

    Example:
        >>> mean_ranks(np.array([[0.3, 0.1, 0.3]])).tolist()
        [[2.5, 1.0, 2.5]]
    """
    n = values.shape[-1]
    order = values.argsort(-1)
    ordered = np.take_along_axis(values, order, -1)
    changes, edge = ordered[..., 1:] != ordered[..., :-1], np.ones_like(ordered[..., :1], bool)
    place = np.arange(n)
    first = np.maximum.accumulate(np.where(np.concatenate([edge, changes], -1), place, 0), -1)
    ends = np.where(np.concatenate([changes, edge], -1), place, n - 1)
    last = np.minimum.accumulate(ends[..., ::-1], -1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, -1)
    return ranks


@of_labels
def roc_auc(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The area under the ROC curve: the chance that a positive example scores above a negative one; 0 to 1.

    With R the sum of the positives' ranks, (R - p (p + 1) / 2) / (p n) for p positives and n negatives; ties
    count half. More than two classes: the mean of each class against the rest over the classes for which both
    sides have examples. NaN when there is no such class.

    Source: Hanley and McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143.

    Example:
        >>> float(roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])))
        0.75
    """
    if prediction.ndim == lead + 1:
        ranks, truth = mean_ranks(prediction[..., None, :]), (target == 1)[..., None, :]
    else:
        ranks, truth = mean_ranks(prediction.swapaxes(-1, -2)), membership(target, prediction, lead).swapaxes(-1, -2)
    positives = truth.sum(-1).astype(np.float64)
    negatives = truth.shape[-1] - positives
    above = np.where(truth, ranks, 0.0).sum(-1) - positives * (positives + 1) / 2
    pairs = positives * negatives
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = above / pairs
    return undefined_where(np.isnan(prediction), mean_where(pairs > 0, shares), lead)


@of_labels
def average_precision(prediction: Array, target: Array, lead: int = 0) -> Array:
    """The area under the precision-recall curve as a sum of steps, sum_k (R_k - R_{k-1}) P_k; 0 to 1.

    P_k and R_k are precision and recall where all examples that score at least as high as the k-th highest score are
    answered positive: the mean, over the positive examples, of the precision at their own score. More than two classes:
    the mean of each class against the rest over the classes that have an example. NaN when there is none.

    Example:
        >>> round(float(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))), 4)
        0.8333
    """
    if prediction.ndim == lead + 1:
        scores, truth = prediction[..., None, :], (target == 1)[..., None, :]
    else:
        scores, truth = prediction.swapaxes(-1, -2), membership(target, prediction, lead).swapaxes(-1, -2)
    order = (-scores).argsort(-1)
    ordered = np.take_along_axis(scores, order, -1)
    hits = np.take_along_axis(np.broadcast_to(truth, scores.shape), order, -1).astype(np.float64)
    # Of equal scores all stand behind the last one of them.
    n = scores.shape[-1]
    ends = np.concatenate([ordered[..., 1:] != ordered[..., :-1], np.ones_like(ordered[..., :1], bool)], -1)
    last = np.minimum.accumulate(np.where(ends, np.arange(n), n - 1)[..., ::-1], -1)[..., ::-1]
    precision = np.take_along_axis(hits.cumsum(-1), last, -1) / (last + 1)
    positives = hits.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = (hits * precision).sum(-1) / positives
    return undefined_where(np.isnan(prediction), mean_where(positives > 0, each), lead)


ACCURACY = Metric("accuracy", True, CLASSES, accuracy, arrays=True, least=0, most=1)
BALANCED_ACCURACY = Metric(
    "balanced_accuracy", True, LABELS, balanced_accuracy, needs=Needs.DIFFERENT, arrays=True, least=0, most=1
)
LOG_LOSS = Metric("log_loss", False, LABELS, log_loss, arrays=True, least=0)
F1 = Metric("f1", True, CLASSES, f1, positive=True, needs=Needs.POSITIVE, arrays=True, least=0, most=1)
ROC_AUC = Metric("roc_auc", True, LABELS, roc_auc, needs=Needs.DIFFERENT, arrays=True, least=0, most=1)
AVERAGE_PRECISION = Metric(
    "average_precision",
    True,
    LABELS,
    average_precision,
    positive=True,
    needs=Needs.POSITIVE,
    arrays=True,
    least=0,
    most=1,
)
BRIER = Metric("brier", False, LABELS, brier, arrays=True, least=0)
MCC = Metric("mcc", True, LABELS, mcc, needs=Needs.DIFFERENT, arrays=True, least=-1, most=1)
LABEL_ACCURACY = Metric("label_accuracy", True, frozenset({"multilabel"}), label_accuracy, arrays=True, least=0, most=1)
LABEL_F1 = Metric("label_f1", True, frozenset({"multilabel"}), label_f1, arrays=True, least=0, most=1)
