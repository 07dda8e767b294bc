"""What lies between the examples and the first layer: encoded numeric columns, embeddings, factors on all of them.

A plan has a row (kind, place, begin, count) for each column of x: its numbers stand from `place` on among the joined
inputs, its statistics from `begin` on; for learnt waves `count` is the place of the column among the encoded ones. A
plan without rows leaves x as it is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ikura.nn.encoding import CLIP, NumericEncoding
from ikura.population.kernel._compile import compiled
from ikura.population.kernel.matrix_product import matrix_product
from ikura.population.kernel.views import matrix, vector

__all__ = ["Front", "encode", "encode_backward", "front_of", "plan_of", "waves_of"]

AS_IS, ROBUST, QUANTILE, PIECEWISE_LINEAR, PERIODIC, PBLD = range(6)
CODES = {
    "robust": ROBUST,
    "quantile": QUANTILE,
    "piecewise_linear": PIECEWISE_LINEAR,
    "periodic": PERIODIC,
    "pbld": PBLD,
}


def plan_of(encoding: NumericEncoding | None) -> tuple[np.ndarray, np.ndarray]:
    """Make an encoding's plan, shape (columns of x, 4), and its statistics: what the layers of PyTorch have as buffers.

    Statistics are, of each column: m and s (robust, pbld); n quantiles, n scores, n - 1 slopes (quantile); n + 1 edges
    and n inverse widths (piecewise_linear).
    """
    if encoding is None:
        return np.zeros((0, 4), np.int64), np.zeros(0)
    plan, statistics, begin = np.zeros((encoding.inputs, 4), np.int64), [np.zeros(0)], 0
    plan[list(encoding.others), 1] = np.arange(len(encoding.others))
    place = len(encoding.others)
    for number, (column, given, size) in enumerate(
        zip(encoding.columns, encoding.numbers, encoding.sizes, strict=True)
    ):
        own, count = np.array(given), number if encoding.learns else size
        if encoding.kind == "piecewise_linear":
            own = np.concatenate([own, 1 / np.diff(own)])
        elif encoding.kind == "quantile":
            count = len(own) // 2
            own = np.concatenate([own, np.diff(own[count:]) / np.diff(own[:count])])
        plan[column] = CODES[encoding.kind], place, begin, count
        statistics.append(own)
        place, begin = place + size, begin + len(own)
    return plan, np.concatenate(statistics)


def waves_of(encoding: NumericEncoding | None) -> tuple[int, int, int, int]:
    """Read what `Networks.waves` has of an encoding."""
    if encoding is None or not encoding.learns:
        return 0, 0, 0, 0
    return len(encoding.columns), encoding.frequencies, encoding.mixed, int(encoding.kind == "pbld")


class Front(NamedTuple):
    """What one member encodes with, and its buffers for so many rows.

    Attributes:
        plan, statistics: see this module.
        waves: see `Networks.waves`.
        place: where the weights of waves begin.
        rows: for how many rows the buffers are.
        values: waves of each column, one column after another, each of shape (rows, waves).
        beside: sines of PBLD, which its waves are not, in the same way.
        mixed: numbers of each column before their place among the inputs, then their errors.
        errors: of the waves, for one column.
    """

    plan: Any
    statistics: Any
    waves: Any
    place: Any
    rows: Any
    values: Any
    beside: Any
    mixed: Any
    errors: Any


@compiled
def front_of(plan: Any, statistics: Any, waves: Any, place: int, rows: int) -> Front:
    """Make one member's buffers; none where nothing is learnt."""
    columns, frequencies, numbers, dense = waves[0], waves[1], waves[2], waves[3]
    width = frequencies if dense else 2 * frequencies
    cells = columns * rows
    return Front(
        plan,
        statistics,
        waves,
        place,
        rows,
        np.empty(cells * width, statistics.dtype),
        np.empty(cells * frequencies * dense, statistics.dtype),
        np.empty(cells * numbers, statistics.dtype),
        np.empty((rows if columns > 0 else 0) * width, statistics.dtype),
    )


@compiled
def _interval(statistics: Any, begin: int, count: int, value: Any) -> int:
    """Find the last of `count` ascending numbers from `begin` on that is not above the value, the very last aside."""
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) // 2
        if statistics[begin + middle] <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def _robust(statistics: Any, begin: int, value: Any) -> Any:
    one = statistics.dtype.type(1)
    z = (value - statistics[begin]) * statistics[begin + 1]
    share = z / statistics.dtype.type(CLIP)
    return z / math.sqrt(one + share * share)


@compiled
def _ramps(statistics: Any, begin: int, bins: int, value: Any, out: Any) -> None:
    zero, one = statistics.dtype.type(0), statistics.dtype.type(1)
    within = _interval(statistics, begin, bins + 1, value)
    for t in range(bins):
        out[t] = one if t < within else zero
    share = (value - statistics[begin + within]) * statistics[begin + bins + 1 + within]
    if within > 0:
        share = max(share, zero)
    if within < bins - 1:
        share = min(share, one)
    out[within] = share


@compiled
def _score(statistics: Any, begin: int, count: int, value: Any) -> Any:
    last = begin + count - 1
    if value <= statistics[begin]:
        return statistics[begin + count]
    if value >= statistics[last]:
        return statistics[last + count]
    within = _interval(statistics, begin, count, value)
    step = value - statistics[begin + within]
    return statistics[begin + count + within] + step * statistics[begin + 2 * count + within]


@compiled
def _wave(turns: float) -> Any:
    """Sine and cosine of 2π · turns, by their series after taking half turns off: within 1e-13 of the true ones."""
    halves = np.floor(2 * turns + 0.5)
    angle = math.pi * (2 * turns - halves)
    sign = 1 - 2 * (halves - 2 * np.floor(halves / 2))
    q = angle * angle
    s = 1 + q * (
        -1 / 6
        + q
        * (
            1 / 120
            + q
            * (
                -1 / 5040
                + q
                * (
                    1 / 362880
                    + q
                    * (
                        -1 / 39916800
                        + q
                        * (
                            1 / 6227020800
                            + q * (-1 / 1307674368000 + q * (1 / 355687428096000 - q / 121645100408832000))
                        )
                    )
                )
            )
        )
    )
    c = 1 + q * (
        -1 / 2
        + q
        * (
            1 / 24
            + q
            * (
                -1 / 720
                + q
                * (
                    1 / 40320
                    + q
                    * (
                        -1 / 3628800
                        + q * (1 / 479001600 + q * (-1 / 87178291200 + q * (1 / 20922789888000 - q / 6402373705728000)))
                    )
                )
            )
        )
    )
    return sign * angle * s, sign * c  # fmt: skip


@compiled
def _waves_of_column(x: Any, column: int, row: Any, weights: Any, front: Front, joined: Any) -> None:
    """Write one column's waves to `front.values`, and their mixture to the joined inputs."""
    columns, frequencies, numbers, dense = front.waves[0], front.waves[1], front.waves[2], front.waves[3]
    rows, place, number = x.shape[0], row[1], row[3]
    width = frequencies if dense else 2 * frequencies
    zero = x.dtype.type(0)
    own = front.place + number * frequencies
    values = matrix(front.values, number * front.rows * width, rows, width)
    beside = vector(front.beside, number * front.rows * frequencies * dense, rows * frequencies * dense)
    for i in range(rows):
        value = x[i, column]
        if dense:
            value = _robust(front.statistics, row[2], value)
            joined[i, place] = value
            for f in range(frequencies):
                phase = weights[own + columns * frequencies + f] / (2 * math.pi)
                s, c = _wave(np.float64(value) * weights[own + f] + phase)
                values[i, f] = c
                beside[i * frequencies + f] = s
        else:
            for f in range(frequencies):
                s, c = _wave(np.float64(value) * weights[own + f])
                values[i, f] = s
                values[i, frequencies + f] = c
    first = front.place + (1 + dense) * columns * frequencies
    begin = first + number * numbers * width
    into = matrix(weights, begin, numbers, width)
    bias = first + columns * numbers * width + number * numbers
    mixed = matrix(front.mixed, number * front.rows * numbers, rows, numbers)
    matrix_product(values, into.T, mixed)
    for i in range(rows):
        for n in range(numbers):
            sum_of_waves = mixed[i, n] + weights[bias + n]
            joined[i, place + dense + n] = sum_of_waves if dense else max(sum_of_waves, zero)


@compiled
def encode(x: Any, weights: Any, front: Front, joined: Any) -> None:
    """Write the encoded columns of a mini-batch, shape (rows, columns), to the first columns of `joined`."""
    plan, statistics = front.plan, front.statistics
    for j in range(plan.shape[0]):
        kind, place, begin, count = plan[j, 0], plan[j, 1], plan[j, 2], plan[j, 3]
        if kind >= PERIODIC:
            _waves_of_column(x, j, plan[j], weights, front, joined)
            continue
        for i in range(x.shape[0]):
            if kind == AS_IS:
                joined[i, place] = x[i, j]
            elif kind == ROBUST:
                joined[i, place] = _robust(statistics, begin, x[i, j])
            elif kind == QUANTILE:
                joined[i, place] = _score(statistics, begin, count, x[i, j])
            else:
                _ramps(statistics, begin, count, x[i, j], joined[i, place : place + count])


@compiled
def encode_backward(x: Any, weights: Any, gradient: Any, front: Front, joined: Any, error: Any) -> None:
    """Write the gradients of learnt waves, given the error of the encoded columns and what `encode` wrote."""
    plan = front.plan
    columns, frequencies, numbers, dense = front.waves[0], front.waves[1], front.waves[2], front.waves[3]
    rows = x.shape[0]
    width = frequencies if dense else 2 * frequencies
    zero, whole = x.dtype.type(0), x.dtype.type(2 * math.pi)
    first = front.place + (1 + dense) * columns * frequencies
    for j in range(plan.shape[0]):
        if plan[j, 0] < PERIODIC:
            continue
        place, number = plan[j, 1], plan[j, 3]
        values = matrix(front.values, number * front.rows * width, rows, width)
        beside = vector(front.beside, number * front.rows * frequencies * dense, rows * frequencies * dense)
        own = matrix(front.mixed, number * front.rows * numbers, rows, numbers)
        bias = first + columns * numbers * width + number * numbers
        for n in range(numbers):
            gradient[bias + n] = zero
        for i in range(rows):
            for n in range(numbers):
                there = place + dense + n
                own[i, n] = error[i, there] if dense or joined[i, there] > zero else zero
                gradient[bias + n] += own[i, n]
        begin = first + number * numbers * width
        into = matrix(weights, begin, numbers, width)
        slope = matrix(gradient, begin, numbers, width)
        matrix_product(own.T, values, slope)
        back = matrix(front.errors, 0, rows, width)
        matrix_product(own, into, back)
        of_frequency = front.place + number * frequencies
        of_phase = of_frequency + columns * frequencies
        for f in range(frequencies):
            gradient[of_frequency + f] = zero
            if dense:
                gradient[of_phase + f] = zero
        for i in range(rows):
            value = x[i, j]
            if dense:
                value = _robust(front.statistics, plan[j, 2], value)
                for f in range(frequencies):
                    turned = -back[i, f] * beside[i * frequencies + f]
                    gradient[of_phase + f] += turned
                    gradient[of_frequency + f] += whole * value * turned
            else:
                for f in range(frequencies):
                    turned = back[i, f] * values[i, frequencies + f] - back[i, frequencies + f] * values[i, f]
                    gradient[of_frequency + f] += whole * value * turned
