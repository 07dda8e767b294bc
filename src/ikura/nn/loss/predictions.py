"""Predictions of raw outputs, of arrays."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from scipy.special import expit

__all__ = ["Prediction", "predicted"]


class Prediction(Enum):
    """What is made of outputs."""

    OF_TASK = "probabilities for classes and labels, values for a regression"
    EXPONENTIAL = "outputs are logarithms of values"
    FIRST_HALF = "the first half of the outputs are the values"


def predicted(
    prediction: Prediction, task: str, outputs: np.ndarray, mean: Any, std: Any, shape: tuple[int, ...] | None
) -> np.ndarray:
    """Turn raw outputs into predictions, as `ikura.nn.loss.Loss.predict` does with those of a named loss.

    Example:
        >>> predicted(Prediction.OF_TASK, "multiclass", np.log([[1.0, 3.0]]), 0.0, 1.0, None).tolist()
        [[0.25, 0.75]]
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if task == "own":
            return outputs
        if task == "binary":
            two = outputs.ndim > 1 and outputs.shape[-1] == 2
            shares: np.ndarray = expit(outputs[..., 1] - outputs[..., 0] if two else outputs.reshape(len(outputs)))
            return shares
        if task == "multiclass":
            powers = np.exp(outputs - outputs.max(1, keepdims=True))
            shares = powers / powers.sum(1, keepdims=True)
            return shares
        if prediction is Prediction.FIRST_HALF:
            outputs = outputs[:, : -(-outputs.shape[1] // 2)]
        if shape is not None:
            outputs = outputs.reshape(len(outputs), *shape)
        elif outputs.ndim == 2 and outputs.shape[1] == 1:
            outputs = outputs[:, 0]
        if task == "multilabel":
            return np.asarray(expit(outputs))
        wide = outputs.astype(np.float64)
        return np.exp(wide) if prediction is Prediction.EXPONENTIAL else wide * np.asarray(std) + np.asarray(mean)
