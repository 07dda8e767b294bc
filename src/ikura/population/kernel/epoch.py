"""One epoch of every member of a tile, and its evaluation, without returning to Python in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.dropout import INPUTS, connect, drop, stream_of_layer
from ikura.population.kernel.loss import factors, loss_and_error, relabel, weigh
from ikura.population.kernel.network import Network, backward, forward, gather, scatter
from ikura.population.kernel.normalisation import joins_last_row, prepare
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.records import part
from ikura.population.kernel.update import update

__all__ = ["BLOCK", "evaluate", "train_epoch"]

BLOCK = 256


@compiled
def _network(networks: Any, k: int, running: Any, rows: int, momentum: Any) -> Network:
    """One member's network, with buffers for as many rows, in the precision of the running statistics."""
    embedded = 0
    for t in range(networks.tables.shape[0]):
        embedded += networks.tables[t, 0] * networks.tables[t, 1]
    widths = networks.widths[k, : networks.depths[k] + 2]
    cells = 0
    for layer in range(1, widths.shape[0]):
        cells += rows * widths[layer]
    normal = prepare(networks.normalisations[k], networks.ghost_sizes[k], momentum, running, cells, widths)
    a, d = np.empty(cells, running.dtype), np.empty(cells, running.dtype)
    return Network(embedded, widths, networks.activations[k], normal, networks.dropout[k, 1:], a, d)


@compiled
def train_epoch(
    inputs: Any, y: Any, networks: Any, settings: Any, state: Any, learning_rates: Any, draws: Any, costs: Any
) -> None:
    """Train each living member for one pass over the examples, in the order in which they come.

    A member whose cost is not finite, or above its limit, is marked dead and left as it is.

    Args:
        inputs: see `Inputs`, in the epoch's order.
        y: targets in the precision of x, shape (rows,).
        networks: see `Networks`.
        settings: a row of `SETTINGS` for each member.
        state: see `State`, changed in place.
        learning_rates: `Parts`: of each member one for the epoch, or one for each step of it.
        draws: see `Draws`.
        costs: receives the mean cost over the epoch, penalty included, shape (members,).
    """
    x, codes, tables, task = inputs.x, inputs.codes, networks.tables, networks.task
    steps, active, stream = state.steps, state.active, draws.dropout
    rows = x.shape[0]
    number = x.dtype.type
    for k in range(costs.shape[0]):
        if not active[k]:
            costs[k] = np.nan
            continue
        setting, limit, input_rate = settings[k], state.limits[k], networks.dropout[k, 0]
        batch = min(setting.batch_size, rows)
        joins = joins_last_row(networks.normalisations[k], batch)
        most = min(batch + joins, rows)
        w, m, blocks = part(state.weights, k), part(state.moments, k), part(networks.matrices, k)
        net = _network(networks, k, part(state.running, k), most, networks.momenta[k])
        embedded, widths = net.embedded, net.widths
        alphas = part(learning_rates, k)
        l1, l2, smoothing = number(setting.l1), number(setting.l2), number(setting.label_smoothing)
        weights_of = factors(draws.examples, setting.gradient_noise)
        labels = relabel(task, y, draws.chance, draws.others, setting.label_noise)
        used, kept = w, w[:0]
        if setting.dropconnect > 0:
            used, kept = np.empty_like(w), np.empty_like(w)
        g = np.empty_like(w)
        every_joined = np.empty((most if embedded > 0 or input_rate > 0 else 0, widths[0]), x.dtype)
        every_mask = np.empty((most if input_rate > 0 else 0, widths[0]), x.dtype)
        every_error = np.empty_like(every_joined)
        total = 0.0
        end = 0
        while end < rows:
            begin = end
            end = min(begin + batch, rows)
            if joins and end == rows - 1:
                end = rows
            size = end - begin
            if embedded > 0:
                joined = every_joined[:size]
                gather(x[begin:end], codes[begin:end], w, tables, joined)
            elif input_rate > 0:
                joined = every_joined[:size]
                joined[:] = x[begin:end]
            else:
                joined = x[begin:end]
            if input_rate > 0:
                every_mask[:] = 1
                drop(joined, every_mask[:size], input_rate, stream_of_layer(stream, INPUTS), begin)
            if setting.dropconnect > 0:
                connect(w, used, kept, blocks[tables.shape[0] :], setting.dropconnect, draws.dropconnect, begin)
            out = forward(joined, used, net, stream, begin, True)
            outputs = widths[-1]
            z = net.a[out : out + size * outputs].reshape(size, outputs)
            bias = w[w.shape[0] - outputs :]
            if labels.shape[0] > 0:
                cost = loss_and_error(task, z, bias, labels[begin:end], smoothing) / size
            else:
                cost = loss_and_error(task, z, bias, y[begin:end], smoothing) / size
            weigh(z, weights_of[begin:end])
            backward(joined, used, g, net, out, every_error[:size], embedded > 0)
            if embedded > 0:
                g[:embedded] = 0
                if input_rate > 0:
                    every_error[:size] *= every_mask[:size]
                scatter(every_error[:size], codes[begin:end], x.shape[1], tables, g)
            if setting.dropconnect > 0:
                g *= kept
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
            outputs[k] = np.nan
            continue
        w = part(state.weights, k)
        net = _network(networks, k, part(state.running, k), BLOCK, networks.momenta[k])
        units = net.widths[-1]
        every_joined = np.empty((BLOCK if net.embedded > 0 else 0, net.widths[0]), x.dtype)
        bias = w[w.shape[0] - units :]
        for begin in range(0, rows, BLOCK):
            end = min(begin + BLOCK, rows)
            if net.embedded > 0:
                joined = every_joined[: end - begin]
                gather(x[begin:end], codes[begin:end], w, networks.tables, joined)
            else:
                joined = x[begin:end]
            out = forward(joined, w, net, np.uint64(0), 0, False)
            for i in range(end - begin):
                for j in range(units):
                    outputs[k, begin + i, j] = net.a[out + i * units + j] + bias[j]
