"""The network as it begins: symmetry of its units, and its loss before any training."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from ikura.checks._base import Check, Result
from ikura.checks.short_training import reseed, train
from ikura.checks.subject import Subject, without_dropout

__all__ = ["InitialLossCheck", "SymmetryCheck"]

LARGE, HUGE, SMALL = 6.0, 12.0, 0.4
"""Initial loss in units of what a network that knows nothing should have.

He's rule in the output layer too gives a regression 3: the target's variance and twice as much of the outputs.
"""


class SymmetryCheck(Check):
    """Looks for layers whose units begin alike and stay alike."""

    name = "symmetry"
    any_target = True
    about = "the units of a layer begin with different weights, or become different"

    def run(self, subject: Subject) -> Result:
        """Compare the units before and after a few updates."""
        module = without_dropout(subject.module())
        alike = [name for name, p in module.named_parameters() if _alike(p)]
        if not alike:
            return self.passed("all units begin with weights of their own")
        reseed()
        train(subject, module, 8, learning_rate=0.01, optimizer="sgd")
        still_alike = [name for name, p in module.named_parameters() if name in alike and _alike(p)]
        if not still_alike:
            return self.passed(f"{', '.join(alike[:3])}: units begin alike and become different", began=alike)
        zero = all(not p.any() for name, p in subject.module().named_parameters() if name in still_alike)
        return self.failed(
            f"all units of {', '.join(still_alike[:3])} have the same weights, also after training",
            f"Weights begin {'at zero' if zero else 'equal'}: symmetry is not broken, so that all units of a layer "
            "compute and learn the same.",
            "Draw initial weights at random, for example by He's rule (initialisation = he).",
            layers=still_alike,
        )


def _alike(p: Tensor) -> bool:
    """Whether all rows of a matrix or all kernels are equal; one unit alone is not like any other."""
    if not p.requires_grad or p.dim() < 2 or p.shape[0] < 2:
        return False
    rows = p.detach().reshape(len(p), -1)
    return bool(((rows - rows[:1]).abs().max() <= 1e-7 * rows.abs().max()).item())


class InitialLossCheck(Check):
    """Compares the loss before training with that of a network that knows nothing."""

    name = "initial-loss"
    about = "the loss begins near ln C for C classes, or near the variance of the target"

    def missing(self, subject: Subject) -> str | None:
        """It takes a known loss."""
        own = None if subject.loss is None else "the expected value of a loss of your own is not known"
        return super().missing(subject) or own

    def run(self, subject: Subject) -> Result:
        """Take the mean over a few initialisations."""
        batch = subject.seen()
        losses = []
        for seed in range(3 if subject.initial else 1):
            module = without_dropout(subject.module(seed=seed))
            with torch.no_grad():
                reseed()
                losses.append(float(subject.cost(subject.outputs(module, batch), batch.y)))
        measured = sum(losses) / len(losses)
        y = batch.y.double()
        regression = subject.task == "regression"
        expected = float((y**2).mean()) if regression else log(max(subject.classes, 2))
        what = "the mean square of the target" if regression else f"ln {max(subject.classes, 2)}"
        ratio = measured / expected if expected > 1e-12 else 1.0
        figures = {"loss": measured, "expected": expected, "ratio": ratio}
        told = f"the loss begins at {measured:.3g}; {what} is {expected:.3g}"
        if ratio > LARGE or measured != measured:
            give = self.failed if ratio > HUGE or measured != measured else self.warned
            return give(
                told,
                "Initial weights are too large, inputs are not normalised, or an offset is missing: the network begins "
                "sure of wrong answers.",
                "Shrink the initial weights of the last layer, or normalise inputs and targets.",
                **figures,
            )
        if ratio < SMALL and subject.initial:
            return self.failed(
                told,
                "An untrained network cannot know this much: the target is among the inputs, the weights are not "
                "initial ones, or the loss is not what it is taken for.",
                "Look for the target among the inputs, and at how the loss is computed.",
                **figures,
            )
        return self.passed(told, **figures)
