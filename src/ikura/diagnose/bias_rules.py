"""Rules against bias: a network that cannot learn enough, or has not had the time."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ikura.diagnose.recipe_rule import Advice, RuleContext, searching
from ikura.metric.estimate import percent
from ikura.space import Parameter, choice, integer, layer_of, linear
from ikura.study.record.earlier_study import Change

__all__ = ["bigger_network", "longer_training", "other_architecture", "weaker_regularisation", "wider_space"]

MILD = {
    "l2": 1e-5, "l1": 1e-6, "weight_decay": 1e-4, "dropout": 0.1, "dropout_input": 0.05, "dropconnect": 0.1,
    "label_smoothing": 0.01, "label_noise": 0.01,
}  # fmt: skip
"""Strengths of regularisation that hold no network back."""
MOST_WIDTH = {"units": 4096, "channels": 512}
MOST_LAYERS = 16
NEARLY = 0.9
"""A best epoch in the last tenth is at the end."""
OTHER_NETWORKS = {"mlp": "cnn", "cnn": "resnet20"}


def bigger_network(context: RuleContext) -> Advice | None:
    """Widths from the chosen ones up to four times as many, up to two more layers."""
    space: dict[str, Parameter] = {}
    widths = ["units", "channels", *(name for name in context.space if layer_of(name) != (name, None))]
    for name in widths:
        kind, now = layer_of(name)[0], context.values.get(name)
        if kind not in ("units", "channels") or not context.can(name) or not isinstance(now, int | float):
            continue
        now = int(now)
        found = choice(now, 2 * now, 4 * now) if kind == "channels" else integer(now, 4 * now, log=True)
        if 4 * now <= MOST_WIDTH[kind]:
            space[name] = found
    if context.can("layers") and 0 < context.values["layers"] <= MOST_LAYERS:
        space["layers"] = integer(int(context.values["layers"]), int(context.values["layers"]) + 2)
    if not space:
        return None
    now = ", ".join(f"{name} {context.values[name]}" for name in space)
    bound = context.setting.max_parameters
    limit = f" Networks of more than {bound:,} weights are infeasible: raise --max-parameters." if bound else ""
    reason = f"{context.bias_sentence}. The chosen network has {now}.{context.mattered(space)}{limit}"
    return Advice(0.8, reason, "a lower training error; the variance may grow", searching(space))


def longer_training(context: RuleContext) -> Advice | None:
    """Twice the epochs, where the best epoch is near the last; one that came earlier had time enough."""
    epochs, best = context.epochs, context.row.best_epoch or 0
    if best < NEARLY * epochs:
        return None
    where = f"{context.bias_sentence}. The chosen configuration was best after epoch {best} of {epochs}"
    losses = context.record.curve(context.row.number).train_loss.to_numpy()
    before = losses[-max(len(losses) // 5, 1) - 1] if len(losses) > 1 else math.nan
    fall = 1 - losses[-1] / before if before > 0 else math.nan
    expected = f"the training loss fell by {percent(fall)} over the last fifth of the epochs" if fall > 0 else ""
    return Advice(0.9, f"{where}: it had not come to its end.", expected, Change(settings={"epochs": 2 * epochs}))


def weaker_regularisation(context: RuleContext) -> Advice | None:
    """At most half of the penalties and the noise that the chosen configuration has."""
    strong = {name: context.values[name] for name, mild in MILD.items() if (context.values.get(name) or 0) > mild}
    strong = {name: value for name, value in strong.items() if context.can(name)}
    if not strong:
        return None
    told = ", ".join(f"{name} {value:.3g}" for name, value in strong.items())
    space = {name: linear(0, float(f"{value / 2:.3g}")) for name, value in strong.items()}
    reason = f"{context.bias_sentence}. The chosen configuration is held back by {told}.{context.mattered(strong)}"
    return Advice(0.6, reason, "a lower training error; the variance may grow", searching(space))


def other_architecture(context: RuleContext) -> Advice | None:
    """A convolutional or a deeper network for images; other activations and normalisation for tables."""
    worst = (
        context.bias_sentence
        if context.diagnosis.bias.value > context.diagnosis.variance.value
        else context.variance_sentence
    )
    if context.images and context.network in OTHER_NETWORKS:
        other = OTHER_NETWORKS[context.network]
        return Advice(0.5, f"{worst}. {other} is made for images.", "", Change(settings={"network": other}))
    if context.network != "mlp":
        return None
    space = {
        "activation": choice("relu", "tanh", "gelu", "silu"),
        "normalisation": choice("none", "batch", "layer"),
    }
    now = f"activation {context.values['activation']}, normalisation {context.values['normalisation']}"
    return Advice(0.3, f"{worst}. The chosen network has {now}.", "", searching(space))


def wider_space(context: RuleContext) -> Advice | None:
    """The borders of the space that good trials press against moved outwards."""
    borders = context.borders
    space: dict[str, Mapping[str, object]] = {}
    for one in borders:
        form = context.space[one.hyperparameter].as_dict()
        end = "low" if one.side == "lower" else "high"
        border = int(one.beyond) if form["scale"].startswith("integer") else one.beyond
        space[one.hyperparameter] = {**space.get(one.hyperparameter, form), end: border}
    if not space:
        return None
    return Advice(0.65, " ".join(one.sentence for one in borders), "", Change(space))
