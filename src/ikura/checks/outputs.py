"""Whether the network's outputs are what the loss takes them for, and the loss what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ikura.checks._base import Check, Result
from ikura.checks.subject import Subject, without_dropout
from ikura.lazy_torch import Tensor, torch
from ikura.population.inputs import over_floats

__all__ = ["LossCheck", "OutputsCheck"]

FAR = 100.0
ALIKE = 1e-5


class OutputsCheck(Check):
    """Looks at what makes the outputs: a softmax, a sigmoid, or a ReLU where a plain number is wanted."""

    name = "outputs"
    any_target = True
    about = "outputs are logits or plain values, as the loss takes them"

    def missing(self, subject: Subject) -> str | None:
        """What outputs are, only a loss of the caller's own knows where it says what is learned."""
        own = "the loss is your own and says what is learned" if subject.task == "own" else None
        return super().missing(subject) or own

    def run(self, subject: Subject) -> Result:
        """Look at outputs of common and of far inputs, and at the function that made them."""
        from ikura.checks.trace import trace

        batch = subject.seen(rows=64)
        module = without_dropout(subject.module()).eval()
        found = trace(subject, module, batch, backward=False)
        last = None if found.last is None else found.last.kind
        with torch.no_grad():
            outputs = found.outputs.detach()
            far = [over_floats(batch.x, partial(torch.mul, sign * FAR)) for sign in (1, -1)]
            both = [outputs, *(subject.outputs(module, batch._replace(x=x)) for x in far)]
        probes = torch.cat([one.reshape(len(one), -1) for one in both])
        probes = probes[torch.isfinite(probes).all(1)]
        if not len(probes):
            return self.skipped("outputs are not finite")
        low, high = float(probes.min()), float(probes.max())
        figures = {"least": low, "most": high, "made_by": last}
        if not _takes_logits(subject, outputs, batch.y):
            return self._probabilities(subject, outputs, figures)
        if subject.task == "multiclass":
            return self._classes(probes, last, figures)
        squashed = low >= 0 and high <= 1 and high - low > 0.98
        if subject.task in ("binary", "multilabel") and (last == "sigmoid" or squashed):
            return self.failed(
                "outputs are probabilities (a sigmoid made them), but the loss takes logits",
                "The sigmoid is applied twice: once by the network, once by the loss. Gradients are small, and no "
                "prediction gets beyond 0.73.",
                "Leave the sigmoid out and return logits.",
                **figures,
            )
        if last == "relu" or (low == 0 < high and float((probes == 0).float().mean()) > 0.2):
            return self.failed(
                "outputs cannot be negative: a ReLU made them",
                "An activation follows the output layer; half of the targets or logits are out of reach.",
                "Let the output layer be the last.",
                **figures,
            )
        if subject.task == "regression" and (last in ("sigmoid", "tanh", "softmax")):
            return self._bounded(subject, last, batch.y, figures)
        return self.passed(f"outputs are plain numbers, from {low:.2g} to {high:.2g} on far inputs", **figures)

    def _classes(self, probes: Tensor, last: str | None, figures: Mapping[str, Any]) -> Result:
        sums = probes.sum(1)
        if last == "softmax" or (probes.min() >= 0 and float((sums - 1).abs().max()) < ALIKE * 10):
            return self.failed(
                "outputs of every example sum to one: they are probabilities, but the loss takes logits",
                "The softmax is applied twice: once by the network, once by the loss. Learning is slow, and the loss "
                "cannot get near zero.",
                "Leave the softmax out and return logits.",
                **figures,
            )
        if last in ("sigmoid", "relu", "tanh"):
            return self.failed(
                f"a {last} made the outputs, but the loss takes logits",
                "An activation follows the output layer and bounds the logits.",
                "Let the output layer be the last.",
                **figures,
            )
        return self.passed("outputs are logits", **figures)

    def _bounded(self, subject: Subject, last: str, y: Tensor, figures: Mapping[str, Any]) -> Result:
        low, high = (-1.0, 1.0) if last == "tanh" else (0.0, 1.0)
        outside = float(((y < low) | (y > high)).float().mean())
        if outside < 0.01:
            return self.passed(f"a {last} bounds the outputs, and the targets lie within", **figures)
        return self.failed(
            f"a {last} bounds the outputs to [{low:g}, {high:g}], but {outside:.0%} of the targets lie outside",
            "An activation follows the output layer.",
            "Let the output layer be the last.",
            outside=outside,
            **figures,
        )

    def _probabilities(self, subject: Subject, outputs: Tensor, figures: Mapping[str, Any]) -> Result:
        if subject.task == "multiclass" and outputs.dim() == 2:
            sums = (outputs.sum(1) - 1).abs().max(), (outputs.exp().sum(1) - 1).abs().max()
            if float(min(sums)) > 1e-3:
                return self.failed(
                    "the loss takes (logarithms of) probabilities, but outputs do not sum to one",
                    "The loss expects a softmax or log-softmax that the network does not have.",
                    "Return outputs.log_softmax(1), or use the cross-entropy of logits.",
                    **figures,
                )
        return self.passed("outputs are what the loss takes", **figures)


def _takes_logits(subject: Subject, outputs: Tensor, y: Tensor) -> bool:
    """Whether a loss is one of logits: for classes, whether a constant added to all of them changes nothing."""
    if subject.loss is None or subject.task == "regression":
        return True
    try:
        with torch.no_grad():
            shifted = float(subject.cost(outputs + 3.0, y))
            plain = float(subject.cost(outputs, y))
    except Exception:
        return False
    return subject.task == "binary" or abs(shifted - plain) < 1e-4 * max(1.0, abs(plain))


class LossCheck(Check):
    """Asks a loss of the caller's own whether it falls towards right answers and is a mean."""

    name = "loss"
    about = "the loss is differentiable, smaller for better predictions, and a mean over the mini-batch"

    def missing(self, subject: Subject) -> str | None:
        """Losses of ikura's own need no check."""
        return super().missing(subject) or ("the loss is ikura's own" if subject.loss is None else None)

    def run(self, subject: Subject) -> Result:
        """Compare right with wrong predictions, and a mini-batch with the same one twice."""
        batch = subject.batch(16)
        module = subject.module()
        outputs = subject.outputs(module, batch)
        value = subject.cost(outputs, batch.y)
        if value.numel() != 1:
            return self.failed(
                f"the loss has shape {tuple(value.shape)}",
                "The loss is not reduced to one number.",
                "Take its mean.",
            )
        if not value.requires_grad:
            return self.failed(
                "the loss has no gradient",
                "It was made of numbers taken out of the graph: .item(), .detach(), .numpy(), argmax or a comparison.",
                "Compute it from the outputs with differentiable operations alone.",
            )
        with torch.no_grad():
            twice = subject.cost(torch.cat([outputs, outputs]), torch.cat([batch.y, batch.y]))
            ratio = float(twice) / float(value) if float(value) else 1.0
            right, wrong = self._ends(subject, outputs, batch.y)
        figures = {"loss": float(value.detach()), "twice_the_rows": ratio, "right": right, "wrong": wrong}
        if right is not None and wrong is not None and right > wrong:
            return self.failed(
                f"the loss of right predictions is {right:.3g}, that of wrong ones {wrong:.3g}",
                "The loss has the wrong sign: training makes predictions worse.",
                "Turn the sign round, or swap outputs and targets if their order is wrong.",
                **figures,
            )
        if abs(ratio - 2) < 0.05:
            return self.warned(
                "the loss is a sum over the mini-batch: twice the examples, twice the loss",
                "reduction='sum': the learning rate then depends on the mini-batch size.",
                "Take the mean.",
                **figures,
            )
        return self.passed("smaller for better predictions, and a mean over the mini-batch", **figures)

    def _ends(self, subject: Subject, outputs: Tensor, y: Tensor) -> tuple[float | None, float | None]:
        """Losses of right and of wrong predictions; None where it is not clear what they are."""
        try:
            if subject.task == "regression":
                right = y.reshape(outputs.shape).to(outputs.dtype)
                return float(subject.cost(right, y)), float(subject.cost(right + 3.0, y))
            if subject.task == "binary":
                sure = (y.reshape(outputs.shape).to(outputs.dtype) * 2 - 1) * 0.49
                shift = 0.5 if not _takes_logits(subject, outputs, y) else 0.0
                return float(subject.cost(sure + shift, y)), float(subject.cost(shift - sure, y))
            hot = torch.nn.functional.one_hot(y.long(), outputs.shape[1]).to(outputs.dtype)
            scores = (hot * 5).log_softmax(1) if not _takes_logits(subject, outputs, y) else hot * 5
            turned = hot.roll(1, 1)
            other = (turned * 5).log_softmax(1) if not _takes_logits(subject, outputs, y) else turned * 5
            return float(subject.cost(scores, y)), float(subject.cost(other, y))
        except Exception:
            return None, None
