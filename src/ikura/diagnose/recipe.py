"""The basic recipe: what to do against bias, variance and not knowing, each rule with its source.

The rules stand in `RULES`, one line each; above them is what each one looks at. `prescribe` asks those that fit the
diagnosis and puts the strongest first.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ikura.diagnose.prescription import Prescription
from ikura.diagnose.recipe_rule import Advice, RuleContext
from ikura.diagnose.tried_prescriptions import tried
from ikura.diagnose.tune_command import command_of
from ikura.errors import SpaceError
from ikura.files import shown
from ikura.json_values import JsonObject
from ikura.metric.estimate import percent
from ikura.space import Space, check_feasible, choice, integer, layer_of, linear, log
from ikura.space.hyperparameters import OF_IMAGES
from ikura.study.record.command import predict_command
from ikura.study.record.diagnosis import WORTH, Diagnosis, Gap
from ikura.study.record.earlier_study import Change
from ikura.study.record.record import Record

if TYPE_CHECKING:
    from ikura.diagnose.learning_curve import LearningCurve

__all__ = ["RULES", "prescribe", "remedies"]

RECIPE = "Ng, Deep Learning Specialization, course 2, week 1: the basic recipe"
YEARNING = "Ng, Machine Learning Yearning (2018)"
PLAYBOOK = "Godbole et al., Deep Learning Tuning Playbook (2023)"
AMIDI = "Amidi and Amidi, Deep Learning tips and tricks cheatsheet (2018)"

FURTHER_SOURCES = (
    "Srivastava et al., Dropout (2014), for the inputs; Tibshirani, The lasso (1996), for l1; Loshchilov and Hutter, "
    "Decoupled weight decay regularization (2019), for weight_decay"
)

SEEDS = "Bouthillier et al., Accounting for variance in machine learning benchmarks (2021)"

MILD = {
    "l2": 1e-5, "l1": 1e-6, "weight_decay": 1e-4, "dropout": 0.1, "dropout_input": 0.05, "dropconnect": 0.1,
    "label_smoothing": 0.01, "label_noise": 0.01,
}  # fmt: skip
"""Strengths of regularisation that hold no network back."""
FURTHER = {"dropout_input": linear(0, 0.2), "l1": log(1e-6, 1e-2), "weight_decay": log(1e-4, 0.3)}
"""Ranges of regularisation beside l2 and dropout."""
MOST_WIDTH = {"units": 4096, "channels": 512}
MOST_LAYERS = 16
NEARLY = 0.9
"""A best epoch in the last tenth is at the end."""
MOST_SEEDS = 50
"""Seeds that are asked for at once at most."""
LEANING = 0.4
"""How much a prescription counts against a gap of which only the value is high, not the whole interval."""
OTHER_NETWORKS = {"mlp": "cnn", "cnn": "resnet20"}


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it is against, who recommends it, what it looks at, and whether it is for images alone."""

    name: str
    against: str
    source: str
    asks: Callable[[RuleContext], Advice | None]
    images: bool = False


def bigger_network(context: RuleContext) -> Advice | None:
    """Widths from the chosen ones up to four times as many, up to two more layers."""
    space: JsonObject = {}
    widths = ["units", "channels", *(name for name in context.space if layer_of(name) != (name, None))]
    for name in widths:
        kind, now = layer_of(name)[0], context.values.get(name)
        if kind not in ("units", "channels") or not context.can(name) or not isinstance(now, int | float):
            continue
        now = int(now)
        found = choice(now, 2 * now, 4 * now) if kind == "channels" else integer(now, 4 * now, log=True)
        if 4 * now <= MOST_WIDTH[kind]:
            space[name] = found.as_dict()
    if context.can("layers") and 0 < context.values["layers"] <= MOST_LAYERS:
        space["layers"] = integer(int(context.values["layers"]), int(context.values["layers"]) + 2).as_dict()
    if not space:
        return None
    now = ", ".join(f"{name} {context.values[name]}" for name in space)
    bound = context.setting.max_parameters
    limit = f" Networks of more than {bound:,} weights are infeasible: raise --max-parameters." if bound else ""
    reason = f"{_bias(context)}. The chosen network has {now}.{context.mattered(space)}{limit}"
    return Advice(0.8, reason, "a lower training error; the variance may grow", Change(space))


def longer_training(context: RuleContext) -> Advice | None:
    """Twice the epochs, where the best epoch is near the last; one that came earlier had time enough."""
    epochs, best = context.epochs, context.row.best_epoch or 0
    if best < NEARLY * epochs:
        return None
    where = f"{_bias(context)}. The chosen configuration was best after epoch {best} of {epochs}"
    losses = context.record.curve(context.row.number).train_loss.to_numpy()
    before = losses[-max(len(losses) // 5, 1) - 1] if len(losses) > 1 else math.nan
    fall = 1 - losses[-1] / before if before > 0 else math.nan
    expected = f"the training loss fell by {percent(fall)} over the last fifth of the epochs" if fall > 0 else ""
    return Advice(0.9, f"{where}: it had not come to its end.", expected, _epochs(2 * epochs))


def weaker_regularisation(context: RuleContext) -> Advice | None:
    """At most half of the penalties and the noise that the chosen configuration has."""
    strong = {name: context.values[name] for name, mild in MILD.items() if (context.values.get(name) or 0) > mild}
    strong = {name: value for name, value in strong.items() if context.can(name)}
    if not strong:
        return None
    told = ", ".join(f"{name} {value:.3g}" for name, value in strong.items())
    space = {name: linear(0, float(f"{value / 2:.3g}")).as_dict() for name, value in strong.items()}
    reason = f"{_bias(context)}. The chosen configuration is held back by {told}.{context.mattered(strong)}"
    return Advice(0.6, reason, "a lower training error; the variance may grow", Change(space))


def other_architecture(context: RuleContext) -> Advice | None:
    """A convolutional or a deeper network for images; other activations and normalisation for tables."""
    worst = _bias(context) if context.diagnosis.bias.value > context.diagnosis.variance.value else _variance(context)
    if context.images and context.network in OTHER_NETWORKS:
        other = OTHER_NETWORKS[context.network]
        return Advice(0.5, f"{worst}. {other} is made for images.", "", Change({}, {"network": other}))
    if context.network != "mlp":
        return None
    space = {
        "activation": choice("relu", "tanh", "gelu", "silu").as_dict(),
        "normalisation": choice("none", "batch", "layer").as_dict(),
    }
    now = f"activation {context.values['activation']}, normalisation {context.values['normalisation']}"
    return Advice(0.3, f"{worst}. The chosen network has {now}.", "", Change(space))


def wider_space(context: RuleContext) -> Advice | None:
    """The borders of the space that good trials press against moved outwards."""
    borders = context.borders
    space: JsonObject = {}
    for one in borders:
        form = context.space[one.hyperparameter].as_dict()
        end = "low" if one.side == "lower" else "high"
        border = int(one.beyond) if form["scale"].startswith("integer") else one.beyond
        space[one.hyperparameter] = {**space.get(one.hyperparameter, form), end: border}
    if not space:
        return None
    return Advice(0.65, " ".join(one.sentence for one in borders), "", Change(space))


def more_data(context: RuleContext) -> Advice | None:
    """More training examples; how much they bring is read off the learning curve."""
    reason = f"{_variance(context)}, with {context.rows:,} training examples."
    curve = context.curve
    if curve is not None:
        reason += f" Add rows to {context.source}, then tune again."
    if curve is None:
        command = _diagnose(context, "--learning-curve")
        return Advice(0.7, reason, "the learning curve says how much more data bring", command=command)
    strength = {"yes": 0.95, "cannot tell": 0.5, "no": 0.15}[curve.help]
    return Advice(strength, reason, curve.expected, command="")


def stronger_regularisation(context: RuleContext) -> Advice | None:
    """Penalties and dropout up to higher values than the chosen ones."""
    space: JsonObject = {}
    if context.can("l2"):
        space["l2"] = log(1e-5, max(0.1, 10 * float(context.values.get("l2") or 0))).as_dict()
    if context.can("dropout"):
        space["dropout"] = linear(0.0, 0.7).as_dict()
    if not space:
        return None
    told = ", ".join(f"{name} {context.values.get(name) or 0:.3g}" for name in space)
    reason = f"{_variance(context)}. The chosen configuration has {told}.{context.mattered(space)}"
    return Advice(0.75, reason, "a lower dev error; the bias may grow", Change(space))


def further_regularisation(context: RuleContext) -> Advice | None:
    """Kinds of regularisation that the space leaves out, once it searches the usual ones."""
    usual = [name for name in ("l2", "dropout") if context.can(name)]
    if not usual or not all(name in context.space and context.space[name].varies for name in usual):
        return None
    space = {name: one.as_dict() for name, one in FURTHER.items() if context.can(name) and name not in context.space}
    if not space:
        return None
    reason = f"{_variance(context)}. {' and '.join(usual)} are searched already; {', '.join(space)} are not."
    return Advice(0.45, reason, "a lower dev error; the bias may grow", Change(space))


def augmentation(context: RuleContext) -> Advice | None:
    """Changed training images, where the data are images and none of them is changed yet."""
    if not context.images or any(name in context.space for name in OF_IMAGES) or not context.can("crop"):
        return None
    side = min(context.record.summary["images"][name] for name in ("height", "width"))
    space = {"crop": linear(0, max(1, side // 8)).as_dict(), "rotation": linear(0, 15).as_dict()}
    if context.record.summary["images"]["channels"] == 3:
        space["flip"] = choice(0.0, 0.5).as_dict()
    return Advice(0.8, f"{_variance(context)}, and training images are not changed.", "", Change(space))


def smaller_network(context: RuleContext) -> Advice | None:
    """Widths down to a quarter: the last thing to try, because stronger regularisation does the same more gently."""
    now = context.values.get("units")
    if not context.can("units") or not isinstance(now, int | float) or now < 8:
        return None
    space = {"units": integer(max(int(now) // 4, 2), int(now), log=True).as_dict()}
    reason = f"{_variance(context)}. The chosen network has units {now}.{context.mattered(space)}"
    return Advice(0.1, reason, "a lower variance; the bias may grow", Change(space))


def matching_data(context: RuleContext) -> Advice | None:
    """Training examples like those of the dev set; the check of distributions names what differs."""
    found = context.diagnosis.mismatch
    assert found is not None
    reason = f"The dev error lies {_between(found)} above that on examples of the training set's own source."
    return Advice(0.9, reason, "", command=f"ikura check {shlex.quote(shown(context.record.run))} --only distribution")


def more_data_to_measure(context: RuleContext) -> Advice | None:
    """More examples to measure errors on, as many as the intervals say; of a sample more are there already."""
    if math.isnan(context.diagnosis.dev.value):
        reason = (
            f"The dev set's targets are all the same. Add rows with others to {context.source}, or draw another dev"
        )
        return Advice(0.9, f"{reason} set (--seed), then tune again.", "a verdict", command="")
    unknown = [one for one in context.diagnosis.gaps if one.examples_needed]
    unknown = [one for one in unknown if one.of != "training" or one.rows >= context.rows]
    if not unknown:
        return None
    reason = " ".join(f"The {one.name} is {_between(one)}." for one in unknown)
    reason += f" That is too wide to judge. Add rows to {context.source}, then tune again."
    parts = context.record.summary["parts"]
    shares = {one.of: parts["dev" if one.of == "dev" else "train"] / sum(parts.values()) for one in unknown}
    needed = " and ".join(
        f"about {one.examples_needed:,} more {one.of} examples to measure on ({percent(shares[one.of])} of new rows)"
        + (f" and {one.seeds_needed:,} more seeds" if one.seeds_needed else "")
        for one in unknown
    )
    return Advice(0.05, reason, f"a verdict, with {needed}", command="")


def more_seeds(context: RuleContext) -> Advice | None:
    """More networks of the chosen configuration, where what varies from seed to seed keeps a gap from being told."""
    unknown = [one for one in context.diagnosis.gaps if one.seeds_needed]
    if not unknown:
        return None
    most = max(one.seeds_needed or 0 for one in unknown)
    reason = " ".join(f"The {one.name} is {_between(one)} over {one.seeds:,} seeds." for one in unknown)
    alone = not any(one.examples_needed for one in unknown)
    reason += " It is the spread from seed to seed" + (" " if alone else ", and how few the examples are, ")
    reason += "that keeps it from being told."
    now = min(most, MOST_SEEDS)
    expected = "a verdict" if now == most and alone else "a shorter interval"
    also = "" if now == most else f"; about {most:,} are needed"
    command = _diagnose(context, f"--seeds {context.more + now}")
    return Advice(0.3, reason, f"{expected}, with {now:,} more seed{'s' * (now > 1)}{also}", command=command)


def best_achievable(context: RuleContext) -> Advice | None:
    """The best achievable error, where not knowing it is what keeps the bias unknown."""
    bias, best = context.diagnosis.bias, context.diagnosis.optimal
    if bias.verdict != "cannot tell" or context.diagnosis.optimal_source != "estimate" or best is None:
        return None
    if math.isnan(best.value):
        return None
    reason = f"The best achievable error is only known to lie between {percent(best.low)} and {percent(best.high)}."
    option, whose = ("--human-error", "that people make") if context.images else ("--bayes-error", "that is possible")
    command = _diagnose(context, f"{option} {best.value:.2g}")
    expected = f"a bias against a known error, with the error {whose} in place of this guess"
    return Advice(0.45, reason, expected, command=command)


def stop(context: RuleContext) -> Advice | None:
    """Nothing is worth more effort."""
    if any(one.verdict != "low" for one in context.diagnosis.gaps):
        return None
    command = predict_command(context.record.run, context.setting.data, context.images)
    return Advice(1.0, f"No gap is above {percent(context.diagnosis.worth)}.", "", command=command)


RULES: tuple[Rule, ...] = (
    Rule("bigger-network", "bias", RECIPE, bigger_network),
    Rule("longer-training", "bias", RECIPE, longer_training),
    Rule("weaker-regularisation", "bias", f"{YEARNING}, chapter 25", weaker_regularisation),
    Rule("wider-space", "bias", PLAYBOOK, wider_space),
    Rule("other-architecture", "bias", RECIPE, other_architecture),
    Rule("more-data", "variance", RECIPE, more_data),
    Rule("stronger-regularisation", "variance", RECIPE, stronger_regularisation),
    Rule("further-regularisation", "variance", FURTHER_SOURCES, further_regularisation),
    Rule("augmentation", "variance", AMIDI, augmentation, images=True),
    Rule("wider-space", "variance", PLAYBOOK, wider_space),
    Rule("other-architecture", "variance", RECIPE, other_architecture),
    Rule("smaller-network", "variance", f"{YEARNING}, chapter 27", smaller_network),
    Rule("matching-data", "mismatch", f"{YEARNING}, chapter 42", matching_data),
    Rule("more-seeds", "uncertainty", SEEDS, more_seeds),
    Rule("more-data-to-measure", "uncertainty", f"{YEARNING}, chapter 7", more_data_to_measure),
    Rule("best-achievable-error", "uncertainty", f"{YEARNING}, chapter 33", best_achievable),
    Rule("stop", "nothing", RECIPE, stop),
)
"""The recipe."""


def prescribe(
    diagnosis: Diagnosis, record: Record, curve: LearningCurve | None = None, more: int = 0
) -> list[Prescription]:
    """Say what to do about a diagnosis of a study that has chosen; see `prescribe_for`.

    Args:
        diagnosis: of the study.
        record: of the study.
        curve: its learning curve, if there is one.
        more: networks with further seeds that the diagnosis rests on, beside the study's own.

    Returns:
        Prescriptions, at least one.
    """
    return prescribe_for(RuleContext.of(diagnosis, record, curve, more))


def prescribe_for(context: RuleContext) -> list[Prescription]:
    """Say what to do, what is expected to bring most first.

    What brings most is judged by the size of the gap that it is against, whether that gap is sure, and what the rule
    knows of its own effect. What was tried and brought nothing (`ikura.diagnose.tried_prescriptions`) comes last.

    Returns:
        Prescriptions, at least one. A change that leaves no feasible configuration of the space is not among them.
    """
    diagnosis = context.diagnosis
    gaps = [one for one in diagnosis.gaps if _leans(one, diagnosis.worth)]
    largest = max((one.value for one in gaps), default=1.0)
    weights = {one.name: (1.0 if one.verdict == "high" else LEANING) * one.value / largest for one in gaps}
    weights |= {"uncertainty": 1.0, "nothing": 1.0}
    found = [(rule, advice) for rule in RULES if rule.against in weights and (advice := rule.asks(context)) is not None]
    found = [pair for pair in found if _possible(context.space, pair[1].change)]
    vain = {name: one for name, one in tried(context).items() if not one.better}
    kept: dict[str, Prescription] = {}
    for rule, advice in sorted(
        found, key=lambda pair: (pair[0].name in vain, -pair[1].strength * weights[pair[0].against])
    ):
        command = advice.command
        if command is None:
            command = command_of(context, rule.name, advice.change)
        reason = f"{advice.reason} {vain[rule.name].sentence}" if rule.name in vain else advice.reason
        one = (rule.name, rule.against, reason, advice.expected, command, rule.source, advice.change)
        kept.setdefault(rule.name, Prescription(*one))
    return list(kept.values())


def remedies(diagnosis: Diagnosis) -> dict[str, list[str]]:
    """Name what the recipe has against each high gap, where there is no study to ask further.

    Example:
        >>> from ikura.diagnose.bare_error_rates import judge
        >>> remedies(judge(0.15, 0.16))
        {'bias': ['bigger-network', 'longer-training', 'weaker-regularisation', 'wider-space', 'other-architecture']}
    """
    high = [one.name for one in diagnosis.gaps if one.verdict == "high"]
    return {name: [rule.name for rule in RULES if rule.against == name and not rule.images] for name in high}


def _leans(gap: Gap, worth: float) -> bool:
    """Whether a gap is high, or may be and is more likely so than not."""
    return gap.verdict == "high" or (gap.verdict == "cannot tell" and gap.value > worth)


def _possible(space: Space, change: Change) -> bool:
    try:
        check_feasible(space.replace(**change.space))
    except SpaceError:
        return False
    return True


def _diagnose(context: RuleContext, asked: str) -> str:
    """The command that diagnoses again as it was done, with something more."""
    one = context.diagnosis
    words = ["ikura", "diagnose", shlex.quote(shown(context.record.run)), asked]
    known = {"given": "--bayes-error", "human": "--human-error"}.get(one.optimal_source)
    if known is not None and one.optimal is not None:
        words.append(f"{known} {one.optimal.value:.12g}")
    if one.worth != WORTH:
        words.append(f"--worth {one.worth:.12g}")
    return " ".join(words)


def _epochs(epochs: int) -> Change:
    return Change({}, {"epochs": epochs})


def _between(one: Gap) -> str:
    return f"{percent(one.value)} (95 % interval {percent(one.low)} to {percent(one.high)})"


def _bias(context: RuleContext) -> str:
    return f"The training error is {percent(context.diagnosis.fit.value)}, a bias of {_between(context.diagnosis.bias)}"


def _variance(context: RuleContext) -> str:
    one = context.diagnosis
    return f"The dev error of {percent(one.dev.value)} lies {_between(one.variance)} above the training error"
