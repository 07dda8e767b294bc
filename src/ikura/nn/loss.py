"""Losses by task: what a network's raw outputs mean."""

from __future__ import annotations

from math import inf

from torch import Tensor, where
from torch.nn import functional

__all__ = ["each_loss", "loss", "outputs_of", "predict"]


def outputs_of(task: str, classes: int) -> int:
    """Number of raw outputs a network needs: one logit for binary, one a class for multiclass, one for regression."""
    return classes if task == "multiclass" else 1


def loss(task: str, outputs: Tensor, target: Tensor, smoothing: Tensor | None = None) -> Tensor:
    """Mean loss of one network on one mini-batch.

    binary: cross-entropy of the logit z, log(1 + e^z) - y z; multiclass: softmax and cross-entropy,
    logsumexp(z) - z_y (its first backward error is ŷ - y); regression: squared error (z - y)².

    With labels smoothed by s the loss is that of the label y (1 - s) + s/2, or of a label whose share s is spread
    evenly over all classes: (1 - s) (logsumexp(z) - z_y) + s (logsumexp(z) - mean z) (Szegedy et al. 2016), those left
    out that an output of -inf rules out.

    Args:
        task: "binary", "multiclass" or "regression".
        outputs: raw outputs, shape (rows, 1) or (rows, classes).
        target: shape (rows,).
        smoothing: s, a scalar; None for 0. Regression has no labels and ignores it.

    Returns:
        A scalar; NaN if any output is NaN.

    Example:
        >>> import torch
        >>> round(loss("multiclass", torch.zeros(2, 4), torch.tensor([0, 3])).item(), 4)
        1.3863
    """
    if task == "binary":
        label = target.to(outputs.dtype)
        label = label if smoothing is None else label * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], label)
    if task == "multiclass":
        sharp = functional.cross_entropy(outputs, target)
        if smoothing is None:
            return sharp
        return (1 - smoothing) * sharp - smoothing * _spread(outputs).mean()
    return functional.mse_loss(outputs[:, 0], target.to(outputs.dtype))


def each_loss(task: str, outputs: Tensor, target: Tensor, smoothing: Tensor | None = None) -> Tensor:
    """Loss of one network on each example, whose mean is `loss`.

    Args:
        task: "binary", "multiclass" or "regression".
        outputs: raw outputs, shape (rows, 1) or (rows, classes).
        target: shape (rows,).
        smoothing: as for `loss`, or one of each example, shape (rows,).

    Returns:
        Shape (rows,); NaN where an output is NaN.

    Example:
        >>> import torch
        >>> each_loss("regression", torch.zeros(2, 1), torch.tensor([1.0, 3.0])).tolist()
        [1.0, 9.0]
    """
    if task == "binary":
        logits = outputs[:, 0]
        label = target.to(outputs.dtype)
        label = label if smoothing is None else label * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
    if task == "multiclass":
        sharp = functional.cross_entropy(outputs, target.long(), reduction="none")
        if smoothing is None:
            return sharp
        return (1 - smoothing) * sharp - smoothing * _spread(outputs)
    return functional.mse_loss(outputs[:, 0], target.to(outputs.dtype), reduction="none")


def _spread(outputs: Tensor) -> Tensor:
    """Mean logarithm of the probabilities of each row's classes, those left out that an output of -inf rules out."""
    possible = outputs != -inf
    return where(possible, outputs.log_softmax(1), 0.0).sum(1) / possible.sum(1)


def predict(task: str, outputs: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Turn raw outputs into predictions.

    Args:
        task: "binary", "multiclass" or "regression".
        outputs: shape (rows, 1) or (rows, classes).
        mean: of the regression target in the training set.
        std: of the regression target in the training set.

    Returns:
        binary: probability of the second class, shape (rows,); multiclass: probabilities, shape (rows, classes);
        regression: values in the target's units, float64 of shape (rows,): float32 has steps of 128 at 1.7e9.
    """
    if task == "binary":
        return outputs[..., 0].sigmoid()
    if task == "multiclass":
        return outputs.softmax(-1)
    return outputs[..., 0].double() * std + mean
