"""Update of the kernel: each rule of `ikura.population.update_rules` as one pass over a member's weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numba.extending import overload

from ikura.population.kernel._compile import by_number, compiled
from ikura.population.kernel.penalty import bound_norms, clip_norm, clip_value, decay, stop_at_zero
from ikura.population.kernel.views import vector
from ikura.population.update_rules import RULES, Coefficients, Rule, lesser, sqrt

__all__ = ["apply_rule", "average", "one_of_rules", "update"]

SGD = RULES["sgd"].code


@overload(sqrt)
def _sqrt_in_kernel(x: Any) -> Callable[[Any], Any]:
    def root(x: Any) -> Any:
        return math.sqrt(x)

    return root


@overload(lesser)
def _lesser_in_kernel(a: Any, b: Any) -> Callable[[Any, Any], Any]:
    def least(a: Any, b: Any) -> Any:
        return a if a < b else b

    return least


def _weights_pass(rule: Rule) -> Callable[..., None]:
    one_weight = compiled(rule.update)

    @compiled
    def none(w: Any, g: Any, moments: Any, c: Any) -> None:
        for i in range(w.shape[0]):
            (w[i],) = one_weight(w[i], g[i], c)

    @compiled
    def one(w: Any, g: Any, moments: Any, c: Any) -> None:
        first = vector(moments, 0, w.shape[0])
        for i in range(w.shape[0]):
            w[i], first[i] = one_weight(w[i], g[i], first[i], c)

    @compiled
    def two(w: Any, g: Any, moments: Any, c: Any) -> None:
        size = w.shape[0]
        first, second = vector(moments, 0, size), vector(moments, size, size)
        for i in range(size):
            w[i], first[i], second[i] = one_weight(w[i], g[i], first[i], second[i], c)

    @compiled
    def three(w: Any, g: Any, moments: Any, c: Any) -> None:
        size = w.shape[0]
        first, second, third = vector(moments, 0, size), vector(moments, size, size), vector(moments, 2 * size, size)
        for i in range(size):
            w[i], first[i], second[i], third[i] = one_weight(w[i], g[i], first[i], second[i], third[i], c)

    return (none, one, two, three)[rule.moments]


def one_of_rules(rules: Iterable[Rule]) -> Callable[..., None]:
    """Make what chooses a rule's pass over the weights by its number; rules with one update share number and pass."""
    numbered = {rule.code: rule for rule in rules}
    return by_number([_weights_pass(numbered[code]) for code in range(len(numbered))], "update rule")


_pass_of = one_of_rules(RULES.values())


@compiled
def apply_rule(code: int, w: Any, g: Any, moments: Any, c: Any) -> None:
    """Update all weights of one member in place; w, g of shape (weights,), moments one after another, flat."""
    _pass_of(code, w, g, moments, c)


@compiled
def _move(w: Any, g: Any, moments: Any, setting: Any, alpha: float, step: int) -> None:
    number = w.dtype.type
    beta1, beta2 = setting.beta1, setting.beta2
    c = Coefficients(
        number(alpha),
        number(setting.momentum),
        number(beta1),
        number(1 - beta1),
        number(beta2),
        number(1 - beta2),
        number(setting.epsilon),
        number(1 / (1 - beta1**step)),
        number(1 / np.sqrt(1 - beta2**step)),
        number(1),
    )
    apply_rule(setting.optimizer, w, g, moments, c)


@compiled
def average(mean: Any, w: Any, decay: float, step: int) -> None:
    """Let a moving average follow the weights in place: a ← d a + (1 - d) w; the first update begins it with w."""
    share = w.dtype.type(1 - decay)
    for i in range(w.shape[0]):
        mean[i] = w[i] if step == 1 else mean[i] + share * (w[i] - mean[i])


@compiled
def update(w: Any, g: Any, moments: Any, matrices: Any, setting: Any, alpha: float, step: int) -> None:
    """Make one update of one member: clip the gradient, decay weights, apply the rule, stop at zero, bound the norms.

    Where weights are averaged their average follows.

    Args:
        w, g: weights and gradient, shape (weights,), changed in place.
        moments: of the rule, one after another, flat, changed in place; those of the first weights that have a learning
            rate of their own (pretrained ones, or factors on inputs) come first. The averaged weights, if there are
            any, are behind them.
        matrices: (place, rows, columns) of the weights that are no biases, in the order of their places.
        setting: the member's row of `SETTINGS`; pretrained is how many these are, pretrained_rate the factor on their
            learning rate.
        alpha: learning rate.
        step: 1, 2, …
    """
    number = w.dtype.type
    clips = setting.clip_steps == 0 or step <= setting.clip_steps
    if clips and setting.clip_value > 0:
        clip_value(g, number(setting.clip_value))
    if clips and setting.clip_norm > 0:
        clip_norm(g, setting.clip_norm)
    pretrained, share = setting.pretrained, setting.pretrained_rate
    first = 0
    while first < matrices.shape[0] and matrices[first, 0] < pretrained:
        first += 1
    # Twice round a loop and not two calls: each call is a copy of all rules in the machine code.
    for others in range(2 if setting.weight_decay > 0 else 0):
        rate = alpha if others else alpha * share
        decay(w, matrices[first:] if others else matrices[:first], number(1 - rate * setting.weight_decay))
    old = np.empty(w.shape[0] if setting.l1 > 0 else 0, w.dtype)
    for i in range(old.shape[0]):
        old[i] = w[i]
    averaged = 1 if setting.ema_decay > 0 else 0
    kept = moments.shape[0] // w.shape[0] - averaged
    for others in range(2):
        begin, count = (pretrained, w.shape[0] - pretrained) if others else (0, pretrained)
        if count > 0:
            own, of_own, kept_of_own = (
                vector(w, begin, count),
                vector(g, begin, count),
                vector(moments, kept * begin, kept * count),
            )
            _move(own, of_own, kept_of_own, setting, alpha if others else alpha * share, step)
    for others in range(2 if setting.l1 > 0 else 0):
        reach = np.inf
        if setting.optimizer == SGD:
            reach = 2 * alpha * setting.l1 if others else 2 * alpha * setting.l1 * share
        stop_at_zero(w, old, g, matrices[first:] if others else matrices[:first], number(reach))
    if setting.max_norm > 0:
        bound_norms(w, matrices, setting.max_norm)
    if averaged > 0:
        average(vector(moments, kept * w.shape[0], w.shape[0]), w, setting.ema_decay, step)
