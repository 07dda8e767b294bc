"""Losses of the kernel: the sum over a mini-batch, and the error that goes backwards."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import vector

__all__ = ["CODES", "factors", "loss_and_error", "relabel", "weigh"]

CODES: dict[str, int] = {"binary": 0, "multiclass": 1, "regression": 2, "multilabel": 3}


@compiled
def loss_and_error(task: int, z: Any, bias: Any, y: Any, weights: Any, smoothing: Any) -> float:
    """Add the bias to the outputs and replace them by ∂L/∂z, L = Σ w l / rows; return Σ w l in double precision.

    The loss l of an example with several values or labels is the mean over these; w is its weight.

    Args:
        task: a number from `CODES`.
        z: outputs without bias, shape (rows, outputs), changed in place.
        bias: shape (outputs,).
        y: targets, shape (rows,), or (rows · outputs,) of several values or labels, in the precision of z.
        weights: of the examples, in the precision of z, shape (rows,); (0,) where all are 1.
        smoothing: share s of the label that is spread evenly over all classes, in the precision of z.
    """
    if weights.shape[0] == 0:
        return _mean_loss_and_error(task, z, bias, y, smoothing)
    rows, total = z.shape[0], 0.0
    values = y.shape[0] // rows
    for i in range(rows):
        own = vector(y, i * values, values)
        total += weights[i] * _mean_loss_and_error(task, z[i : i + 1], bias, own, smoothing)
        share = weights[i] / z.dtype.type(rows)
        for j in range(z.shape[1]):
            z[i, j] *= share
    return total


@compiled
def _mean_loss_and_error(task: int, z: Any, bias: Any, y: Any, smoothing: Any) -> float:
    """As `loss_and_error`, of examples that count alike."""
    rows, outputs = z.shape
    one = z.dtype.type(1)
    share = one / z.dtype.type(rows)
    total = 0.0
    kept = one - smoothing
    if task == 0:
        half = smoothing / (one + one)
        for i in range(rows):
            v, t = z[i, 0] + bias[0], y[i] * kept + half
            e = math.exp(-abs(v))
            total += max(v, one - one) - v * t + math.log1p(e) if v == v else v
            p = one / (one + e) if v >= 0 else e / (one + e)
            z[i, 0] = (p - t) * share
    elif task == 1:
        even = smoothing / z.dtype.type(outputs)
        for i in range(rows):
            top = z[i, 0] + bias[0]
            for j in range(outputs):
                z[i, j] += bias[j]
                top = max(top, z[i, j])
            answer = int(y[i])
            right = (z[i, answer] - top) * kept
            if smoothing > 0:
                for j in range(outputs):
                    right += (z[i, j] - top) * even
            mass = one - one
            for j in range(outputs):
                z[i, j] = math.exp(z[i, j] - top)
                mass += z[i, j]
            total += math.log(mass) - right
            scale = share / mass
            for j in range(outputs):
                z[i, j] = z[i, j] * scale - even * share
            z[i, answer] -= share * kept
    else:
        even = share / z.dtype.type(outputs)
        half = smoothing / (one + one)
        for i in range(rows):
            for j in range(outputs):
                v, t = z[i, j] + bias[j], y[i * outputs + j]
                if task == 2:
                    r = v - t
                    total += r * r
                    z[i, j] = (r + r) * even
                else:
                    t = t * kept + half
                    e = math.exp(-abs(v))
                    total += max(v, one - one) - v * t + math.log1p(e) if v == v else v
                    p = one / (one + e) if v >= 0 else e / (one + e)
                    z[i, j] = (p - t) * even
        total /= outputs
    return total


@compiled
def factors(noise: Any, deviation: Any) -> Any:
    """Make the factors 1 + σ ε on the gradients of an epoch's examples, in the precision of ε.

    Args:
        noise: ε, shape (rows,).
        deviation: σ; without it there are no factors.

    Returns:
        Shape (rows,), or (0,) if σ is 0.
    """
    found = np.empty(noise.shape[0] if deviation > 0 else 0, noise.dtype)
    for i in range(found.shape[0]):
        found[i] = 1.0 + deviation * noise[i]
    return found


@compiled
def weigh(error: Any, weights: Any) -> None:
    """Multiply each example's error, and with it its gradient, by its factor; no factors leave all as they are.

    Args:
        error: ∂(mean loss)/∂z, shape (rows, outputs), changed in place.
        weights: shape (rows,) or (0,).
    """
    for i in range(weights.shape[0]):
        for j in range(error.shape[1]):
            error[i, j] *= weights[i]


@compiled
def relabel(task: int, y: Any, chance: Any, others: Any, share: float) -> Any:
    """Make the noisy labels of one epoch from the draws of `ikura.nn.noise.label_draws`.

    Args:
        task: a number from `CODES`.
        y: targets, shape (rows,).
        chance: below `share` where a label is replaced, shape (rows,).
        others: the classes that replace labels; for regression the noise that is added, times `share`. Shape (rows,).
        share: of the labels.

    Returns:
        In the precision of y, shape (rows,), or (0,) if the share is 0.
    """
    found = np.empty(y.shape[0] if share > 0 else 0, y.dtype)
    for i in range(found.shape[0]):
        if task == 2:
            found[i] = y[i] + share * others[i]
        else:
            found[i] = others[i] if chance[i] < share else y[i]
    return found
