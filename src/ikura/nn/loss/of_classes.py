"""Losses of labels on logits: one of two classes, one of several, or several labels at once."""

from __future__ import annotations

from math import inf

from ikura.lazy_torch import Tensor, functional, torch
from ikura.nn.loss._base import Loss, each_row

__all__ = ["BINARY_CROSS_ENTROPY", "CROSS_ENTROPY", "FOCAL", "HINGE"]


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """log(1 + e^z) - y z of the logit z and the label y, 0 or 1; the mean over several labels.

    Args:
        logits: shape (rows,) or (rows, labels).
        target: shape of the logits.

    Returns:
        Shape (rows,).
    """
    label = target.to(logits.dtype)
    return each_row(functional.binary_cross_entropy_with_logits(logits, label, reduction="none"))


def _unknown_label(logits: Tensor) -> Tensor:
    return binary_cross_entropy(logits, logits.detach() * 0 + 0.5)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """logsumexp(z) - z_y of the logits z and the class y; the mean over positions, where there are several.

    Its first backward error is softmax(z) less 1 at y.

    Args:
        logits: shape (rows, classes) or (rows, classes, ...).
        target: class numbers, shape (rows,) or (rows, ...).

    Returns:
        Shape (rows,).
    """
    return each_row(functional.cross_entropy(logits, target.long(), reduction="none"))


def _unknown_class(logits: Tensor) -> Tensor:
    """-mean log p over the classes, those left out that a logit of -inf rules out."""
    possible = logits != -inf
    spread = -torch.where(possible, logits.log_softmax(1), 0.0).sum(1) / possible.sum(1)
    return each_row(spread)


def binary_focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """(1 - p)^γ (-log p), p being the probability of the label; the mean over several labels.

    References:
        Lin et al., Focal loss for dense object detection, 2017; γ = 0 is cross-entropy.
    """
    label = target.to(logits.dtype)
    cost = functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
    return each_row(_wrongness(logits, label).pow(gamma) * cost)


def _wrongness(logits: Tensor, label: Tensor) -> Tensor:
    """1 - p of the label."""
    p = logits.sigmoid()
    return p * (1 - label) + (1 - p) * label


def _unknown_binary_focal(logits: Tensor, gamma: float) -> Tensor:
    zero = logits.detach() * 0
    return (binary_focal(logits, zero, gamma) + binary_focal(logits, zero + 1, gamma)) / 2


def focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """(1 - p_y)^γ (-log p_y), p being softmax(z)."""
    log_p = -functional.cross_entropy(logits, target.long(), reduction="none")
    return each_row((-log_p.expm1()).clamp(min=0).pow(gamma) * -log_p)


def _unknown_focal(logits: Tensor, gamma: float) -> Tensor:
    possible = logits != -inf
    log_p = torch.where(possible, logits.log_softmax(1), 0.0)
    cost = (-log_p.expm1()).clamp(min=0).pow(gamma) * -log_p
    return each_row(torch.where(possible, cost, 0.0).sum(1) / possible.sum(1))


def binary_hinge(logits: Tensor, target: Tensor) -> Tensor:
    """max(0, 1 - t z), t being 1 for the second class and -1 for the first; the mean over several labels."""
    return each_row((1 - (2 * target.to(logits.dtype) - 1) * logits).relu())


def _unknown_binary_hinge(logits: Tensor) -> Tensor:
    return each_row(((1 - logits).relu() + (1 + logits).relu()) / 2)


def hinge(logits: Tensor, target: Tensor) -> Tensor:
    """Σ_{c ≠ y} max(0, 1 - z_y + z_c) / C over the C classes, as `torch.nn.MultiMarginLoss`.

    References:
        Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, 2001.
    """
    right = logits.gather(1, target.long().unsqueeze(1))
    beyond = (1 - right + logits).relu()
    # The class itself adds 1.
    return each_row((beyond.sum(1) - 1) / logits.shape[1])


CROSS_ENTROPY = Loss(
    "cross_entropy",
    {"binary": binary_cross_entropy, "multiclass": cross_entropy},
    spreads={"binary": _unknown_label, "multiclass": _unknown_class},
)
BINARY_CROSS_ENTROPY = Loss(
    "binary_cross_entropy",
    {"binary": binary_cross_entropy, "multilabel": binary_cross_entropy},
    spreads={"binary": _unknown_label, "multilabel": _unknown_label},
)
FOCAL = Loss(
    "focal",
    {"binary": binary_focal, "multiclass": focal, "multilabel": binary_focal},
    {"gamma": 2.0},
    {"gamma": (0.0, inf)},
    {"binary": _unknown_binary_focal, "multiclass": _unknown_focal, "multilabel": _unknown_binary_focal},
)
HINGE = Loss(
    "hinge",
    {"binary": binary_hinge, "multiclass": hinge, "multilabel": binary_hinge},
    spreads={"binary": _unknown_binary_hinge, "multilabel": _unknown_binary_hinge},
)
