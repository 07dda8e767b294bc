"""How predictions of networks are averaged."""

from __future__ import annotations

from enum import StrEnum

from ikura.nn.loss import Loss, Prediction

__all__ = ["Averaging", "averaging_of"]


class Averaging(StrEnum):
    """What raw outputs are turned into before they are averaged."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    IDENTITY = "identity"
    EXPONENTIAL = "exponential"


def averaging_of(task: str, loss: Loss) -> Averaging | None:
    """Tell how networks of a task and a loss are averaged; None where there is no average that is a prediction.

    Example:
        >>> from ikura.nn.loss import LOSSES
        >>> averaging_of("binary", LOSSES["focal"]), averaging_of("regression", LOSSES["gaussian_nll"])
        (<Averaging.SIGMOID: 'sigmoid'>, None)
    """
    if task == "own" or loss.own is not None or loss.prediction is Prediction.FIRST_HALF:
        return None
    if task == "regression":
        return Averaging.EXPONENTIAL if loss.prediction is Prediction.EXPONENTIAL else Averaging.IDENTITY
    return Averaging.SOFTMAX if task == "multiclass" else Averaging.SIGMOID
