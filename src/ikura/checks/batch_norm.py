"""Batch normalisation: a bias before it, and mini-batches too small for it."""

from __future__ import annotations

import torch
from torch import nn

from ikura.checks._base import Check, Result
from ikura.checks.subject import Subject, without_dropout
from ikura.checks.trace import trace
from ikura.nn.normalisers import BatchNorm, GhostNorm

__all__ = ["BatchNormCheck"]

FEW, FEWER = 8, 4


class BatchNormCheck(Check):
    """Looks at what stands before batch normalisation and at how many examples it sees."""

    name = "batch-norm"
    any_target = True
    about = "no bias before batch normalisation, and mini-batches large enough for it"

    def run(self, subject: Subject) -> Result:
        """Look at mini-batch sizes, then at layers whose outputs are normalised."""
        assert subject.train is not None
        module = without_dropout(subject.module())
        kinds = (nn.modules.batchnorm._BatchNorm, BatchNorm, GhostNorm)
        normal = {name: part for name, part in module.named_modules() if isinstance(part, kinds)}
        if not normal:
            return self.skipped("the network has no batch normalisation")
        size = min(int(subject.values.batch_size), len(subject.train))
        ghosts = [part.ghost_size for part in normal.values() if isinstance(part, GhostNorm)]
        least = min([size, *ghosts])
        batch = subject.batch(max(size, 2))
        table = isinstance(batch.x, torch.Tensor) and batch.x.dim() == 2
        flat = all(isinstance(part, nn.BatchNorm1d | BatchNorm | GhostNorm) for part in normal.values())
        if table and flat and least < FEW:
            give = self.failed if least < FEWER else self.warned
            return give(
                f"batch normalisation sees {least} examples at a time",
                "Mini-batches are too small: mean and variance of so few examples are mostly noise.",
                "Use mini-batches of at least 16, or layer normalisation.",
                batch_size=size,
                least=least,
            )
        plain = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in normal.values())
        if table and plain and len(subject.train) % size == 1:
            return self.warned(
                f"{len(subject.train)} examples in mini-batches of {size} leave one over, which has no variance",
                "torch's batch normalisation refuses a mini-batch of one example.",
                "Drop the last mini-batch (drop_last=True) or change its size.",
                batch_size=size,
            )
        found = self._biased(subject, module)
        if found:
            return self.warned(
                f"{', '.join(found)} {'has' if len(found) == 1 else 'have'} a bias before batch normalisation",
                "The normalisation takes the mean away, and with it the bias: it is never of use.",
                "Make the layer with bias=False; the normalisation has a shift of its own.",
                layers=found,
            )
        return self.passed(f"mini-batches of {size}, no bias before it", batch_size=size)

    def _biased(self, subject: Subject, module: nn.Module) -> list[str]:
        signals = trace(subject, module, subject.batch(16), backward=False).of("layer", "norm")
        made = {id(one.output): one for one in signals if one.kind == "layer" and one.biased}
        before = [made[id(t)].where for one in signals if one.kind == "norm" for t in one.inputs[:1] if id(t) in made]
        return list(dict.fromkeys(before))
