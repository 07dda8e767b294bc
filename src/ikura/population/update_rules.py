"""Update rules: how a gradient changes a weight.

A rule is written once, for a single weight, its gradient and the moments it keeps. The compiled kernel runs it weight
by weight, the stacked path runs the same function on tensors of shape (member, weight) with coefficients of shape
(member, 1). Moments begin at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt as scalar_sqrt
from typing import Any, NamedTuple

from ikura.errors import UsageError, nearest
from ikura.lazy_torch import torch

__all__ = ["RULES", "Coefficients", "Rule", "StepSize", "coefficients", "lesser", "rule", "sqrt"]


class Coefficients(NamedTuple):
    """One member's coefficients at one step; every number in the network's own precision.

    Attributes:
        learning_rate: α of this step.
        momentum: β of the momentum rules.
        beta1, rest1: β1 and 1 - β1.
        beta2, rest2: β2 and 1 - β2.
        epsilon: ε.
        correction1: 1 / (1 - β1^t).
        correction2: 1 / √(1 - β2^t).
        one: 1.
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
    one: Any


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
        1.0,
    )


def sqrt(x: Any) -> Any:
    """Square root of a tensor; inside the compiled kernel, of a number."""
    return torch.sqrt(x)


def lesser(a: Any, b: Any) -> Any:
    """The lesser of two tensors; inside the compiled kernel, of two numbers."""
    return torch.minimum(a, b)


def sgd(w: Any, g: Any, c: Coefficients) -> tuple[Any]:
    """Gradient descent: w ← w - α g."""
    return (w - c.learning_rate * g,)


def momentum(w: Any, g: Any, v: Any, c: Coefficients) -> tuple[Any, Any]:
    """Momentum: v ← β v + g, w ← w - α v (as `torch.optim.SGD`; Polyak 1964)."""
    v = c.momentum * v + g
    return w - c.learning_rate * v, v


def nesterov(w: Any, g: Any, v: Any, c: Coefficients) -> tuple[Any, Any]:
    """Nesterov's momentum: v ← β v + g, w ← w - α (g + β v) (Sutskever et al. 2013)."""
    v = c.momentum * v + g
    return w - c.learning_rate * (g + c.momentum * v), v


def adagrad(w: Any, g: Any, s: Any, c: Coefficients) -> tuple[Any, Any]:
    """AdaGrad: s ← s + g², w ← w - α g / (√s + ε) (Duchi, Hazan and Singer 2011)."""
    s = s + g * g
    return w - c.learning_rate * (g / (sqrt(s) + c.epsilon)), s


def adadelta(w: Any, g: Any, s: Any, d: Any, c: Coefficients) -> tuple[Any, Any, Any]:
    """AdaDelta: s ← β2 s + (1 - β2) g², δ = g √(d + ε) / √(s + ε), d ← β2 d + (1 - β2) δ², w ← w - α δ.

    (Zeiler 2012; there α is 1.)
    """
    s = c.beta2 * s + c.rest2 * (g * g)
    delta = g * (sqrt(d + c.epsilon) / sqrt(s + c.epsilon))
    d = c.beta2 * d + c.rest2 * (delta * delta)
    return w - c.learning_rate * delta, s, d


def rmsprop(w: Any, g: Any, s: Any, c: Coefficients) -> tuple[Any, Any]:
    """RMSprop: s ← β2 s + (1 - β2) g², w ← w - α g / (√s + ε) (Tieleman and Hinton 2012)."""
    s = c.beta2 * s + c.rest2 * (g * g)
    return w - c.learning_rate * (g / (sqrt(s) + c.epsilon)), s


def smorms3(w: Any, g: Any, v: Any, s: Any, memory: Any, c: Coefficients) -> tuple[Any, Any, Any, Any]:
    """SMORMS3: a signal-to-noise ratio sets each weight's step, and how long its gradients are remembered.

    With m = 1 at first and r = 1 / (m + 1): v ← (1 - r) v + r g, s ← (1 - r) s + r g², x = v² / (s + ε),
    m ← 1 + m (1 - x), w ← w - g min(α, x) / (√s + ε) (Funk 2015). What is kept is m - 1, which begins at zero.
    """
    r = c.one / (memory + c.one + c.one)
    v = v + r * (g - v)
    s = s + r * (g * g - s)
    x = v * v / (s + c.epsilon)
    return w - g * (lesser(c.learning_rate, x) / (sqrt(s) + c.epsilon)), v, s, (memory + c.one) * (c.one - x)


def adam(w: Any, g: Any, v: Any, s: Any, c: Coefficients) -> tuple[Any, Any, Any]:
    """Adam: v ← β1 v + (1 - β1) g, s ← β2 s + (1 - β2) g², w ← w - α v̂ / (√ŝ + ε) (Kingma and Ba 2015)."""
    v = c.beta1 * v + c.rest1 * g
    s = c.beta2 * s + c.rest2 * (g * g)
    step = c.learning_rate * c.correction1
    return w - step * (v / (sqrt(s) * c.correction2 + c.epsilon)), v, s


class StepSize(StrEnum):
    """What the size of a rule's steps follows, beside the learning rate."""

    GRADIENT = "grows with the gradient"
    NORMALISED = "gradient divided by its usual size"
    OWN = "set by the rule itself, whatever the learning rate"


@dataclass(frozen=True)
class Rule:
    """An update rule.

    Attributes:
        name: what users call it.
        update: (weight, gradient, moments ..., coefficients) to (weight, moments ...).
        moments: how many numbers it keeps for each weight, at most three.
        step_size: what the size of its steps follows.
        uses: the hyperparameters it reads beside the learning rate.
        defaults: hyperparameters that mean something else for this rule than for others, where they are not given.
    """

    name: str
    update: Callable[..., tuple[Any, ...]]
    moments: int
    step_size: StepSize
    uses: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """Number of its update in the kernel: the place among the different ones of `RULES`."""
        return list(dict.fromkeys(one.update for one in RULES.values())).index(self.update)


RULES: dict[str, Rule] = {
    one.name: one
    for one in (
        Rule("sgd", sgd, 0, StepSize.GRADIENT),
        Rule("momentum", momentum, 1, StepSize.GRADIENT, ("momentum",)),
        Rule("nesterov", nesterov, 1, StepSize.GRADIENT, ("momentum",)),
        Rule("adagrad", adagrad, 1, StepSize.NORMALISED, ("epsilon",), {"epsilon": 1e-10}),
        Rule("adadelta", adadelta, 2, StepSize.OWN, ("beta2", "epsilon"), {"beta2": 0.9, "epsilon": 1e-6}),
        Rule("rmsprop", rmsprop, 1, StepSize.NORMALISED, ("beta2", "epsilon")),
        Rule("smorms3", smorms3, 3, StepSize.OWN, ("epsilon",), {"epsilon": 1e-16}),
        Rule("adam", adam, 2, StepSize.NORMALISED, ("beta1", "beta2", "epsilon")),
        Rule("adamw", adam, 2, StepSize.NORMALISED, ("beta1", "beta2", "epsilon"), {"weight_decay": 0.01}),
    )
}
"""The one table of update rules: the kernel's passes over the weights and the stacked updates are made from it."""


def rule(name: str) -> Rule:
    """Look an update rule up by name.

    Raises:
        UsageError: the name is unknown.

    Example:
        >>> rule("adam").update is adam
        True
    """
    if not isinstance(name, str) or name not in RULES:
        raise UsageError(f"unknown optimizer {name!r}{nearest(str(name), RULES)}: use {', '.join(RULES)}")
    return RULES[name]
