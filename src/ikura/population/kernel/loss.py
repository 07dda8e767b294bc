"""Losses of the kernel: the sum over a mini-batch, and the error that goes backwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import vector

__all__ = [
    "CODES",
    "KernelLoss",
    "factors",
    "kernel_loss",
    "labels_of",
    "loss_and_error",
    "of_value",
    "relabel",
    "weigh",
]

CODES: dict[str, int] = {"binary": 0, "multiclass": 1, "regression": 2, "multilabel": 3}
"""Numbers of the tasks' usual losses: cross-entropy of classes and labels, squared error of values."""
MAE, HUBER, QUANTILE, POISSON = range(len(CODES), len(CODES) + 4)
OF_VALUES: dict[str, int] = {"mae": MAE, "huber": HUBER, "quantile": QUANTILE, "poisson": POISSON}
"""Numbers of other losses of values."""


class KernelLoss(NamedTuple):
    """A loss as the kernel knows it.

    Attributes:
        code: its number.
        parameter: the number that it takes, δ of huber and q of quantile; 0 where it takes none.
    """

    code: int
    parameter: float = 0.0


def kernel_loss(task: str, name: str, parameters: Mapping[str, float]) -> KernelLoss | None:
    """Find a named loss of a task; None where the kernel does not know it.

    Example:
        >>> kernel_loss("regression", "quantile", {"q": 0.9}), kernel_loss("multiclass", "hinge", {})
        (KernelLoss(code=6, parameter=0.9), None)
    """
    usual = {"regression": ("mse",), "multilabel": ("binary_cross_entropy",), "multiclass": ("cross_entropy",)}
    if name in usual.get(task, ("cross_entropy", "binary_cross_entropy")) and task in CODES:
        return KernelLoss(CODES[task])
    if task == "regression" and name in OF_VALUES:
        return KernelLoss(OF_VALUES[name], *parameters.values())
    return None


def labels_of(task: str, classes: int) -> int:
    """How many labels noise chooses from; 0 where it is added to values.

    Example:
        >>> [labels_of(task, 3) for task in ("binary", "multiclass", "regression", "multilabel")]
        [2, 3, 0, 2]
    """
    return {"multiclass": classes, "regression": 0}.get(task, 2)


@compiled
def loss_and_error(code: int, parameter: float, z: Any, bias: Any, y: Any, weights: Any, smoothing: Any) -> float:
    """Add the bias to the outputs and replace them by ∂L/∂z, L = Σ w l / rows; return Σ w l in double precision.

    The loss l of an example with several values or labels is the mean over these; w is its weight.

    Args:
        code, parameter: see `KernelLoss`.
        z: outputs without bias, shape (rows, outputs), changed in place.
        bias: shape (outputs,).
        y: targets, shape (rows,), or (rows · outputs,) of several values or labels, in the precision of z.
        weights: of the examples, in the precision of z, shape (rows,); (0,) where all are 1.
        smoothing: share s of the label that is spread evenly over all classes, in the precision of z.
    """
    rows, total = z.shape[0], 0.0
    values = y.shape[0] // rows
    # All at once, or one by one, in one place: each call is a copy of all losses in the machine code.
    each = 1 if weights.shape[0] > 0 else rows
    for i in range(0, rows, each):
        own = vector(y, i * values, each * values)
        loss = _mean_loss_and_error(code, parameter, z[i : i + each], bias, own, smoothing)
        if weights.shape[0] > 0:
            loss *= weights[i]
            share = weights[i] / z.dtype.type(rows)
            for j in range(z.shape[1]):
                z[i, j] *= share
        total += loss
    return total


@compiled
def _mean_loss_and_error(code: int, parameter: float, z: Any, bias: Any, y: Any, smoothing: Any) -> float:
    """As `loss_and_error`, of examples that count alike."""
    rows, outputs = z.shape
    one = z.dtype.type(1)
    share = one / z.dtype.type(rows)
    total = 0.0
    kept = one - smoothing
    if code == 0:
        half = smoothing / (one + one)
        for i in range(rows):
            v, t = z[i, 0] + bias[0], y[i] * kept + half
            e = math.exp(-abs(v))
            total += max(v, one - one) - v * t + math.log1p(e) if v == v else v
            p = one / (one + e) if v >= 0 else e / (one + e)
            z[i, 0] = (p - t) * share
    elif code == 1:
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
                if code == 2:
                    r = v - t
                    total += r * r
                    z[i, j] = (r + r) * even
                elif code > 3:
                    loss, slope = of_value(code, z.dtype.type(parameter), v, t)
                    total += loss
                    z[i, j] = slope * even
                else:
                    t = t * kept + half
                    e = math.exp(-abs(v))
                    total += max(v, one - one) - v * t + math.log1p(e) if v == v else v
                    p = one / (one + e) if v >= 0 else e / (one + e)
                    z[i, j] = (p - t) * even
        total /= outputs
    return total


@compiled
def of_value(code: int, parameter: Any, z: Any, y: Any) -> tuple[Any, Any]:
    """A loss of one value and its derivative by the output z, as `ikura.nn.loss` has them; NaN gives NaN.

    Where the loss has a corner it is what PyTorch takes: 0 of the absolute error, the mean of both sides of a quantile.

    Args:
        code: `MAE` or one of those behind it.
        parameter: see `KernelLoss`, in the precision of z.
        z, y: output and target.
    """
    r, one = z - y, parameter - parameter + 1
    half = one / (one + one)
    if code == MAE:
        return abs(r), (one if r > 0 else -one if r < 0 else r)
    if code == HUBER:
        if abs(r) > parameter:
            return parameter * (abs(r) - half * parameter), (parameter if r > 0 else -parameter)
        return half * r * r, r
    if code == QUANTILE:
        if r < 0:
            return -parameter * r, -parameter
        if r > 0:
            return (one - parameter) * r, one - parameter
        return r, r + half - parameter
    mass = math.exp(z)
    return mass - y * z, mass - y


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
def relabel(code: int, y: Any, chance: Any, others: Any, share: float) -> Any:
    """Make the noisy labels of one epoch from the draws of `ikura.nn.noise.label_draws`.

    Args:
        code: number of the loss.
        y: targets, shape (rows,).
        chance: below `share` where a label is replaced, shape (rows,).
        others: the classes that replace labels; for regression the noise that is added, times `share`. Shape (rows,).
        share: of the labels.

    Returns:
        In the precision of y, shape (rows,), or (0,) if the share is 0.
    """
    found = np.empty(y.shape[0] if share > 0 else 0, y.dtype)
    for i in range(found.shape[0]):
        if code == 2 or code > 3:
            found[i] = y[i] + share * others[i]
        else:
            found[i] = others[i] if chance[i] < share else y[i]
    return found
