"""Penalties, dropout, smoothing and clipping that leave nothing to learn with."""

from __future__ import annotations

from torch import nn

from ikura.checks._base import Check, Result
from ikura.checks.short_training import gradients, reseed
from ikura.checks.subject import Subject, without_dropout
from ikura.nn.dropout import Dropout
from ikura.population.update_rules import StepSize, rule

__all__ = ["ClippingCheck", "RegularisationCheck"]

HEAVY, SHRINKS = 10.0, 0.1
MUCH, NEARLY_ALL = 0.8, 0.95
NOTHING, LITTLE = 1e-3, 1e-2


class RegularisationCheck(Check):
    """Compares the penalties with the loss, and looks at dropout and label smoothing."""

    name = "regularisation"
    about = "penalties, weight decay, dropout and label smoothing leave the loss in charge"

    def run(self, subject: Subject) -> Result:
        """Measure at the start."""
        values = subject.values
        module = without_dropout(subject.module())
        batch = subject.seen()
        reseed()
        cost = float(subject.cost(subject.outputs(module, batch), batch.y).detach())
        penalty = float(subject.penalty(module).detach())
        rates = [
            float(part.rate if isinstance(part, Dropout) else part.p)
            for part in module.modules()
            if isinstance(part, Dropout | nn.modules.dropout._DropoutNd)
        ]
        shrinks = float(values.weight_decay) * float(values.learning_rate)
        figures = {"loss": cost, "penalty": penalty, "dropout": rates, "decay_of_each_step": shrinks}
        if penalty > HEAVY * abs(cost):
            return self.failed(
                f"penalties begin at {penalty:.3g}, the loss at {cost:.3g}",
                "l2 or l1 is far too strong: training makes the weights small, not the loss.",
                "Lower l2 and l1 by the factor between the two, or more.",
                **figures,
            )
        if shrinks > SHRINKS:
            return self.failed(
                f"weight decay takes {shrinks:.0%} of each weight away at every update",
                "weight_decay times learning_rate is far too large.",
                "Lower weight_decay.",
                **figures,
            )
        if rates and max(rates) >= MUCH:
            give = self.failed if max(rates) >= NEARLY_ALL else self.warned
            return give(
                f"dropout leaves {max(rates):.0%} of a layer's units out",
                "The rate is the share that is dropped, not the share that is kept.",
                f"Was {1 - max(rates):.2g} meant?",
                **figures,
            )
        if values.label_smoothing >= MUCH:
            return self.failed(
                f"label smoothing spreads {values.label_smoothing:.0%} of each label over all classes",
                "Hardly anything of the labels is left.",
                "Use 0.1 or less.",
                **figures,
            )
        return self.passed(f"penalties {penalty:.2g} beside a loss of {cost:.2g}", **figures)


class ClippingCheck(Check):
    """Compares the gradient's size with what clipping leaves of it."""

    name = "clipping"
    about = "clipping leaves something of the gradient"

    def missing(self, subject: Subject) -> str | None:
        """It takes clipping."""
        clips = subject.values.clip_norm or subject.values.clip_value
        return super().missing(subject) or (None if clips else "nothing is clipped")

    def run(self, subject: Subject) -> Result:
        """Measure the gradient's norm and largest component at the start."""
        values = subject.values
        module = without_dropout(subject.module())
        reseed()
        _, found = gradients(subject, module, subject.batch(int(values.batch_size)))
        sizes = [g for g in found if g is not None]
        norm = sum(float(g.square().sum()) for g in sizes) ** 0.5
        largest = max((float(g.abs().max()) for g in sizes), default=0.0)
        left = min(
            values.clip_norm / norm if values.clip_norm and norm else 1.0,
            values.clip_value / largest if values.clip_value and largest else 1.0,
            1.0,
        )
        figures = {"norm": norm, "largest": largest, "left": left}
        told = f"clipping leaves {left:.2g} of the gradient, whose norm is {norm:.3g}"
        if left >= LITTLE or rule(values.optimizer).step_size is not StepSize.GRADIENT:
            return self.passed(told, **figures)
        return (self.failed if left < NOTHING else self.warned)(
            told,
            "The gradient is clipped to nearly nothing, and every step with it.",
            f"Clip at the norm of the largest gradients, about {2 * norm:.2g}.",
            **figures,
        )
