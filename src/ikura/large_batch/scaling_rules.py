"""Scaling rules: what learning rate and which memory go with a larger batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ikura.errors import UsageError, nearest
from ikura.population import update_rules
from ikura.population.update_rules import StepSize

__all__ = ["RULES", "Scaled", "candidates", "check_rule", "scaled"]

RULES: dict[str, str] = {
    "sqrt": "learning rate × √ratio",
    "linear": "learning rate × ratio",
    "auto": "√ratio for adaptive rules; for the others both, and the dev set decides",
}
"""Name to a one-line description; the ratio is that of the batch sizes."""

MEMORIES = 10
"""Times that a moving average is renewed in the course of a training at least."""

BECAUSE = {
    "sqrt": "a weight step has the covariance α²/B · C while the batch B is small beside the training set, and "
    "α × √ratio keeps it (Hoffer 2017)",
    "linear": "as many small steps made as one: α × ratio keeps the progress for each example (Goyal 2017)",
}
ADAPTIVE = (
    "the rule divides by the gradient's root mean square, which noise makes √ratio smaller in the larger batch; "
    "α × √ratio keeps the spread of the steps (Malladi 2022)"
)


@dataclass(frozen=True)
class Scaled:
    """What a rule makes of the learning rate and the memory of a small batch's settings.

    Attributes:
        rule: "sqrt", "linear" or "none".
        factor: on the learning rate, or on α / (1 - β) where there is momentum β.
        changes: hyperparameter to its new value.
        reason: why, in a sentence.
    """

    rule: str
    factor: float
    changes: dict[str, float]
    reason: str


def check_rule(rule: str) -> None:
    """Refuse an unknown rule, with the nearest one.

    Raises:
        UsageError: there is no such rule.

    Example:
        >>> check_rule("squart")
        Traceback (most recent call last):
        ikura.errors.UsageError: unknown rule 'squart', did you mean 'sqrt'?: use sqrt, linear, auto
    """
    if rule not in RULES:
        raise UsageError(f"unknown rule {rule!r}{nearest(str(rule), RULES)}: use {', '.join(RULES)}")


def candidates(rule: str, optimizer: str) -> tuple[str, ...]:
    """Name the rules that are tried: one, or where nothing decides between them both.

    Args:
        rule: one of `RULES`.
        optimizer: the update rule.

    Example:
        >>> candidates("auto", "adam"), candidates("auto", "momentum"), candidates("linear", "adam")
        (('sqrt',), ('sqrt', 'linear'), ('linear',))
    """
    check_rule(rule)
    if rule != "auto":
        return (rule,)
    by_step_size = {StepSize.OWN: ("none",), StepSize.GRADIENT: ("sqrt", "linear"), StepSize.NORMALISED: ("sqrt",)}
    return by_step_size[update_rules.rule(optimizer).step_size]


def scaled(values: Mapping[str, Any], ratio: float, rule: str, updates: int) -> Scaled:
    """Apply a rule.

    With momentum v ← β v + g, w ← w - α v a gradient moves the weights by α / (1 - β) in the end: this effective rate
    is what the rule multiplies. β stays as it is, unless its memory of 1 / (1 - β) updates would be renewed fewer than
    ten times in the whole training; then it is shortened, and α follows so that the effective rate is what the rule
    says. The memory β2 of squared gradients is made to span as many examples as before, 1 - β2 ← ratio · (1 - β2), but
    no shorter than that of β1 or of ten updates. So is an average of the weights, d ← d^ratio.

    Args:
        values: all hyperparameters of the small batch.
        ratio: large batch / small batch, at least 1.
        rule: "sqrt", "linear", or "none" for an update rule that sets its own steps.
        updates: of the whole training with the large batch.

    Returns:
        What changes, and why.

    Raises:
        UsageError: the rule is unknown.

    Example:
        >>> values = {"optimizer": "momentum", "learning_rate": 0.1, "momentum": 0.9}
        >>> scaled(values, 16, "sqrt", updates=1000).changes
        {'learning_rate': 0.4}
        >>> values = {"optimizer": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999}
        >>> scaled(values, 16, "sqrt", updates=1000).changes
        {'learning_rate': 0.004, 'beta2': 0.984}

    References:
        Hoffer, Hubara and Soudry 2017, arXiv:1705.08741; Goyal et al. 2017, arXiv:1706.02677; Malladi, Lyu, Panigrahi
        and Arora 2022, arXiv:2205.10287; Busbridge et al. 2023, arXiv:2307.13813.
    """
    optimizer, averages, words = values["optimizer"], {}, ""
    if values.get("ema_decay"):
        averages = {"ema_decay": round(values["ema_decay"] ** ratio, 12)}
        words = f"; ema_decay = {averages['ema_decay']:.4g}, to average over as many examples"
    if rule == "none":
        return Scaled("none", 1.0, averages, f"{optimizer} sets the size of its steps itself: nothing to scale{words}")
    if rule not in BECAUSE:
        check_rule(rule)
        raise UsageError(f"rule {rule!r} is settled by `candidates` first")
    factor = sqrt(ratio) if rule == "sqrt" else float(ratio)
    update_rule = update_rules.rule(optimizer)
    adaptive = update_rule.step_size is not StepSize.GRADIENT
    reason = ADAPTIVE if adaptive and rule == "sqrt" else BECAUSE[rule]
    rate, changes = factor * values["learning_rate"], {}
    if "momentum" in update_rule.uses:
        beta = values["momentum"]
        shorter = shortened(beta, updates)
        rate *= (1 - shorter) / (1 - beta)
        reason += f"; α/(1 − β) is what is scaled, β = {beta:g}"
        if shorter != beta:
            changes["momentum"] = shorter
            reason += f" becomes {shorter:.3g}: its memory would outlast a tenth of the {updates} updates"
    if "beta2" in update_rule.uses and update_rule.step_size is StepSize.NORMALISED:
        least = max(values["beta1"] if "beta1" in update_rule.uses else 0.0, 1 - 1 / MEMORIES)
        beta2 = round(1 - ratio * (1 - values["beta2"]), 12)
        if values["beta2"] > least:
            changes["beta2"] = max(beta2, least)
            reason += f"; β2 = {changes['beta2']:.4g}, to remember as many examples"
    return Scaled(rule, factor, {"learning_rate": rate, **changes, **averages}, reason + words)


def shortened(beta: float, updates: int) -> float:
    """Shorten the memory of a moving average that would be renewed fewer than ten times.

    Args:
        beta: its coefficient; the memory is 1 / (1 - β) updates.
        updates: of the whole training.

    Returns:
        β, or the one with a memory of a tenth of the updates.

    Example:
        >>> shortened(0.9, 100), shortened(0.9, 50), shortened(0.9, 5)
        (0.9, 0.8, 0.0)
    """
    return beta if (1 - beta) * updates >= MEMORIES * (1 - 1e-9) else max(0.0, 1 - MEMORIES / updates)
