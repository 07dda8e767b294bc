"""Gradients of one network over single mini-batches, taken by PyTorch whatever trains it."""

from __future__ import annotations

import numpy as np

from ikura.lazy_torch import nn, torch
from ikura.nn.generators import seeded
from ikura.nn.loss import Loss
from ikura.nn.noise import Draws, drawing, key
from ikura.population.batches import Batches
from ikura.population.examples import Examples
from ikura.population.inputs import call_forward
from ikura.population.member import Member
from ikura.population.schedule import batch_size_at

__all__ = ["gradient_norms"]


def gradient_norms(
    module: nn.Module, member: Member, loss: Loss, task: str, examples: Examples, epoch: int, batches: int
) -> list[float]:
    """Measure ‖∇L‖ over the mini-batches that an epoch begins with, all at the same weights.

    L is the mean loss of a mini-batch as training computes it, with the noise of dropout and the statistics of the
    mini-batch; penalties, smoothed and noisy labels and changes of images are left out.

    Args:
        module: the network, with the weights at which to measure; it is left in training mode.
        member: whose network it is.
        loss, task: of the study.
        examples: in the order of the epoch, with the targets that are learned.
        epoch: 0, 1, …
        batches: how many mini-batches at most; only whole ones are taken.

    Returns:
        The norm of the gradient of all weights together, for each mini-batch. NaN where the loss is.
    """
    for parameter in module.train().parameters():
        # How sums are rounded depends on where numbers begin in memory; torch begins its own at a cache line.
        parameter.data = parameter.data.clone()
    parameters = [p for p in module.parameters() if p.requires_grad]
    rows = len(examples)
    size = min(batch_size_at(member.values, epoch), rows)
    made = Batches(examples.head(batches * size), torch.device("cpu"), task)
    norms = []
    for begin in range(0, min(batches * size, rows - size + 1), size):
        span = slice(begin, begin + size)
        x, codes, y = made(span)
        weights = None if made.weights is None else made.weights[span].clone()
        stream = key(member.seed, "noise", epoch)
        with seeded(key(member.seed, "noise", epoch, begin)), drawing(Draws(stream, begin)), torch.enable_grad():
            cost = loss.mean(task, call_forward(module, x.clone(), codes.clone()), y.clone(), weight=weights)
            found = torch.autograd.grad(cost, parameters, allow_unused=True)
        norms.append(float(np.sqrt(sum(float(g.double().square().sum()) for g in found if g is not None))))
    return norms
