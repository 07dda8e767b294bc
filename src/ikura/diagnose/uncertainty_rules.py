"""Rules for what cannot be told yet, and for when nothing is worth more effort."""

from __future__ import annotations

import math

from ikura.diagnose.recipe_rule import Advice, RuleContext, between
from ikura.metric.estimate import percent
from ikura.study.record.command import predict_command
from ikura.study.record.earlier_study import Change

__all__ = ["best_achievable", "more_data_to_measure", "more_seeds", "other_metric", "stop"]

UNEVEN = 0.25
"""Where the most common answer is wrong less often than this, an error rate may say nothing of the other ones."""

MOST_SEEDS = 50
"""Seeds that are asked for at once at most."""


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
    reason = " ".join(f"The {one.name} is {between(one)}." for one in unknown)
    reason += f" That is too wide to judge. Add rows to {context.source}, then tune again."
    parts = context.record.summary["parts"]
    rows = parts["train"] + parts["dev"] + parts["test"]
    shares = {one.of: parts["dev" if one.of == "dev" else "train"] / rows for one in unknown}
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
    reason = " ".join(f"The {one.name} is {between(one)} over {one.seeds:,} seeds." for one in unknown)
    alone = not any(one.examples_needed for one in unknown)
    reason += " It is the spread from seed to seed" + (" " if alone else ", and how few the examples are, ")
    reason += "that keeps it from being told."
    now = min(most, MOST_SEEDS)
    expected = "a verdict" if now == most and alone else "a shorter interval"
    also = "" if now == most else f"; about {most:,} are needed"
    command = context.diagnose_again(f"--seeds {context.more + now}")
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
    command = context.diagnose_again(f"{option} {best.value:.2g}")
    expected = f"a bias against a known error, with the error {whose} in place of this guess"
    return Advice(0.45, reason, expected, command=command)


def other_metric(context: RuleContext) -> Advice | None:
    """A metric that counts rare classes, where the network errs as often as always giving the most common answer."""
    one = context.diagnosis
    if not one.constant or one.constant >= UNEVEN or one.dev.high < one.constant:
        return None
    name = "balanced_accuracy" if context.record.task == "multiclass" else "average_precision"
    reason = (
        f"Always giving the most common answer is wrong in {percent(one.constant)} of the dev examples, the network in "
        f"{percent(one.dev.value)} (95 % interval {percent(one.dev.low)} to {percent(one.dev.high)}): by the error "
        "rate a network that never finds what is rare is as good."
    )
    expected = "a network that is chosen by how well it finds what is rare"
    return Advice(1.0, reason, expected, Change(settings={"metric": name}))


def stop(context: RuleContext) -> Advice | None:
    """Nothing is worth more effort."""
    if other_metric(context) is not None or any(one.verdict != "low" for one in context.diagnosis.gaps):
        return None
    command = predict_command(context.record.named_folder, context.setting.data, context.images)
    return Advice(1.0, f"No gap is above {percent(context.diagnosis.worth)}.", "", command=command)
