"""Scores of the kernel: loss, predictions and the usual metrics of many members, one after another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.loss import of_value
from ikura.population.kernel.views import vector

__all__ = ["CODES", "assess"]

CODES: dict[str, int] = {"accuracy": 1, "r2": 2, "rmse": 3, "mae": 4, "label_accuracy": 5}


@compiled
def assess(
    loss: int,
    parameter: float,
    outputs: Any,
    y: Any,
    weights: Any,
    smoothing: float,
    stds: Any,
    kind: int,
    losses: Any,
    scores: Any,
) -> None:
    """Write each member's mean loss and score, and replace its raw outputs by probabilities, those of a regression not.

    Args:
        loss, parameter: see `ikura.population.kernel.loss.KernelLoss`.
        outputs: raw outputs, shape (members, rows, outputs), replaced by probabilities; standardised values stay.
        y: targets as trained on, shape (rows,), or (rows · outputs,) of several values or labels, in the precision of
            the outputs.
        weights: of the examples in the loss, their mean 1, float64 of shape (rows,); (0,) where they count alike.
        smoothing: share of the labels that the loss spreads evenly over all classes but those that a network rules out
            by an output of -inf.
        stds: of each regression target in the training set; scores are computed in double precision without the means,
            which no score depends on and beside which a difference may be lost.
        kind: code of the metric, 0 for none.
        losses, scores: float64 of shape (members,); NaN for a member with a NaN among its outputs.
    """
    for k in range(outputs.shape[0]):
        real = outputs.dtype.type
        losses[k] = _predict(loss, real(parameter), outputs[k], y, weights, real(smoothing))
        scores[k] = np.nan
        if not math.isnan(losses[k]):
            if kind == 1:
                scores[k] = _accuracy(loss, outputs[k], y)
            elif kind == 5:
                scores[k] = _label_accuracy(outputs[k], y)
            elif kind > 1:
                scores[k] = _regression(kind, outputs[k], y, stds)


@compiled
def _predict(code: int, parameter: Any, z: Any, y: Any, weights: Any, smoothing: Any) -> float:
    rows, total = z.shape[0], 0.0
    values = y.shape[0] // rows
    each = 1 if weights.shape[0] > 0 else rows
    for i in range(0, rows, each):
        loss = _predict_alike(code, parameter, z[i : i + each], vector(y, i * values, each * values), smoothing)
        total += loss * weights[i] if weights.shape[0] > 0 else loss
    return total / rows if weights.shape[0] > 0 else total


@compiled
def _predict_alike(code: int, parameter: Any, z: Any, y: Any, smoothing: Any) -> float:
    rows, outputs = z.shape
    one = z.dtype.type(1)
    kept, half = one - smoothing, smoothing / (one + one)
    total = 0.0
    for i in range(rows):
        if code == 0:
            v = z[i, 0]
            e = math.exp(-abs(v))
            total += max(v, one - one) - v * (y[i] * kept + half) + math.log1p(e) if v == v else v
            z[i, 0] = one / (one + e) if v >= 0 else e / (one + e)
        elif code == 1:
            top = z[i, 0]
            for j in range(1, outputs):
                top = z[i, j] if not z[i, j] <= top else top
            right = (z[i, int(y[i])] - top) * kept
            mass = spread = possible = one - one
            for j in range(outputs):
                if z[i, j] > -math.inf:
                    spread += z[i, j] - top
                    possible += one
                z[i, j] = math.exp(z[i, j] - top)
                mass += z[i, j]
            total += math.log(mass) - right - smoothing * spread / max(possible, one)
            for j in range(outputs):
                z[i, j] /= mass
        else:
            for j in range(outputs):
                v, t = z[i, j], y[i * outputs + j]
                if code == 2:
                    r = v - t
                    total += r * r
                elif code > 3:
                    total += of_value(code, parameter, v, t)[0]
                else:
                    e = math.exp(-abs(v))
                    total += max(v, one - one) - v * (t * kept + half) + math.log1p(e) if v == v else v
                    z[i, j] = one / (one + e) if v >= 0 else e / (one + e)
    return total / (rows * outputs) if code > 1 else total / rows


@compiled
def _accuracy(code: int, p: Any, y: Any) -> float:
    hits = 0
    for i in range(p.shape[0]):
        answer = 0
        if code == 0:
            answer = 1 if p[i, 0] > 0.5 else 0
        else:
            for j in range(1, p.shape[1]):
                if p[i, j] > p[i, answer]:
                    answer = j
        hits += answer == int(y[i])
    return hits / p.shape[0]


@compiled
def _label_accuracy(p: Any, y: Any) -> float:
    hits = 0
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            hits += (p[i, j] > 0.5) == (y[i * p.shape[1] + j] > 0)
    return hits / p.size


@compiled
def _regression(kind: int, z: Any, y: Any, stds: Any) -> float:
    """The mean over several targets, of R² over those that vary."""
    total, counted, still, stills = 0.0, 0, 0.0, 0
    for j in range(z.shape[1]):
        score, varies = _of_target(kind, z, y, j, stds[j])
        if varies:
            total += score
            counted += 1
        else:
            still += score
            stills += 1
    return total / counted if counted > 0 else still / stills


@compiled
def _of_target(kind: int, z: Any, y: Any, j: int, std: float) -> tuple[float, bool]:
    """The score of one target, and whether it says something: R² of one that does not vary does not."""
    rows, values = z.shape
    centre, low, high = 0.0, np.float64(y[j]), np.float64(y[j])
    for i in range(rows):
        target = np.float64(y[i * values + j])
        centre += target
        low, high = min(low, target), max(high, target)
    centre /= rows
    squares, absolutes, spread = 0.0, 0.0, 0.0
    for i in range(rows):
        target = np.float64(y[i * values + j])
        residual = np.float64(z[i, j]) - target
        squares += residual * residual
        absolutes += abs(residual)
        spread += (target - centre) * (target - centre)
    if kind == 3:
        return std * math.sqrt(squares / rows), True
    if kind == 4:
        return std * (absolutes / rows), True
    if rows < 2:
        return np.nan, False
    if high > low:
        return 1 - squares / spread, True
    return (0.0 if squares > 0 else 1.0), False
