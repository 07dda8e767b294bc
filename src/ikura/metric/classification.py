"""Metrics for classes, written for one member; shapes as in `Metric`."""

from __future__ import annotations

import torch
from torch import Tensor

from ikura.metric._base import Metric, Needs, undefined_where

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


def decided(prediction: Tensor) -> Tensor:
    """Take the most probable class, the first one on a tie.

    Args:
        prediction: shape (n,) or (n, C).

    Returns:
        Class numbers, int64, shape (n,).

    Example:
        >>> decided(torch.tensor([0.2, 0.5, 0.7]))
        tensor([0, 0, 1])
    """
    return (prediction > 0.5).long() if prediction.ndim == 1 else prediction.argmax(dim=1)


def membership(labels: Tensor, prediction: Tensor) -> Tensor:
    """Write class numbers as rows of True and False.

    Args:
        labels: class numbers, shape (n,).
        prediction: shape (n,) for two classes or (n, C), only its shape counts.

    Returns:
        Booleans, shape (n, C).

    Example:
        >>> membership(torch.tensor([1.0, 0.0]), torch.tensor([0.3, 0.4]))
        tensor([[False,  True],
                [ True, False]])
    """
    classes = 2 if prediction.ndim == 1 else prediction.shape[1]
    return labels[:, None] == torch.arange(classes, device=labels.device)


def mean_where(condition: Tensor, values: Tensor) -> Tensor:
    """Average the values where a condition holds; NaN where it holds nowhere.

    Args:
        condition: booleans, shape (k,).
        values: shape (k,); what stands where the condition is False is not looked at.

    Returns:
        A float64 tensor without axes.

    Example:
        >>> mean_where(torch.tensor([True, False, True]), torch.tensor([1.0, torch.nan, 2.0])).item()
        1.5
    """
    values = values.double()
    return torch.where(condition, values, torch.zeros_like(values)).sum() / condition.sum()


def accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """The share of examples whose most probable class is the true one, 0 to 1.

    Example:
        >>> accuracy(torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.3, 0.5]]), torch.tensor([0, 1])).item()
        0.5
    """
    hits = decided(prediction) == target
    return undefined_where(prediction.isnan(), hits.sum().double() / hits.numel())


def balanced_accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean over classes of the share found, mean_c P(predicted c | true c); 0 to 1.

    A class without an example in the target is left out of the mean.

    Example:
        >>> balanced_accuracy(torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([0.0, 0.0, 0.0, 1.0])).item()
        0.5
    """
    truth = membership(target, prediction)
    found = (truth & membership(decided(prediction), prediction)).sum(dim=0)
    count = truth.sum(dim=0)
    return undefined_where(prediction.isnan(), mean_where(count > 0, found.double() / count))


def log_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean negative logarithm of the true class's probability, -mean log p, in nats.

    Probabilities are kept eps away from 0 and 1, eps being the spacing of their floating-point type, so that
    one wrong example that was predicted with certainty costs 16 nats in float32 and not infinitely many.

    Example:
        >>> round(log_loss(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])).item(), 4)
        0.6931
    """
    eps = torch.finfo(prediction.dtype).eps
    kept = prediction.double().clamp(eps, 1 - eps)
    probability = (
        torch.where(target == 1, kept, 1 - kept)
        if prediction.ndim == 1
        else torch.where(membership(target, prediction), kept, torch.zeros_like(kept)).sum(dim=1)
    )
    return undefined_where(prediction.isnan(), -probability.log().mean())


def brier(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean squared distance of probabilities and truth; 0 is best.

    Two classes: mean (p - y)^2 of the second one's probability, at most 1. More classes: mean sum_c (p_c - [y = c])^2,
    at most 2.

    Source: Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78.

    Example:
        >>> brier(torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.0])).item()
        0.125
    """
    if prediction.ndim == 1:
        return (prediction.double() - (target == 1).double()).square().mean()
    return (prediction.double() - membership(target, prediction).double()).square().sum(dim=1).mean()


def mcc(prediction: Tensor, target: Tensor) -> Tensor:
    """Matthews' correlation of answers and truth, -1 to 1; 0 where all answers, or all truths, are of one class.

    With n examples, c of them right, t_k of class k and p_k answered k:
    (c n - sum_k t_k p_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2)).

    Source: Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient,
    Computational Biology and Chemistry 28.

    Example:
        >>> round(mcc(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([1.0, 0.0, 0.0])).item(), 4)
        0.5
    """
    truth = membership(target, prediction)
    guess = membership(decided(prediction), prediction)
    n, right = float(truth.shape[0]), (truth & guess).sum().double()
    true, told = truth.sum(dim=0).double(), guess.sum(dim=0).double()
    both = (n * n - told.square().sum()) * (n * n - true.square().sum())
    value = torch.where(both > 0, (right * n - (true * told).sum()) / both.clamp(min=1).sqrt(), torch.zeros_like(both))
    return undefined_where(prediction.isnan(), value)


def f1(prediction: Tensor, target: Tensor) -> Tensor:
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); 0 to 1.

    Two classes: that of the second class, 0 when it is neither true nor predicted anywhere. More classes: the
    mean over those that are true or predicted somewhere.

    Example:
        >>> round(f1(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([1.0, 0.0, 0.0])).item(), 4)
        0.6667
    """
    truth = membership(target, prediction)
    guess = membership(decided(prediction), prediction)
    both = 2 * (truth & guess).sum(dim=0).double()
    either = truth.sum(dim=0) + guess.sum(dim=0)
    scores = both / either.clamp(min=1)
    value = scores[1] if prediction.ndim == 1 else mean_where(either > 0, scores)
    return undefined_where(prediction.isnan(), value)


def label_accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """The share of labels that are told rightly, 0 to 1: 1 minus the Hamming loss.

    Args:
        prediction: probabilities of the labels, shape (n, labels).
        target: 0 and 1, shape (n, labels).

    Example:
        >>> label_accuracy(torch.tensor([[0.9, 0.2], [0.4, 0.6]]), torch.tensor([[1, 0], [1, 1]])).item()
        0.75
    """
    hits = (prediction > 0.5).long() == target
    return undefined_where(prediction.isnan(), hits.double().mean())


def label_f1(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean of the labels' f1, over those that are true or predicted somewhere; 0 to 1.

    Example:
        >>> label_f1(torch.tensor([[0.9, 0.2], [0.4, 0.6]]), torch.tensor([[1, 0], [1, 1]])).item()
        0.8333333333333333
    """
    truth, guess = target > 0, prediction > 0.5
    both = 2 * (truth & guess).sum(dim=0).double()
    either = truth.sum(dim=0) + guess.sum(dim=0)
    return undefined_where(
        prediction.isnan(), mean_where((either > 0).flatten(), (both / either.clamp(min=1)).flatten())
    )


def mean_ranks(values: Tensor) -> Tensor:
    """Rank each row's values from 1 up; equal values share the mean of their ranks.

    Args:
        values: shape (k, n).

    Returns:
        Ranks, float64, shape (k, n).

    Example:
        >>> mean_ranks(torch.tensor([[0.3, 0.1, 0.3]]))
        tensor([[2.5000, 1.0000, 2.5000]], dtype=torch.float64)
    """
    n = values.shape[1]
    ordered, order = values.sort(dim=1)
    position = torch.arange(n, device=values.device).expand_as(order)
    edge = torch.ones_like(ordered[:, :1], dtype=torch.bool)
    changes = ordered[:, 1:] != ordered[:, :-1]
    first = torch.where(torch.cat([edge, changes], dim=1), position, 0).cummax(dim=1).values
    last = torch.where(torch.cat([changes, edge], dim=1), position, n - 1).flip(1).cummin(dim=1).values.flip(1)
    return torch.zeros_like(values, dtype=torch.float64).scatter(1, order, (first + last).double() / 2 + 1)


def roc_auc(prediction: Tensor, target: Tensor) -> Tensor:
    """The area under the ROC curve: the chance that a positive example scores above a negative one; 0 to 1.

    With R the sum of the positives' ranks, (R - p (p + 1) / 2) / (p n) for p positives and n negatives; ties
    count half. More than two classes: the mean of each class against the rest over the classes for which both
    sides have examples. NaN when there is no such class.

    Source: Hanley and McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143.

    Example:
        >>> roc_auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0.0, 0.0, 1.0, 1.0])).item()
        0.75
    """
    binary = prediction.ndim == 1
    ranks = mean_ranks(prediction[None] if binary else prediction.T.contiguous())
    truth = (target == 1)[None] if binary else membership(target, prediction).T
    positives = truth.sum(dim=1).double()
    negatives = truth.shape[1] - positives
    above = torch.where(truth, ranks, torch.zeros_like(ranks)).sum(dim=1) - positives * (positives + 1) / 2
    pairs = positives * negatives
    return undefined_where(prediction.isnan(), mean_where(pairs > 0, above / pairs))


def average_precision(prediction: Tensor, target: Tensor) -> Tensor:
    """The area under the precision-recall curve as a sum of steps, sum_k (R_k - R_{k-1}) P_k; 0 to 1.

    P_k and R_k are precision and recall where all examples that score at least as high as the k-th highest score are
    answered positive: the mean, over the positive examples, of the precision at their own score. More than two classes:
    the mean of each class against the rest over the classes that have an example. NaN when there is none.

    Example:
        >>> round(average_precision(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0.0, 0.0, 1.0, 1.0])).item(), 4)
        0.8333
    """
    binary = prediction.ndim == 1
    scores = prediction[None] if binary else prediction.T.contiguous()
    truth = ((target == 1)[None] if binary else membership(target, prediction).T).double()
    ordered, order = scores.sort(dim=1, descending=True)
    hits = truth.gather(1, order)
    # Of equal scores all stand behind the last one of them.
    n = scores.shape[1]
    edge = torch.ones_like(ordered[:, :1], dtype=torch.bool)
    ends = torch.cat([ordered[:, 1:] != ordered[:, :-1], edge], dim=1)
    last = torch.where(ends, torch.arange(n, device=scores.device), n - 1).flip(1).cummin(dim=1).values.flip(1)
    precision = hits.cumsum(dim=1).gather(1, last) / (last + 1)
    positives = hits.sum(dim=1)
    each = (hits * precision).sum(dim=1) / positives
    return undefined_where(prediction.isnan(), mean_where(positives > 0, each))


ACCURACY = Metric("accuracy", True, CLASSES, accuracy)
BALANCED_ACCURACY = Metric("balanced_accuracy", True, CLASSES, balanced_accuracy, needs=Needs.DIFFERENT)
LOG_LOSS = Metric("log_loss", False, CLASSES, log_loss)
F1 = Metric("f1", True, CLASSES, f1, positive=True, needs=Needs.POSITIVE)
ROC_AUC = Metric("roc_auc", True, CLASSES, roc_auc, needs=Needs.DIFFERENT)
AVERAGE_PRECISION = Metric("average_precision", True, CLASSES, average_precision, positive=True, needs=Needs.POSITIVE)
BRIER = Metric("brier", False, CLASSES, brier)
MCC = Metric("mcc", True, CLASSES, mcc, needs=Needs.DIFFERENT)
LABEL_ACCURACY = Metric("label_accuracy", True, frozenset({"multilabel"}), label_accuracy)
LABEL_F1 = Metric("label_f1", True, frozenset({"multilabel"}), label_f1)
