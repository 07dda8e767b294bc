"""Normalisation over the mini-batch, and over groups of an example's own numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ikura.population.program.operations.frame import ROWS, TRAINING, line, opened, span

__all__ = ["batch_backward", "batch_forward", "group_backward", "group_forward"]

# Fields of batch normalisation: x, y, normalised x, (mean, 1/deviation) of each channel, γ (-1: none), β, running mean,
# running variance, number of mini-batches (-1: none), tables of a row, channels, positions, error of x, gradient of γ,
# gradient of β. Numbers: ε, share of a mini-batch in the running statistics (below 0: the mean of all).


def batch_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = γ (x - μ) / √(σ² + ε) + β, of the mini-batch in training, of the running statistics in evaluation."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    tables, channels, positions = f.now[ROWS] * f.op[9], f.op[10], f.op[11]
    count = tables * channels * positions
    below, y = line(a, span(f.now, f.op[0]), count), line(a, span(f.now, f.op[1]), count)
    hat, own = line(a, span(f.now, f.op[2]), count), line(a, span(f.now, f.op[3]), 2 * channels)
    mean, variance = np.zeros(channels), np.zeros(channels)
    running, spread = line(s, f.op[6], channels), line(s, f.op[7], channels)
    if f.now[TRAINING] == 0:
        for j in range(channels):
            mean[j], variance[j] = running[j], spread[j]
    else:
        each = tables * positions
        if positions == 1:
            for i in range(tables):
                for j in range(channels):
                    mean[j] += below[i * channels + j]
            for j in range(channels):
                mean[j] /= each
            for i in range(tables):
                for j in range(channels):
                    v = below[i * channels + j] - mean[j]
                    variance[j] += v * v
        else:
            for i in range(tables):
                for j in range(channels):
                    begin, total = (i * channels + j) * positions, 0.0
                    for k in range(positions):
                        total += below[begin + k]
                    mean[j] += total
            for j in range(channels):
                mean[j] /= each
            for i in range(tables):
                for j in range(channels):
                    begin, total, middle = (i * channels + j) * positions, 0.0, mean[j]
                    for k in range(positions):
                        v = below[begin + k] - middle
                        total += v * v
                    variance[j] += total
        share = f.numbers[1]
        if f.op[8] >= 0:
            seen = line(s, f.op[8], 1)
            seen[0] += 1
            if share < 0:
                share = 1.0 / seen[0]
        for j in range(channels):
            unbiased = variance[j] / max(each - 1, 1)
            variance[j] /= each
            running[j] = (1 - share) * running[j] + share * mean[j]
            spread[j] = (1 - share) * spread[j] + share * unbiased
    for j in range(channels):
        own[j], own[channels + j] = mean[j], 1 / math.sqrt(variance[j] + f.numbers[0])
    gamma, beta = line(w, max(f.op[4], 0), channels), line(w, max(f.op[5], 0), channels)
    scaled, shifted = f.op[4] >= 0, f.op[5] >= 0
    if positions == 1:
        for i in range(tables):
            for j in range(channels):
                at = i * channels + j
                hat[at] = (below[at] - own[j]) * own[channels + j]
                v = hat[at] * gamma[j] if scaled else hat[at]
                y[at] = v + beta[j] if shifted else v
    else:
        for i in range(tables):
            for j in range(channels):
                begin, middle, factor = (i * channels + j) * positions, own[j], own[channels + j]
                p = gamma[j] if scaled else factor / factor
                q = beta[j] if shifted else middle - middle
                for k in range(begin, begin + positions):
                    hat[k] = (below[k] - middle) * factor
                    y[k] = hat[k] * p + q


def batch_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂x = γ/σ (e - mean(e) - x̂ mean(e x̂)), ∂γ = Σ e x̂, ∂β = Σ e."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    tables, channels, positions = f.now[ROWS] * f.op[9], f.op[10], f.op[11]
    count = tables * channels * positions
    error, passed = line(d, span(f.now, f.op[1]), count), line(d, span(f.now, f.op[0]), count)
    hat, own = line(a, span(f.now, f.op[2]), count), line(a, span(f.now, f.op[3]), 2 * channels)
    first, second = np.zeros(channels), np.zeros(channels)
    if positions == 1:
        for i in range(tables):
            for j in range(channels):
                first[j] += error[i * channels + j]
                second[j] += error[i * channels + j] * hat[i * channels + j]
    else:
        for i in range(tables):
            for j in range(channels):
                begin = (i * channels + j) * positions
                p, q = 0.0, 0.0
                for k in range(begin, begin + positions):
                    p += error[k]
                    q += error[k] * hat[k]
                first[j] += p
                second[j] += q
    if f.op[4] >= 0 and f.op[13] >= 0:
        slope = line(g, f.op[4], channels)
        for j in range(channels):
            slope[j] += second[j]
    if f.op[5] >= 0 and f.op[14] >= 0:
        slope = line(g, f.op[5], channels)
        for j in range(channels):
            slope[j] += first[j]
    if f.op[12] < 0:
        return
    gamma, scaled, each, add = line(w, max(f.op[4], 0), channels), f.op[4] >= 0, tables * positions, f.op[12] == 1
    for i in range(tables):
        for j in range(channels):
            begin = (i * channels + j) * positions
            factor = own[channels + j] * gamma[j] if scaled else own[channels + j]
            one = factor / factor
            p, q = one * (first[j] / each), one * (second[j] / each)
            for k in range(begin, begin + positions):
                v = factor * (error[k] - p - hat[k] * q)
                passed[k] = passed[k] + v if add else v


# Fields of normalisation by groups: rows, x, y, normalised x, 1/deviation of each group, γ (-1: none), β, groups of a
# row, numbers of a group, numbers that share one γ, length of γ, whether the mean is left (1), error of x, gradient of
# γ, gradient of β. Number: ε.


def group_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = γ (x - μ) / √(σ² + ε) + β, of the numbers of each group; or y = γ x / √(mean x² + ε)."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    groups, size, shared, length = (f.now[ROWS] if f.op[0] else 1) * f.op[7], f.op[8], f.op[9], f.op[10]
    count = groups * size
    below, y = line(a, span(f.now, f.op[1]), count), line(a, span(f.now, f.op[2]), count)
    hat, inverse = line(a, span(f.now, f.op[3]), count), line(a, span(f.now, f.op[4]), groups)
    gamma, beta = line(w, max(f.op[5], 0), length), line(w, max(f.op[6], 0), length)
    scaled, shifted, cycle = f.op[5] >= 0, f.op[6] >= 0, length * shared
    for i in range(groups):
        begin, mean, total = i * size, 0.0, 0.0
        if f.op[11] == 0:
            for k in range(begin, begin + size):
                mean += below[k]
            mean /= size
        middle = below[begin] - below[begin] + mean
        for k in range(begin, begin + size):
            v = below[k] - mean
            total += v * v
        inverse[i] = 1 / math.sqrt(total / size + f.numbers[0])
        factor, base = inverse[i], begin % cycle
        if shared == 1 and base == 0:
            for k in range(size):
                hat[begin + k] = (below[begin + k] - middle) * factor
                v = hat[begin + k] * gamma[k] if scaled else hat[begin + k]
                y[begin + k] = v + beta[k] if shifted else v
        else:
            for k in range(size):
                hat[begin + k] = (below[begin + k] - middle) * factor
                at = (base + k) // shared
                v = hat[begin + k] * gamma[at] if scaled else hat[begin + k]
                y[begin + k] = v + beta[at] if shifted else v


def group_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """As of batch normalisation, with the statistics of each group."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    groups, size, shared, length = (f.now[ROWS] if f.op[0] else 1) * f.op[7], f.op[8], f.op[9], f.op[10]
    count = groups * size
    error, passed = line(d, span(f.now, f.op[2]), count), line(d, span(f.now, f.op[1]), count)
    hat, inverse = line(a, span(f.now, f.op[3]), count), line(a, span(f.now, f.op[4]), groups)
    gamma, slope = line(w, max(f.op[5], 0), length), line(g, max(f.op[5], 0), length)
    bias = line(g, max(f.op[6], 0), length)
    scaled, cycle = f.op[5] >= 0, length * shared
    learns, shifts, wanted, add = scaled and f.op[13] >= 0, f.op[6] >= 0 and f.op[14] >= 0, f.op[12] >= 0, f.op[12] == 1
    for i in range(groups):
        begin, p, q = i * size, 0.0, 0.0
        base = begin % cycle
        for k in range(size):
            at = (base + k) // shared
            e = error[begin + k]
            if learns:
                slope[at] += e * hat[begin + k]
            if shifts:
                bias[at] += e
            if scaled:
                e *= gamma[at]
            p += e
            q += e * hat[begin + k]
        if not wanted:
            continue
        p, q, factor = (0.0 if f.op[11] else p / size), q / size, inverse[i]
        for k in range(size):
            e = error[begin + k]
            if scaled:
                e *= gamma[(base + k) // shared]
            v = factor * (e - p - hat[begin + k] * q)
            passed[begin + k] = passed[begin + k] + v if add else v
