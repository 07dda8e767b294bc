"""A program run: one member through some of an epoch's mini-batches, and in evaluation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.dropout import connect
from ikura.population.kernel.loss import loss_and_error, weigh
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.update import update
from ikura.population.kernel.views import copy, matrix
from ikura.population.program.operations.frame import BEGIN, CODES, FEATURES, MOST, ROWS, STREAM, TRAINING, UNITS, call

__all__ = [
    "BLOCK",
    "Code",
    "Memory",
    "Rows",
    "Weights",
    "backward",
    "evaluate",
    "forward",
    "make_memory",
    "memory_size",
    "train",
]

BLOCK = 256
LINE = 16
"""Numbers of a cache line in single precision."""


class Code(NamedTuple):
    """A program's operations.

    Attributes:
        fields, numbers: of each operation, shape (operations, FIELDS) and (operations, NUMBERS).
        forward, backward: where its code lies, uint64 of shape (operations,).
        units: numbers of all registers for each row.
        fixed: numbers of the registers that have no rows.
        out: where the outputs' register begins, in units of a row.
        outputs: numbers of a row of it.
    """

    fields: np.ndarray
    numbers: np.ndarray
    forward: np.ndarray
    backward: np.ndarray
    units: int
    fixed: int
    out: int
    outputs: int


class Memory(NamedTuple):
    """Registers: values, errors, and what is true of the mini-batch (see `frame`)."""

    a: Any
    d: Any
    now: Any


class Weights(NamedTuple):
    """What training changes of a member: weights, moments of its update rule, buffers."""

    w: Any
    moments: Any
    s: Any


class Rows(NamedTuple):
    """Some examples of an epoch in its order: float features, whole numbers, targets, factors on gradients, weights."""

    x: Any
    codes: Any
    y: Any
    factors: Any
    weights: Any


def memory_size(code: Code, rows: int) -> int:
    """Numbers that registers for mini-batches of at most so many rows take: their values, and behind them errors."""
    return 2 * _aligned(code.units * rows + code.fixed)


def _aligned(numbers: int) -> int:
    return -(-numbers // LINE) * LINE


def make_memory(code: Code, rows: int, features: int, codes: int, space: np.ndarray, training: bool) -> Memory:
    """Make registers for mini-batches of at most so many rows, in a vector of at least `memory_size` numbers.

    Errors that no operation writes are 0; values are written before they are read.
    """
    size = code.units * rows + code.fixed
    begin = _aligned(size)
    now = np.zeros(CODES + 1, np.int64)
    now[MOST], now[TRAINING], now[UNITS], now[FEATURES], now[CODES] = rows, training, code.units, features, codes
    a, d = space[:size], space[begin : begin + size * training]
    d[:] = 0
    return Memory(a, d, now)


@compiled
def forward(code: Code, memory: Memory, weights: Weights, g: Any, x: Any, codes: Any) -> None:
    """Compute the values of all registers from a mini-batch."""
    for i in range(code.fields.shape[0]):
        call(
            code.forward[i], code.fields[i], code.numbers[i], memory.now, memory.a, memory.d, weights.w, g, weights.s,
            x, codes,
        )  # fmt: skip


@compiled
def backward(code: Code, memory: Memory, weights: Weights, g: Any, x: Any, codes: Any) -> None:
    """Compute the errors of all registers and the gradient, from the error of the outputs."""
    for back in range(code.fields.shape[0]):
        i = code.fields.shape[0] - 1 - back
        call(
            code.backward[i], code.fields[i], code.numbers[i], memory.now, memory.a, memory.d, weights.w, g, weights.s,
            x, codes,
        )  # fmt: skip


@compiled
def train(
    code: Code, memory: Memory, weights: Weights, rows: Rows, first: int, batch: int, last: int, loss: Any,
    setting: Any, matrices: Any, alphas: Any, keys: Any, steps: int, limit: float,
) -> tuple[float, int]:  # fmt: skip
    """Train a member on these rows, mini-batch after mini-batch.

    Args:
        code, memory, weights, rows: see the records.
        first: place of the first row in the epoch; a multiple of the mini-batch size.
        batch: mini-batch size.
        last: number of rows of a last mini-batch that joins the one before.
        loss: see `KernelLoss`.
        setting: the member's row of `SETTINGS`.
        matrices: (place, rows, columns) of its weights that are no biases.
        alphas: learning rates, of the epoch or of each of its updates.
        keys: of dropout and DropConnect, uint64.
        steps: updates made so far.
        limit: cost above which the member counts as exploded.

    Returns:
        Cost summed over the rows, penalty included (not finite where it exploded), and updates made in all.
    """
    w, number = weights.w, weights.w.dtype.type
    l1, l2, smoothing = number(setting.l1), number(setting.l2), number(setting.label_smoothing)
    g = np.empty_like(w)
    used, kept = w, w[:0]
    if setting.dropconnect > 0:
        used, kept = np.empty_like(w), np.empty_like(w)
    no_bias = np.zeros(code.outputs, w.dtype)
    memory.now[TRAINING] = 1
    memory.now[STREAM] = np.int64(keys[0])
    count = rows.factors.shape[0]
    values = rows.y.shape[0] // count
    total, end = 0.0, 0
    while end < count:
        begin, end = end, min(end + batch, count)
        if count - end <= last:
            end = count
        size = end - begin
        memory.now[ROWS], memory.now[BEGIN] = size, first + begin
        if setting.dropconnect > 0:
            connect(w, used, kept, matrices, setting.dropconnect, keys[1], first + begin)
        g[:] = 0
        x, codes = rows.x[begin:end], rows.codes[begin:end]
        own = Weights(used, weights.moments, weights.s)
        forward(code, memory, own, g, x, codes)
        place = code.out * memory.now[MOST]
        error = matrix(memory.d, place, size, code.outputs)
        copy(matrix(memory.a, place, size, code.outputs), error)
        y = rows.y[begin * values : end * values]
        cost = loss_and_error(loss.code, loss.parameter, error, no_bias, y, rows.weights[begin:end], smoothing) / size
        weigh(error, rows.factors[begin:end])
        backward(code, memory, own, g, x, codes)
        if setting.dropconnect > 0:
            for i in range(g.shape[0]):
                g[i] *= kept[i]
        if setting.l1 > 0 or setting.l2 > 0:
            cost += penalise(w, g, matrices, l1, l2)
        total += cost * size
        if not cost <= limit:
            return np.nan, steps
        steps += 1
        alpha = alphas[min((first + begin) // batch, alphas.shape[0] - 1)]
        update(w, g, weights.moments, matrices, setting, alpha, steps)
    return total, steps


@compiled
def evaluate(code: Code, memory: Memory, weights: Weights, x: Any, codes: Any, out: Any) -> None:
    """Write a member's outputs in evaluation mode, shape (rows, outputs)."""
    memory.now[TRAINING] = 0
    for begin in range(0, out.shape[0], memory.now[MOST]):
        end = min(begin + memory.now[MOST], out.shape[0])
        size = end - begin
        memory.now[ROWS], memory.now[BEGIN] = size, begin
        forward(code, memory, weights, weights.w, x[begin:end], codes[begin:end])
        place = code.out * memory.now[MOST]
        copy(matrix(memory.a, place, size, code.outputs), out[begin:end])
