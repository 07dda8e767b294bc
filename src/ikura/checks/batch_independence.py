"""Evaluation mode: the same input gives the same output, whatever stands beside it in the mini-batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ikura.checks._base import Check, Result
from ikura.checks.short_training import reseed
from ikura.checks.subject import Subject

__all__ = ["BatchIndependenceCheck", "EvaluationCheck"]

ALIKE = 1e-3


def _differs(a: Tensor, b: Tensor) -> float:
    """Largest difference, relative to the outputs' size."""
    size = max(float(a.abs().mean()), 1e-6)
    return float((a - b).abs().max()) / size


class EvaluationCheck(Check):
    """Runs the network twice in evaluation mode, with other random numbers."""

    name = "evaluation"
    any_target = True
    about = "in evaluation mode the same inputs give the same outputs: dropout is off"

    def run(self, subject: Subject) -> Result:
        """Run it twice."""
        batch, module = subject.batch(32), subject.module().eval()
        before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        with torch.no_grad():
            outs = []
            for seed in (1, 2):
                reseed(seed)
                outs.append(subject.outputs(module, batch))
        if any(part.training for part in module.modules()):
            on = [name or "the network" for name, part in module.named_modules() if part.training]
            note = f" ({', '.join(on[:3])} stay in training mode)"
        else:
            note = ""
        difference = _differs(outs[0], outs[1])
        if difference > ALIKE:
            return self.failed(
                f"two runs in evaluation mode differ by {difference:.0%} of the outputs' size{note}",
                "Dropout, or other noise, stays on in evaluation mode: functional.dropout without "
                "training=self.training, or a train() that ignores its mode.",
                "Use nn.Dropout, or pass training=self.training.",
                difference=difference,
            )
        moved = [name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])]
        if moved:
            return self.failed(
                f"evaluation changes {', '.join(moved[:3])}{note}",
                "Running statistics, or weights, are updated in evaluation mode.",
                "Update them only if self.training.",
                changed=moved,
            )
        return self.passed("two runs agree and change nothing", difference=difference)


class BatchIndependenceCheck(Check):
    """Runs examples in evaluation mode together, and with others."""

    name = "batch-independence"
    any_target = True
    about = "in evaluation mode an example's output does not depend on the other examples"

    def run(self, subject: Subject) -> Result:
        """Compare the first examples with their outputs among other neighbours."""
        batch, module = subject.batch(16), subject.module()
        half = len(batch.y) // 2
        if half < 2:
            return self.skipped("it takes four examples")
        with torch.no_grad():
            module.train()
            for index in range(3):
                reseed()
                subject.outputs(module, subject.batch(32, index))
            module.eval()
            reseed()
            together = subject.outputs(module, batch)
            reseed()
            again = subject.outputs(module, batch.rows(torch.arange(len(batch.y)).roll(-half)))
            reseed()
            apart = subject.outputs(module, batch.rows(slice(half)))
            reseed()
            repeated = subject.outputs(module, batch)
        if together.shape[:1] != batch.y.shape[:1] or apart.shape[0] != half:
            return self.skipped("outputs have no row for each example")
        if _differs(together, repeated) > ALIKE:
            return self.skipped("outputs are random in evaluation mode")
        moved = max(_differs(together[:half], apart), _differs(together[:half], again[len(batch.y) - half :]))
        if moved <= ALIKE:
            return self.passed("outputs are the same in any company", difference=moved)
        normal = [name for name, part in module.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
        cause = (
            f"Batch normalisation ({', '.join(normal[:2])}) uses the mini-batch's statistics in evaluation mode "
            "(track_running_stats=False)."
            if normal
            else "An operation runs over the mini-batch's dimension: a softmax or mean over dimension 0, a view that "
            "mixes rows, a normalisation by the mini-batch in evaluation mode."
        )
        return self.failed(
            f"an example's output changes by {moved:.0%} of its size with the examples beside it",
            cause,
            "Let every operation act on the other dimensions alone, and use running statistics in evaluation.",
            difference=moved,
        )
