"""Update rules: how a gradient changes a weight.

A rule is written once, for a single weight and its gradient. The compiled kernel runs it weight by weight, the stacked
path runs the same function on tensors of shape (member, weight) with coefficients of shape (member, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt as scalar_sqrt
from typing import Any, NamedTuple

import torch
from numba.extending import overload

from ikura.errors import UsageError, nearest

__all__ = ["RULES", "Coefficients", "Rule", "coefficients", "rule"]


class Coefficients(NamedTuple):
    """One member's coefficients at one step; every number in the network's own precision.

    Attributes:
        learning_rate: α of this step.
        momentum: β of the momentum rule.
        beta1, rest1: β1 and 1 - β1.
        beta2, rest2: β2 and 1 - β2.
        epsilon: ε.
        correction1: 1 / (1 - β1^t).
        correction2: 1 / √(1 - β2^t).
    """

    learning_rate: Any
    momentum: Any
    beta1: Any
    rest1: Any
    beta2: Any
    rest2: Any
    epsilon: Any
    correction1: Any
    correction2: Any


def coefficients(
    learning_rate: float, momentum: float, beta1: float, beta2: float, epsilon: float, step: int
) -> Coefficients:
    """Compute the coefficients of step t = 1, 2, … in double precision.

    Example:
        >>> coefficients(0.1, 0.9, 0.9, 0.999, 1e-8, 1).correction1
        10.000000000000002
    """
    return Coefficients(
        learning_rate,
        momentum,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        epsilon,
        1 / (1 - beta1**step) if beta1 < 1 else 1.0,
        1 / scalar_sqrt(1 - beta2**step) if beta2 < 1 else 1.0,
    )


def sqrt(x: Any) -> Any:
    """Square root of a tensor; inside the compiled kernel, of a number."""
    return torch.sqrt(x)


@overload(sqrt)
def _sqrt_in_kernel(x: Any) -> Callable[[Any], Any]:
    def root(x: Any) -> Any:
        return scalar_sqrt(x)

    return root


def sgd(w: Any, g: Any, first: Any, second: Any, c: Coefficients) -> tuple[Any, Any, Any]:
    """Gradient descent: w ← w - α g."""
    return w - c.learning_rate * g, first, second


def momentum(w: Any, g: Any, first: Any, second: Any, c: Coefficients) -> tuple[Any, Any, Any]:
    """Momentum: v ← β v + g, w ← w - α v (as `torch.optim.SGD`; Polyak 1964)."""
    first = c.momentum * first + g
    return w - c.learning_rate * first, first, second


def rmsprop(w: Any, g: Any, first: Any, second: Any, c: Coefficients) -> tuple[Any, Any, Any]:
    """RMSprop: s ← β2 s + (1 - β2) g², w ← w - α g / (√s + ε) (Tieleman and Hinton 2012)."""
    second = c.beta2 * second + c.rest2 * (g * g)
    return w - c.learning_rate * (g / (sqrt(second) + c.epsilon)), first, second


def adam(w: Any, g: Any, first: Any, second: Any, c: Coefficients) -> tuple[Any, Any, Any]:
    """Adam: v ← β1 v + (1 - β1) g, s ← β2 s + (1 - β2) g², w ← w - α v̂ / (√ŝ + ε) (Kingma and Ba 2015)."""
    first = c.beta1 * first + c.rest1 * g
    second = c.beta2 * second + c.rest2 * (g * g)
    step = c.learning_rate * c.correction1
    return w - step * (first / (sqrt(second) * c.correction2 + c.epsilon)), first, second


@dataclass(frozen=True)
class Rule:
    """An update rule, its number in the kernel and how many moments it keeps for each weight."""

    name: str
    code: int
    update: Callable[..., tuple[Any, Any, Any]]


RULES: dict[str, Rule] = {
    name: Rule(name, code, update)
    for code, (name, update) in enumerate({"sgd": sgd, "momentum": momentum, "rmsprop": rmsprop, "adam": adam}.items())
}


def rule(name: str) -> Rule:
    """Look an update rule up by name.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> rule("adam").update is adam
        True
    """
    if name not in RULES:
        raise UsageError(f"unknown optimizer {name!r}{nearest(str(name), RULES)}: use {', '.join(RULES)}")
    return RULES[name]
