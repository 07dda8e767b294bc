"""Update of the kernel: each rule of `ikura.population.update_rules` as one pass over a member's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ikura.population.kernel._compile import compiled, inlined
from ikura.population.kernel.numbers import (
    BETA1,
    BETA2,
    CLIP_NORM,
    CLIP_STEPS,
    CLIP_VALUE,
    EPSILON,
    L1,
    MAX_NORM,
    MOMENTUM,
    WEIGHT_DECAY,
)
from ikura.population.kernel.penalty import bound_norms, clip_norm, clip_value, decay, stop_at_zero
from ikura.population.update_rules import RULES, Coefficients

__all__ = ["apply_rule", "update"]


def _weights_pass(name: str) -> Callable[..., None]:
    one_weight = inlined(RULES[name].update)

    @inlined
    def none(w: Any, g: Any, moments: Any, c: Any) -> None:
        for i in range(w.shape[0]):
            (w[i],) = one_weight(w[i], g[i], c)

    @inlined
    def one(w: Any, g: Any, moments: Any, c: Any) -> None:
        first = moments[: w.shape[0]]
        for i in range(w.shape[0]):
            w[i], first[i] = one_weight(w[i], g[i], first[i], c)

    @inlined
    def two(w: Any, g: Any, moments: Any, c: Any) -> None:
        size = w.shape[0]
        first, second = moments[:size], moments[size : 2 * size]
        for i in range(size):
            w[i], first[i], second[i] = one_weight(w[i], g[i], first[i], second[i], c)

    @inlined
    def three(w: Any, g: Any, moments: Any, c: Any) -> None:
        size = w.shape[0]
        first, second, third = moments[:size], moments[size : 2 * size], moments[2 * size : 3 * size]
        for i in range(size):
            w[i], first[i], second[i], third[i] = one_weight(w[i], g[i], first[i], second[i], third[i], c)

    return (none, one, two, three)[RULES[name].moments]


_sgd, _momentum, _nesterov, _adagrad, _adadelta, _rmsprop, _smorms3, _adam = (
    _weights_pass(name) for name in ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "smorms3", "adam")
)


@compiled
def apply_rule(code: int, w: Any, g: Any, moments: Any, c: Any) -> None:
    """Update all weights of one member in place; w, g of shape (weights,), moments one after another, flat."""
    if code == 0:
        _sgd(w, g, moments, c)
    elif code == 1:
        _momentum(w, g, moments, c)
    elif code == 2:
        _nesterov(w, g, moments, c)
    elif code == 3:
        _adagrad(w, g, moments, c)
    elif code == 4:
        _adadelta(w, g, moments, c)
    elif code == 5:
        _rmsprop(w, g, moments, c)
    elif code == 6:
        _smorms3(w, g, moments, c)
    else:
        _adam(w, g, moments, c)


@compiled
def _move(code: int, w: Any, g: Any, moments: Any, numbers: Any, alpha: float, step: int) -> None:
    number = w.dtype.type
    beta1, beta2 = numbers[BETA1], numbers[BETA2]
    c = Coefficients(
        number(alpha),
        number(numbers[MOMENTUM]),
        number(beta1),
        number(1 - beta1),
        number(beta2),
        number(1 - beta2),
        number(numbers[EPSILON]),
        number(1 / (1 - beta1**step)),
        number(1 / np.sqrt(1 - beta2**step)),
        number(1),
    )
    apply_rule(code, w, g, moments, c)


@compiled
def update(
    code: int,
    w: Any,
    g: Any,
    moments: Any,
    matrices: Any,
    numbers: Any,
    alpha: float,
    step: int,
    pretrained: int = 0,
    share: float = 1.0,
) -> None:
    """Make one update of one member: clip the gradient, decay weights, apply the rule, stop at zero, bound the norms.

    Args:
        code: number of the update rule.
        w, g: weights and gradient, shape (weights,), changed in place.
        moments: of the rule, one after another, flat, changed in place; those of the pretrained weights come first.
        matrices: (place, rows, columns) of the weights that are no biases, in the order of their places.
        numbers: the member's `NUMBERS`.
        alpha: learning rate.
        step: 1, 2, …
        pretrained: how many of the first weights began in a pretrained network.
        share: factor on their learning rate.
    """
    number = w.dtype.type
    clips = numbers[CLIP_STEPS] == 0 or step <= numbers[CLIP_STEPS]
    if clips and numbers[CLIP_VALUE] > 0:
        clip_value(g, number(numbers[CLIP_VALUE]))
    if clips and numbers[CLIP_NORM] > 0:
        clip_norm(g, numbers[CLIP_NORM])
    first = 0
    while first < matrices.shape[0] and matrices[first, 0] < pretrained:
        first += 1
    if numbers[WEIGHT_DECAY] > 0:
        decay(w, matrices[:first], number(1 - alpha * share * numbers[WEIGHT_DECAY]))
        decay(w, matrices[first:], number(1 - alpha * numbers[WEIGHT_DECAY]))
    old = w[:0]
    if numbers[L1] > 0:
        old = w.copy()
    if pretrained > 0:
        place = moments.shape[0] // w.shape[0] * pretrained
        _move(code, w[:pretrained], g[:pretrained], moments[:place], numbers, alpha * share, step)
        _move(code, w[pretrained:], g[pretrained:], moments[place:], numbers, alpha, step)
    else:
        _move(code, w, g, moments, numbers, alpha, step)
    if numbers[L1] > 0:
        reach = 2 * alpha * numbers[L1] if code == 0 else np.inf
        stop_at_zero(w, old, g, matrices[:first], number(reach * share if code == 0 else reach))
        stop_at_zero(w, old, g, matrices[first:], number(reach))
    if numbers[MAX_NORM] > 0:
        bound_norms(w, matrices, numbers[MAX_NORM])
