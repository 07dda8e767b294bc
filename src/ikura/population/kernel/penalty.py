"""What the kernel does to weights beside the update rule: penalties, clipping, weight decay, bounded norms.

Weights come as matrices within a member's flat vector, (place, rows, columns) each; what lies between them are biases.
"""

from __future__ import annotations

import math
from typing import Any

from ikura.population.kernel._compile import compiled
from ikura.population.kernel.views import vector

__all__ = ["bound_norms", "clip_norm", "clip_value", "decay", "penalise", "stop_at_zero"]


@compiled
def penalise(w: Any, g: Any, matrices: Any, l1: Any, l2: Any) -> float:
    """Add λ1 sign(w) + λ2 w to the gradient and return the cost λ1 Σ |w| + λ2/2 Σ w²; l1, l2 in the precision of w.

    Where w = 0 the gradient g becomes the smallest of g + [-λ1, λ1]: nothing where |g| <= λ1.
    """
    zero = w.dtype.type(0)
    cost = 0.0
    for i in range(matrices.shape[0]):
        begin, size = matrices[i, 0], matrices[i, 1] * matrices[i, 2]
        a, b = vector(w, begin, size), vector(g, begin, size)
        if l2 > 0:
            total = zero
            for j in range(a.shape[0]):
                b[j] += l2 * a[j]
                total += a[j] * a[j]
            cost += 0.5 * l2 * total
        if l1 > 0:
            total = zero
            for j in range(a.shape[0]):
                if a[j] == zero:
                    b[j] = zero if abs(b[j]) <= l1 else (b[j] - l1 if b[j] > zero else b[j] + l1)
                else:
                    b[j] += l1 if a[j] > zero else -l1
                total += abs(a[j])
            cost += l1 * total
    return cost


@compiled
def clip_value(g: Any, limit: Any) -> None:
    """Bring every component into [-limit, limit], as `torch.nn.utils.clip_grad_value_`; NaN stays NaN."""
    for i in range(g.shape[0]):
        v = g[i]
        g[i] = limit if v > limit else (-limit if v < -limit else v)


@compiled
def clip_norm(g: Any, limit: float) -> None:
    """Scale the gradient by min(1, limit / (‖g‖ + 1e-6)), as `torch.nn.utils.clip_grad_norm_`."""
    total = 0.0
    for i in range(g.shape[0]):
        v = float(g[i])
        total += v * v
    share = limit / (math.sqrt(total) + 1e-6)
    if not share >= 1.0:
        scale = g.dtype.type(share)
        for i in range(g.shape[0]):
            g[i] *= scale


@compiled
def decay(w: Any, matrices: Any, share: Any) -> None:
    """Multiply all weights, but no biases, by a share in the precision of w."""
    for i in range(matrices.shape[0]):
        a = vector(w, matrices[i, 0], matrices[i, 1] * matrices[i, 2])
        for j in range(a.shape[0]):
            a[j] *= share


@compiled
def stop_at_zero(w: Any, old: Any, g: Any, matrices: Any, reach: Any) -> None:
    """Let no update of weights with an l1 penalty pass zero: see `ikura.population.stacked_update.stopped_at_zero`.

    Args:
        w, old: weights after and before the update rule, shape (weights,); w is changed in place.
        g: gradient that the rule was given, the same shape.
        matrices: (place, rows, columns) of the weights that are penalised.
        reach: how far beyond zero a weight is brought back to it, in the precision of w; ∞ for any distance.
    """
    zero = w.dtype.type(0)
    for i in range(matrices.shape[0]):
        begin = matrices[i, 0]
        for j in range(begin, begin + matrices[i, 1] * matrices[i, 2]):
            if old[j] > zero and w[j] < zero:
                w[j] = min(w[j] + reach, zero)
            elif old[j] < zero and w[j] > zero:
                w[j] = max(w[j] - reach, zero)
            elif old[j] == zero and ((w[j] >= zero and g[j] >= zero) or (w[j] <= zero and g[j] <= zero)):
                w[j] = zero


@compiled
def bound_norms(w: Any, matrices: Any, limit: float) -> None:
    """Shrink every row of the weights whose norm is above the limit to the limit."""
    for i in range(matrices.shape[0]):
        begin, columns = matrices[i, 0], matrices[i, 2]
        for _ in range(matrices[i, 1]):
            row = vector(w, begin, columns)
            total = 0.0
            for j in range(columns):
                v = float(row[j])
                total += v * v
            if total > limit * limit:
                scale = w.dtype.type(limit / math.sqrt(total))
                for j in range(columns):
                    row[j] *= scale
            begin += columns
