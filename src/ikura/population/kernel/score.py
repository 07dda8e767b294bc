"""Scores of the kernel: loss, predictions and the usual metrics of many members, one after another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled

__all__ = ["CODES", "assess"]

CODES: dict[str, int] = {"accuracy": 1, "r2": 2, "rmse": 3, "mae": 4}


@compiled
def assess(task: int, outputs: Any, y: Any, smoothing: float, std: float, kind: int, losses: Any, scores: Any) -> None:
    """Write each member's mean loss and score, and replace its raw outputs by probabilities, those of a regression not.

    Args:
        task: code of the loss.
        outputs: raw outputs, shape (members, rows, outputs), replaced by probabilities; standardised values stay.
        y: targets as trained on, shape (rows,), in the precision of the outputs.
        smoothing: share of the labels that the loss spreads evenly over all classes but those that a network rules out
            by an output of -inf.
        std: of the regression target in the training set; its scores are computed in double precision without its mean,
            which no score depends on and beside which a difference may be lost.
        kind: code of the metric, 0 for none.
        losses, scores: float64 of shape (members,); NaN for a member with a NaN among its outputs.
    """
    for k in range(outputs.shape[0]):
        real = outputs.dtype.type
        losses[k] = _predict(task, outputs[k], y, real(smoothing))
        scores[k] = np.nan
        if not math.isnan(losses[k]):
            if kind == 1:
                scores[k] = _accuracy(task, outputs[k], y)
            elif kind > 1:
                scores[k] = _regression(kind, outputs[k], y, std)


@compiled
def _predict(task: int, z: Any, y: Any, smoothing: Any) -> float:
    rows, outputs = z.shape
    one = z.dtype.type(1)
    kept, half = one - smoothing, smoothing / (one + one)
    total = 0.0
    for i in range(rows):
        if task == 0:
            v = z[i, 0]
            e = math.exp(-abs(v))
            total += max(v, one - one) - v * (y[i] * kept + half) + math.log1p(e) if v == v else v
            z[i, 0] = one / (one + e) if v >= 0 else e / (one + e)
        elif task == 1:
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
            r = z[i, 0] - y[i]
            total += r * r
    return total / rows


@compiled
def _accuracy(task: int, p: Any, y: Any) -> float:
    hits = 0
    for i in range(p.shape[0]):
        answer = 0
        if task == 0:
            answer = 1 if p[i, 0] > 0.5 else 0
        else:
            for j in range(1, p.shape[1]):
                if p[i, j] > p[i, answer]:
                    answer = j
        hits += answer == int(y[i])
    return hits / p.shape[0]


@compiled
def _regression(kind: int, z: Any, y: Any, std: float) -> float:
    rows = z.shape[0]
    centre, low, high = 0.0, np.float64(y[0]), np.float64(y[0])
    for i in range(rows):
        target = np.float64(y[i])
        centre += target
        low, high = min(low, target), max(high, target)
    centre /= rows
    squares, absolutes, spread = 0.0, 0.0, 0.0
    for i in range(rows):
        target = np.float64(y[i])
        residual = np.float64(z[i, 0]) - target
        squares += residual * residual
        absolutes += abs(residual)
        spread += (target - centre) * (target - centre)
    if kind == 3:
        return std * math.sqrt(squares / rows)
    if kind == 4:
        return std * (absolutes / rows)
    if rows < 2:
        return np.nan
    if high > low:
        return 1 - squares / spread
    return 0.0 if squares > 0 else 1.0
