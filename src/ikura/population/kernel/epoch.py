"""One epoch of every member of a tile, and its evaluation, without returning to Python in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.dropout import INPUTS, connect, drop, stream_of_layer
from ikura.population.kernel.encoding import Front, encode, encode_backward, front_of
from ikura.population.kernel.loss import factors, loss_and_error, relabel, weigh
from ikura.population.kernel.network import Network, backward, embed, forward, rescale, scale, scatter
from ikura.population.kernel.normalisation import joins_last_row, prepare
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.records import part
from ikura.population.kernel.update import update
from ikura.population.kernel.views import copy, fill, matrix, multiply, vector

__all__ = ["BLOCK", "evaluate", "train_epoch"]

BLOCK = 256


@compiled
def _network(networks: Any, k: int, running: Any, rows: int, momentum: Any) -> Network:
    """One member's network, with buffers for as many rows, in the precision of the running statistics."""
    widths = networks.widths[k, : networks.depths[k] + 2]
    cells = 0
    for layer in range(1, widths.shape[0]):
        cells += rows * widths[layer]
    normal = prepare(networks.normalisations[k], networks.ghost_sizes[k], momentum, running, cells, widths)
    a, d = np.empty(cells, running.dtype), np.empty(cells, running.dtype)
    return Network(networks.ahead[k], widths, networks.activations[k], normal, networks.dropout[k, 1:], a, d)


@compiled
def _front(networks: Any, k: int, rows: int) -> Front:
    """What one member encodes with; the weights of its waves lie behind the factors and the embeddings."""
    place = networks.scales[k]
    tables = networks.tables[k]
    for t in range(tables.shape[0]):
        place += tables[t, 0] * tables[t, 1]
    return front_of(part(networks.plans, k), part(networks.statistics, k), networks.waves[k], place, rows)


@compiled
def _join(x: Any, codes: Any, weights: Any, tables: Any, scales: int, front: Front, raw: Any, joined: Any) -> None:
    """Write the joined inputs of a mini-batch to `raw`, and times their factors to `joined`, which may be the same."""
    if front.plan.shape[0] > 0:
        encode(x, weights, front, raw)
    else:
        copy(x, raw)
    embed(codes, vector(weights, scales, weights.shape[0] - scales), tables, raw.shape[1] - _embedded(tables), raw)
    if scales > 0:
        scale(raw, vector(weights, 0, scales), joined)


@compiled
def _embedded(tables: Any) -> int:
    """Numbers of all embeddings of one example."""
    columns = 0
    for t in range(tables.shape[0]):
        columns += tables[t, 1]
    return columns


@compiled
def train_epoch(
    inputs: Any, ys: Any, networks: Any, settings: Any, state: Any, learning_rates: Any, draws: Any, costs: Any
) -> None:
    """Train each living member for one pass over the examples, in the order in which they come.

    A member whose cost is not finite, or above its limit, is marked dead and left as it is.

    Args:
        inputs: see `Inputs`, in the epoch's order.
        ys: targets in the precision of x, shape (transforms, rows), or (transforms, rows · values) of several values.
        networks: see `Networks`.
        settings: a row of `SETTINGS` for each member.
        state: see `State`, changed in place.
        learning_rates: `Parts`: of each member one for the epoch, or one for each step of it.
        draws: see `Draws`.
        costs: receives the mean cost over the epoch, penalty included, shape (members,).
    """
    x, codes, loss = inputs.x, inputs.codes, networks.loss
    steps, active, stream = state.steps, state.active, draws.dropout
    rows = x.shape[0]
    number = x.dtype.type
    for k in range(costs.shape[0]):
        if not active[k]:
            costs[k] = np.nan
            continue
        y = ys[networks.targets[k]]
        setting, limit, input_rate = settings[k], state.limits[k], networks.dropout[k, 0]
        batch = min(setting.batch_size, rows)
        joins = joins_last_row(networks.normalisations[k], batch)
        most = min(batch + joins, rows)
        w, m, blocks = part(state.weights, k), part(state.moments, k), part(networks.matrices, k)
        net = _network(networks, k, part(state.running, k), most, networks.momenta[k])
        widths, ahead, tables = net.widths, net.ahead, networks.tables[k]
        front, scales = _front(networks, k, most), networks.scales[k]
        joins_inputs = ahead > 0 or front.plan.shape[0] > 0
        alphas = part(learning_rates, k)
        l1, l2, smoothing = number(setting.l1), number(setting.l2), number(setting.label_smoothing)
        weights_of = factors(draws.examples, setting.gradient_noise)
        labels = relabel(loss, y, draws.chance, draws.others, setting.label_noise)
        targets = labels if labels.shape[0] > 0 else y
        values = targets.shape[0] // rows
        used, kept = w, w[:0]
        if setting.dropconnect > 0:
            used, kept = np.empty_like(w), np.empty_like(w)
        g = np.empty_like(w)
        every_joined = np.empty((most if joins_inputs or input_rate > 0 else 0, widths[0]), x.dtype)
        every_mask = np.empty((most if input_rate > 0 else 0, widths[0]), x.dtype)
        every_error = np.empty_like(every_joined)
        # Beside what factors or dropout make of the inputs, which they need as they were.
        kept_apart = scales > 0 or (input_rate > 0 and front.waves[0] > 0)
        every_raw = np.empty((most if kept_apart else 0, widths[0]), x.dtype)
        total = 0.0
        end = 0
        while end < rows:
            begin = end
            end = min(begin + batch, rows)
            if joins and end == rows - 1:
                end = rows
            size = end - begin
            if setting.dropconnect > 0:
                connect(w, used, kept, blocks[tables.shape[0] :], setting.dropconnect, draws.dropconnect, begin)
            joined = x[begin:end]
            raw = joined
            if joins_inputs:
                joined = every_joined[:size]
                raw = every_raw[:size] if kept_apart else joined
                _join(x[begin:end], codes[begin:end], used, tables, scales, front, raw, joined)
                if kept_apart and scales == 0:
                    copy(raw, joined)
            elif input_rate > 0:
                joined = every_joined[:size]
                copy(x[begin:end], joined)
            if input_rate > 0:
                mask = every_mask[:size]
                fill(mask, 1)
                drop(joined, mask, input_rate, stream_of_layer(stream, INPUTS), begin)
            out = forward(joined, used, net, stream, begin, True)
            outputs = widths[-1]
            z = matrix(net.a, out, size, outputs)
            bias = vector(w, w.shape[0] - outputs, outputs)
            own = vector(targets, begin * values, size * values)
            cost = loss_and_error(loss, networks.parameter, z, bias, own, inputs.weights[begin:end], smoothing) / size
            weigh(z, weights_of[begin:end])
            error = every_error[:size]
            backward(joined, used, g, net, out, error, ahead > 0)
            if ahead > 0:
                for i in range(ahead):
                    g[i] = 0
                if input_rate > 0:
                    multiply(error, every_mask[:size])
                if scales > 0:
                    rescale(error, raw, vector(w, 0, scales), vector(g, 0, scales))
                of_tables = vector(g, scales, g.shape[0] - scales)
                scatter(error, codes[begin:end], widths[0] - _embedded(tables), tables, of_tables)
                if front.waves[0] > 0:
                    encode_backward(x[begin:end], used, g, front, raw, error)
            if setting.dropconnect > 0:
                for i in range(g.shape[0]):
                    g[i] *= kept[i]
            if setting.l1 > 0 or setting.l2 > 0:
                cost += penalise(w, g, blocks, l1, l2)
            total += cost * size
            if not cost <= limit:
                active[k] = False
                break
            steps[k] += 1
            alpha = alphas[min(begin // batch, alphas.shape[0] - 1)]
            update(w, g, m, blocks, setting, alpha, steps[k])
        costs[k] = total / rows


@compiled
def evaluate(inputs: Any, networks: Any, state: Any, outputs: Any) -> None:
    """Write the raw outputs of every living member, shape (members, rows, outputs), as in evaluation.

    The other arguments are those of `train_epoch`; a dead member's outputs are NaN.
    """
    x, codes = inputs.x, inputs.codes
    rows = x.shape[0]
    for k in range(outputs.shape[0]):
        if not state.active[k]:
            for i in range(rows):
                for j in range(outputs.shape[2]):
                    outputs[k, i, j] = np.nan
            continue
        w = part(state.weights, k)
        net = _network(networks, k, part(state.running, k), BLOCK, networks.momenta[k])
        units = net.widths[-1]
        front, scales = _front(networks, k, BLOCK), networks.scales[k]
        joins_inputs = net.ahead > 0 or front.plan.shape[0] > 0
        every_joined = np.empty((BLOCK if joins_inputs else 0, net.widths[0]), x.dtype)
        bias = vector(w, w.shape[0] - units, units)
        for begin in range(0, rows, BLOCK):
            end = min(begin + BLOCK, rows)
            joined = x[begin:end]
            if joins_inputs:
                joined = every_joined[: end - begin]
                _join(x[begin:end], codes[begin:end], w, networks.tables[k], scales, front, joined, joined)
            out = forward(joined, w, net, np.uint64(0), 0, False)
            for i in range(end - begin):
                for j in range(units):
                    outputs[k, begin + i, j] = net.a[out + i * units + j] + bias[j]
