"""Rules against variance, and against training data of another kind than the dev set's."""

from __future__ import annotations

import shlex

from ikura.diagnose.recipe_rule import Advice, RuleContext, between, searching
from ikura.files import shown
from ikura.space import Parameter, choice, integer, linear, log
from ikura.space.hyperparameters import OF_IMAGES

__all__ = [
    "augmentation",
    "further_regularisation",
    "matching_data",
    "more_data",
    "smaller_network",
    "stronger_regularisation",
]

FURTHER = {"dropout_input": linear(0, 0.2), "l1": log(1e-6, 1e-2), "weight_decay": log(1e-4, 0.3)}
"""Ranges of regularisation beside l2 and dropout."""


def more_data(context: RuleContext) -> Advice | None:
    """More training examples; how much they bring is read off the learning curve."""
    reason = f"{context.variance_sentence}, with {context.rows:,} training examples."
    curve = context.curve
    if curve is not None:
        reason += f" Add rows to {context.source}, then tune again."
    if curve is None:
        command = context.diagnose_again("--learning-curve")
        return Advice(0.7, reason, "the learning curve says how much more data bring", command=command)
    strength = {"yes": 0.95, "cannot tell": 0.5, "no": 0.15}[curve.help]
    return Advice(strength, reason, curve.expected, command="")


def stronger_regularisation(context: RuleContext) -> Advice | None:
    """Penalties and dropout up to higher values than the chosen ones."""
    space: dict[str, Parameter] = {}
    if context.can("l2"):
        space["l2"] = log(1e-5, max(0.1, 10 * float(context.values.get("l2") or 0)))
    if context.can("dropout"):
        space["dropout"] = linear(0.0, 0.7)
    if not space:
        return None
    told = ", ".join(f"{name} {context.values.get(name) or 0:.3g}" for name in space)
    reason = f"{context.variance_sentence}. The chosen configuration has {told}.{context.mattered(space)}"
    return Advice(0.75, reason, "a lower dev error; the bias may grow", searching(space))


def further_regularisation(context: RuleContext) -> Advice | None:
    """Kinds of regularisation that the space leaves out, once it searches the usual ones."""
    usual = [name for name in ("l2", "dropout") if context.can(name)]
    if not usual or not all(name in context.space and context.space[name].varies for name in usual):
        return None
    space = {name: one for name, one in FURTHER.items() if context.can(name) and name not in context.space}
    if not space:
        return None
    reason = f"{context.variance_sentence}. {' and '.join(usual)} are searched already; {', '.join(space)} are not."
    return Advice(0.45, reason, "a lower dev error; the bias may grow", searching(space))


def augmentation(context: RuleContext) -> Advice | None:
    """Changed training images, where the data are images and none of them is changed yet."""
    images = context.record.summary.get("images")
    if not images or any(name in context.space for name in OF_IMAGES) or not context.can("crop"):
        return None
    side = min(images["height"], images["width"])
    space: dict[str, Parameter] = {"crop": linear(0, max(1, side // 8)), "rotation": linear(0, 15)}
    if images["channels"] == 3:
        space["flip"] = choice(0.0, 0.5)
    return Advice(0.8, f"{context.variance_sentence}, and training images are not changed.", "", searching(space))


def smaller_network(context: RuleContext) -> Advice | None:
    """Widths down to a quarter: the last thing to try, because stronger regularisation does the same more gently."""
    now = context.values.get("units")
    if not context.can("units") or not isinstance(now, int | float) or now < 8:
        return None
    space = {"units": integer(max(int(now) // 4, 2), int(now), log=True)}
    reason = f"{context.variance_sentence}. The chosen network has units {now}.{context.mattered(space)}"
    return Advice(0.1, reason, "a lower variance; the bias may grow", searching(space))


def matching_data(context: RuleContext) -> Advice | None:
    """Training examples like those of the dev set; the check of distributions names what differs."""
    found = context.diagnosis.mismatch
    assert found is not None
    reason = f"The dev error lies {between(found)} above that on examples of the training set's own source."
    return Advice(
        0.9, reason, "", command=f"ikura check {shlex.quote(shown(context.record.named_folder))} --only distribution"
    )
