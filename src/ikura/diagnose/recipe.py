"""The basic recipe: what to do against bias, variance and not knowing, each rule with its source.

The rules stand in `RULES`, one line each. `prescribe` asks those that fit the diagnosis and puts the strongest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ikura.diagnose.bias_rules import (
    bigger_network,
    longer_training,
    other_architecture,
    weaker_regularisation,
    wider_space,
)
from ikura.diagnose.prescription import Prescription
from ikura.diagnose.recipe_rule import Rule, RuleContext
from ikura.diagnose.tried_prescriptions import tried
from ikura.diagnose.tune_command import command_of
from ikura.diagnose.uncertainty_rules import best_achievable, more_data_to_measure, more_seeds, other_metric, stop
from ikura.diagnose.variance_rules import (
    augmentation,
    further_regularisation,
    matching_data,
    more_data,
    smaller_network,
    stronger_regularisation,
)
from ikura.errors import SpaceError
from ikura.space import Space, check_feasible
from ikura.study.record.diagnosis import Diagnosis, Gap
from ikura.study.record.earlier_study import Change
from ikura.study.record.record import Record

if TYPE_CHECKING:
    from ikura.diagnose.learning_curve import LearningCurve

__all__ = ["RULES", "prescribe", "prescribe_for", "remedies"]

RECIPE = "Ng, Deep Learning Specialization, course 2, week 1: the basic recipe"
YEARNING = "Ng, Machine Learning Yearning (2018)"
PLAYBOOK = "Godbole et al., Deep Learning Tuning Playbook (2023)"
AMIDI = "Amidi and Amidi, Deep Learning tips and tricks cheatsheet (2018)"

FURTHER_SOURCES = (
    "Srivastava et al., Dropout (2014), for the inputs; Tibshirani, The lasso (1996), for l1; Loshchilov and Hutter, "
    "Decoupled weight decay regularization (2019), for weight_decay"
)

DAVIS = "Davis and Goadrich, The relationship between precision-recall and ROC curves (2006)"

SEEDS = "Bouthillier et al., Accounting for variance in machine learning benchmarks (2021)"

LEANING = 0.4
"""How much a prescription counts against a gap of which only the value is high, not the whole interval."""

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
    Rule("other-metric", "uncertainty", f"{YEARNING}, chapter 8; {DAVIS}", other_metric),
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
