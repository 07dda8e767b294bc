"""Update of the kernel: each rule of `ikura.population.rule` as one pass over a member's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikura.population.kernel._compile import compiled, inlined
from ikura.population.rule import RULES

__all__ = ["apply_rule", "penalise"]


def _weights_pass(name: str) -> Callable[..., None]:
    one_weight = inlined(RULES[name].update)

    @inlined
    def run(w: Any, g: Any, first: Any, second: Any, c: Any) -> None:
        for i in range(w.shape[0]):
            w[i], first[i], second[i] = one_weight(w[i], g[i], first[i], second[i], c)

    return run


_sgd, _momentum, _rmsprop, _adam = (_weights_pass(name) for name in ("sgd", "momentum", "rmsprop", "adam"))


@compiled
def apply_rule(code: int, w: Any, g: Any, first: Any, second: Any, c: Any) -> None:
    """Update all weights of one member in place; w, g, first and second of shape (weights,)."""
    if code == 0:
        _sgd(w, g, first, second, c)
    elif code == 1:
        _momentum(w, g, first, second, c)
    elif code == 2:
        _rmsprop(w, g, first, second, c)
    else:
        _adam(w, g, first, second, c)


@compiled
def penalise(w: Any, g: Any, l2: Any) -> float:
    """Add λ w to the gradient and return the cost λ/2 Σ w²."""
    total = w.dtype.type(0)
    for i in range(w.shape[0]):
        g[i] += l2 * w[i]
        total += w[i] * w[i]
    return 0.5 * l2 * total
