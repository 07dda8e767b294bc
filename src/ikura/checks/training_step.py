"""A training step of the caller's own, against the gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ikura.checks._base import Check, Result
from ikura.checks.short_training import gradients, reseed
from ikura.checks.subject import Subject, without_dropout
from ikura.nn.dropout import Dropout
from ikura.population.inputs import TensorInputs

__all__ = ["StepCheck"]

RATE = 1e-3
ALIKE = 0.05


class StepCheck(Check):
    """Makes two training steps with plain gradient descent, and compares the changes with the gradients."""

    name = "step"
    about = "a training step follows the gradient of its own mini-batch"
    needs = ("network", "examples", "step")

    def run(self, subject: Subject) -> Result:
        """Compare the changes with the gradient, minus the gradient, and the sum of both steps' gradients."""
        assert subject.step is not None
        module = without_dropout(subject.module(torch.float64))
        _without_dropout(module)
        parameters = [p for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(module.parameters(), lr=RATE)
        changes, slopes = [], []
        for index in range(2):
            batch = subject.batch(16, index, torch.float64)
            before = _flat(parameters)
            slopes.append(self._slope(subject, module, parameters, index))
            reseed()
            x = batch.x.as_given if isinstance(batch.x, TensorInputs) else batch.x
            subject.step(module, optimizer, x, batch.y)
            changes.append((before - _flat(parameters)) / RATE)
        first, second = (_ratio(c, s) for c, s in zip(changes, slopes, strict=True))
        both = _ratio(changes[1], slopes[0] + slopes[1])
        figures = {"first": first, "second": second, "second_with_first": both}
        if float(changes[0].norm()) < 1e-6 * float(slopes[0].norm()):
            return self.failed(
                "a training step changes no weight",
                "backward() or optimizer.step() is missing, the gradient is zeroed between the two, or it is clipped "
                "to nothing.",
                "In order: zero_grad(), loss.backward(), optimizer.step().",
                **figures,
            )
        if _ratio(changes[0], -slopes[0]) < ALIKE:
            return self.failed(
                "a training step climbs the loss",
                "The loss that is differentiated has the wrong sign.",
                "Differentiate the loss, not minus the loss.",
                **figures,
            )
        if both < ALIKE < second:
            return self.failed(
                "the second step follows the sum of its own and the first step's gradient",
                "Gradients are not zeroed between the steps.",
                "Call optimizer.zero_grad() before each backward().",
                **figures,
            )
        if max(first, second) > ALIKE:
            return self.warned(
                "a training step with plain gradient descent does not follow the gradient",
                "It clips, scales or penalises otherwise than the loss that was given, or trains on other examples.",
                "Compare its loss with the one that was given.",
                **figures,
            )
        return self.passed("both steps follow the gradient of their own mini-batch", **figures)

    def _slope(self, subject: Subject, module: torch.nn.Module, parameters: Sequence[Tensor], index: int) -> Tensor:
        kept = {name: tensor.clone() for name, tensor in module.named_buffers()}
        reseed()
        _, found = gradients(subject, module, subject.batch(16, index, torch.float64))
        with torch.no_grad():
            for name, tensor in module.named_buffers():
                tensor.copy_(kept[name])
        pairs = zip(parameters, found, strict=True)
        return torch.cat([(torch.zeros_like(p) if g is None else g).reshape(-1) for p, g in pairs])


def _without_dropout(module: torch.nn.Module) -> None:
    """Let dropout keep everything, whatever mode the step sets."""
    for part in module.modules():
        if isinstance(part, Dropout):
            part.rate.zero_()
        elif isinstance(part, torch.nn.modules.dropout._DropoutNd):
            part.p = 0.0


def _flat(parameters: Sequence[Tensor]) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for p in parameters])


def _ratio(change: Tensor, slope: Tensor) -> float:
    return float((change - slope).norm() / max(float(change.norm() + slope.norm()), 1e-300))
