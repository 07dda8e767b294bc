"""One epoch of every member of a tile, and its evaluation, without returning to Python in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.loss import loss_and_error
from ikura.population.kernel.network import backward, forward, gather, scatter
from ikura.population.kernel.update import apply_rule, penalise
from ikura.population.rule import Coefficients

__all__ = ["BLOCK", "evaluate", "train_epoch"]

BLOCK = 256


@compiled
def _room(widths: Any) -> int:
    total = 0
    for layer in range(1, widths.shape[0]):
        total += widths[layer]
    return total


@compiled
def train_epoch(
    x: Any,
    codes: Any,
    y: Any,
    task: int,
    tables: Any,
    weights: Any,
    first: Any,
    second: Any,
    places: Any,
    widths: Any,
    depths: Any,
    whole: Any,
    numbers: Any,
    rates: Any,
    steps: Any,
    alive: Any,
    stream: Any,
    costs: Any,
    limits: Any,
) -> None:
    """Train each living member for one pass over the examples, in the order in which they come.

    A member whose cost is not finite, or above its limit, is marked dead and left as it is.

    Args:
        x: numeric features in the epoch's order, shape (rows, inputs).
        codes: embedded categories, shape (rows, number of tables).
        y: targets in the precision of x, shape (rows,).
        task: code of the loss.
        tables: (cardinality, size) of each embedding, shape (number of tables, 2).
        weights, first, second: weights and moments of all members, one after another, flat.
        places: where each member begins and the last one ends, shape (members + 1,).
        widths: joined inputs, hidden units, outputs of each member, shape (members, deepest + 2).
        depths: number of hidden layers, shape (members,).
        whole: (mini-batch size, activation, update rule) of each member, shape (members, 3).
        numbers: (learning rate, momentum, β1, β2, ε, λ) of each member, float64, shape (members, 6).
        rates: dropout rate of each hidden layer, shape (members, deepest).
        steps: updates made so far, shape (members,), changed in place.
        alive: shape (members,), changed in place.
        stream: key of the epoch's dropout noise.
        costs: receives the mean cost over the epoch, penalty included, shape (members,).
        limits: cost above which a member counts as exploded, shape (members,).
    """
    rows, inputs = x.shape
    embedded = 0
    for t in range(tables.shape[0]):
        embedded += tables[t, 0] * tables[t, 1]
    number = x.dtype.type
    for k in range(places.shape[0] - 1):
        if not alive[k]:
            costs[k] = np.nan
            continue
        mine = widths[k, : depths[k] + 2]
        batch = min(whole[k, 0], rows)
        w = weights[places[k] : places[k + 1]]
        m, v = first[places[k] : places[k + 1]], second[places[k] : places[k + 1]]
        g = np.empty_like(w)
        room = batch * _room(mine)
        a, d = np.empty(room, x.dtype), np.empty(room, x.dtype)
        joined_room = np.empty((batch if embedded > 0 else 0, mine[0]), x.dtype)
        error_room = np.empty_like(joined_room)
        alpha, momentum, beta1, beta2, epsilon, l2 = numbers[k]
        total = 0.0
        for begin in range(0, rows, batch):
            end = min(begin + batch, rows)
            size = end - begin
            if embedded > 0:
                joined = joined_room[:size]
                gather(x[begin:end], codes[begin:end], w, tables, joined)
            else:
                joined = x[begin:end]
            out = forward(joined, w, embedded, mine, whole[k, 1], rates[k], stream, begin, True, a, d)
            outputs = mine[-1]
            z = a[out : out + size * outputs].reshape(size, outputs)
            cost = loss_and_error(task, z, w[w.shape[0] - outputs :], y[begin:end]) / size
            backward(joined, w, g, embedded, mine, a, d, out, error_room[:size], embedded > 0)
            if embedded > 0:
                g[:embedded] = 0
                scatter(error_room[:size], codes[begin:end], inputs, tables, g)
            if l2 > 0:
                cost += penalise(w[:embedded], g[:embedded], number(l2))
                place = embedded
                for layer in range(mine.shape[0] - 1):
                    cells = mine[layer] * mine[layer + 1]
                    cost += penalise(w[place : place + cells], g[place : place + cells], number(l2))
                    place += cells + mine[layer + 1]
            total += cost * size
            if not cost <= limits[k]:
                alive[k] = False
                break
            steps[k] += 1
            t = steps[k]
            apply_rule(
                whole[k, 2],
                w,
                g,
                m,
                v,
                Coefficients(
                    number(alpha),
                    number(momentum),
                    number(beta1),
                    number(1 - beta1),
                    number(beta2),
                    number(1 - beta2),
                    number(epsilon),
                    number(1 / (1 - beta1**t)),
                    number(1 / np.sqrt(1 - beta2**t)),
                ),
            )
        costs[k] = total / rows


@compiled
def evaluate(
    x: Any,
    codes: Any,
    tables: Any,
    weights: Any,
    places: Any,
    widths: Any,
    depths: Any,
    whole: Any,
    rates: Any,
    alive: Any,
    outputs: Any,
) -> None:
    """Write the raw outputs of every living member, shape (members, rows, outputs), without dropout.

    The other arguments are those of `train_epoch`; a dead member's outputs are NaN.
    """
    rows = x.shape[0]
    embedded = 0
    for t in range(tables.shape[0]):
        embedded += tables[t, 0] * tables[t, 1]
    for k in range(places.shape[0] - 1):
        if not alive[k]:
            outputs[k] = np.nan
            continue
        mine = widths[k, : depths[k] + 2]
        w = weights[places[k] : places[k + 1]]
        room = BLOCK * _room(mine)
        a, d = np.empty(room, x.dtype), np.empty(room, x.dtype)
        joined_room = np.empty((BLOCK if embedded > 0 else 0, mine[0]), x.dtype)
        bias = w[w.shape[0] - mine[-1] :]
        for begin in range(0, rows, BLOCK):
            end = min(begin + BLOCK, rows)
            if embedded > 0:
                joined = joined_room[: end - begin]
                gather(x[begin:end], codes[begin:end], w, tables, joined)
            else:
                joined = x[begin:end]
            out = forward(joined, w, embedded, mine, whole[k, 1], rates[k], 0, 0, False, a, d)
            for i in range(end - begin):
                for j in range(mine[-1]):
                    outputs[k, begin + i, j] = a[out + i * mine[-1] + j] + bias[j]
