"""What the gradient reaches: every parameter, and every input."""

from __future__ import annotations

import torch

from ikura.checks._base import Check, Result
from ikura.checks.short_training import gradients, reseed
from ikura.checks.subject import Subject, without_dropout

__all__ = ["DetachedCheck", "InputsCheck"]

UNUSED = 0.5


class DetachedCheck(Check):
    """Looks for parameters that no gradient reaches."""

    name = "detached"
    any_target = True
    about = "the gradient reaches every parameter that is to be trained"

    def run(self, subject: Subject) -> Result:
        """Compute the gradient of one large mini-batch."""
        module = without_dropout(subject.module())
        names = [name for name, p in module.named_parameters() if p.requires_grad]
        frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
        if not names:
            return self.failed(
                "no parameter is to be trained",
                "All parameters have requires_grad=False, or the network has none.",
                "Let at least the last layer learn.",
                frozen=frozen,
            )
        reseed()
        _, found = gradients(subject, module, subject.seen())
        lost = [name for name, gradient in zip(names, found, strict=True) if gradient is None]
        zero = [name for name, g in zip(names, found, strict=True) if g is not None and not bool(g.any())]
        figures = {"without_gradient": lost, "zero_gradient": zero, "frozen": frozen}
        if lost:
            return self.failed(
                f"no gradient reaches {', '.join(lost[:5])}{' and more' if len(lost) > 5 else ''}",
                "The layer is not used in forward, or cut off: by .detach(), .data, torch.no_grad(), .item() or NumPy.",
                "Use the layer, or keep the path from it to the loss within the graph.",
                **figures,
            )
        if any(name.endswith("weight") for name in zero):
            return self.warned(
                f"the gradient of {', '.join(zero[:5])} is exactly zero for {len(subject.seen().y)} examples",
                "Zero weights or dead units behind the layer stop the gradient, or a factor of zero.",
                "Look at the initial weights and activations behind it.",
                **figures,
            )
        note = f"; {len(frozen)} parameters are frozen" if frozen else ""
        return self.passed(f"the gradient reaches all {len(names)} parameters{note}", **figures)


class InputsCheck(Check):
    """Looks at which inputs the outputs depend on."""

    name = "inputs-used"
    any_target = True
    about = "the outputs depend on the inputs"

    def run(self, subject: Subject) -> Result:
        """Compute the gradient of the outputs with respect to the inputs."""
        batch = subject.seen(rows=64)
        module = without_dropout(subject.module())
        if not isinstance(batch.x, torch.Tensor) or not batch.x.is_floating_point():
            return self.skipped("the inputs are not one tensor of floating-point numbers")
        x = batch.x.clone().requires_grad_()
        reseed()
        outputs = subject.outputs(module, batch._replace(x=x))
        weights = torch.randn(outputs.shape)
        found = (
            torch.autograd.grad((outputs * weights).sum(), x, allow_unused=True)[0] if outputs.requires_grad else None
        )
        with torch.no_grad():
            noise = torch.randn(batch.x.shape)
            reseed()
            moved = bool((subject.outputs(module, batch._replace(x=batch.x + noise)) != outputs).any())
        unused = 1.0 if found is None else float((found == 0).all(0).float().mean())
        if not moved:
            return self.failed(
                "the outputs are the same for all inputs",
                "The network does not use its inputs: they are overwritten, multiplied by zero, or all units are dead.",
                "Follow the inputs through forward.",
                unused=1.0,
            )
        if unused > UNUSED:
            return self.warned(
                f"{unused:.0%} of the inputs have no effect on the outputs",
                "A slice or view drops features, or an operation without gradient stands before them.",
                "Look at how forward takes the inputs apart.",
                unused=unused,
            )
        return self.passed(f"{1 - unused:.0%} of the inputs have an effect", unused=unused)
