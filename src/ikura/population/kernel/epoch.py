"""One epoch of every member of a tile, and its evaluation, without returning to Python in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.dropout import INPUTS, connect, drop, stream_of_layer
from ikura.population.kernel.loss import factors, loss_and_error, relabel, weigh
from ikura.population.kernel.network import backward, forward, gather, scatter
from ikura.population.kernel.normalisation import joins_last_row, prepare
from ikura.population.kernel.numbers import DROPCONNECT, GRADIENT_NOISE, L1, L2, LABEL_NOISE, LABEL_SMOOTHING
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.update import update

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
    moments: Any,
    places: Any,
    moment_places: Any,
    widths: Any,
    depths: Any,
    matrices: Any,
    matrix_places: Any,
    whole: Any,
    numbers: Any,
    learning_rates: Any,
    learning_places: Any,
    rates: Any,
    normals: Any,
    momenta: Any,
    running: Any,
    running_places: Any,
    steps: Any,
    alive: Any,
    stream: Any,
    connections: Any,
    noise: Any,
    chance: Any,
    others: Any,
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
        weights, moments: of all members, one after another, flat.
        places, moment_places: where each member begins in them and the last one ends, shape (members + 1,).
        widths: joined inputs, hidden units, outputs of each member, shape (members, deepest + 2).
        depths: number of hidden layers, shape (members,).
        matrices: (place, rows, columns) of all members' weights that are no biases, shape (matrices, 3).
        matrix_places: where each member begins in them and the last one ends, shape (members + 1,).
        whole: (mini-batch size, activation, update rule) of each member, shape (members, 3).
        numbers: `NUMBERS` of each member, float64, shape (members, numbers).
        learning_rates: of all members, one after another, flat: one for the epoch, or one for each step of it.
        learning_places: where each member begins in them and the last one ends, shape (members + 1,).
        rates: dropout rate of the inputs, then of each hidden layer, shape (members, 1 + deepest).
        normals: (normalisation, rows of a ghost) of each member, shape (members, 2).
        momenta: share of one mini-batch (or ghost) in the running statistics, float64, shape (members,).
        running: running statistics of all members, one after another, flat, changed in place.
        running_places: where each member's begin and the last one's end, shape (members + 1,).
        steps: updates made so far, shape (members,), changed in place.
        alive: shape (members,), changed in place.
        stream: key of the epoch's dropout noise.
        connections: key of the epoch's DropConnect.
        noise: what gradient noise is made of, in the precision of x, shape (rows,); empty if no member has any.
        chance, others: what label noise is made of, float64 of shape (rows,); empty if no member has any.
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
        m = moments[moment_places[k] : moment_places[k + 1]]
        blocks = matrices[matrix_places[k] : matrix_places[k + 1]]
        alphas = learning_rates[learning_places[k] : learning_places[k + 1]]
        l1, l2, smoothing = numbers[k, L1], numbers[k, L2], number(numbers[k, LABEL_SMOOTHING])
        weights_of = factors(noise, numbers[k, GRADIENT_NOISE])
        labels = relabel(task, y, chance, others, numbers[k, LABEL_NOISE])
        left_out = numbers[k, DROPCONNECT]
        used, kept = w, w[:0]
        if left_out > 0:
            used, kept = np.empty_like(w), np.empty_like(w)
        g = np.empty_like(w)
        joins = joins_last_row(normals[k, 0], batch)
        most = min(batch + joins, rows)
        room = most * _room(mine)
        a, d = np.empty(room, x.dtype), np.empty(room, x.dtype)
        mine_running = running[running_places[k] : running_places[k + 1]]
        normal = prepare(normals[k, 0], normals[k, 1], momenta[k], mine_running, room, mine)
        joined_room = np.empty((most if embedded > 0 or rates[k, 0] > 0 else 0, mine[0]), x.dtype)
        kept_room = np.empty((most if rates[k, 0] > 0 else 0, mine[0]), x.dtype)
        error_room = np.empty_like(joined_room)
        total = 0.0
        end = 0
        while end < rows:
            begin = end
            end = min(begin + batch, rows)
            if joins and end == rows - 1:
                end = rows
            size = end - begin
            if embedded > 0:
                joined = joined_room[:size]
                gather(x[begin:end], codes[begin:end], w, tables, joined)
            elif rates[k, 0] > 0:
                joined = joined_room[:size]
                joined[:] = x[begin:end]
            else:
                joined = x[begin:end]
            if rates[k, 0] > 0:
                kept_room[:] = 1
                drop(joined, kept_room[:size], rates[k, 0], stream_of_layer(stream, INPUTS), begin)
            if left_out > 0:
                connect(w, used, kept, blocks[tables.shape[0] :], left_out, connections, begin)
            out = forward(joined, used, embedded, mine, whole[k, 1], normal, rates[k, 1:], stream, begin, True, a, d)
            outputs = mine[-1]
            z = a[out : out + size * outputs].reshape(size, outputs)
            bias = w[w.shape[0] - outputs :]
            if labels.shape[0] > 0:
                cost = loss_and_error(task, z, bias, labels[begin:end], smoothing) / size
            else:
                cost = loss_and_error(task, z, bias, y[begin:end], smoothing) / size
            weigh(z, weights_of[begin:end])
            backward(joined, used, g, embedded, mine, normal, a, d, out, error_room[:size], embedded > 0)
            if embedded > 0:
                g[:embedded] = 0
                if rates[k, 0] > 0:
                    error_room[:size] *= kept_room[:size]
                scatter(error_room[:size], codes[begin:end], inputs, tables, g)
            if left_out > 0:
                g *= kept
            if l1 > 0 or l2 > 0:
                cost += penalise(w, g, blocks, number(l1), number(l2))
            total += cost * size
            if not cost <= limits[k]:
                alive[k] = False
                break
            steps[k] += 1
            alpha = alphas[min(begin // batch, alphas.shape[0] - 1)]
            update(whole[k, 2], w, g, m, blocks, numbers[k], alpha, steps[k])
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
    normals: Any,
    running: Any,
    running_places: Any,
    alive: Any,
    outputs: Any,
) -> None:
    """Write the raw outputs of every living member, shape (members, rows, outputs), as in evaluation.

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
        mine_running = running[running_places[k] : running_places[k + 1]]
        normal = prepare(normals[k, 0], normals[k, 1], 0, mine_running, room, mine)
        joined_room = np.empty((BLOCK if embedded > 0 else 0, mine[0]), x.dtype)
        bias = w[w.shape[0] - mine[-1] :]
        for begin in range(0, rows, BLOCK):
            end = min(begin + BLOCK, rows)
            if embedded > 0:
                joined = joined_room[: end - begin]
                gather(x[begin:end], codes[begin:end], w, tables, joined)
            else:
                joined = x[begin:end]
            out = forward(joined, w, embedded, mine, whole[k, 1], normal, rates[k, 1:], 0, 0, False, a, d)
            for i in range(end - begin):
                for j in range(mine[-1]):
                    outputs[k, begin + i, j] = a[out + i * mine[-1] + j] + bias[j]
