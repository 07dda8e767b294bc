"""One trial in plain PyTorch, epoch by epoch, as a careful user would write it.

Data in memory as tensors, mini-batches as slices of a permuted tensor, the fastest update PyTorch offers, one thread,
denormal numbers flushed, diverged trials given up.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

from benchmarks.plain import network, optimiser
from benchmarks.tasks import Parts

__all__ = ["Examples", "Trial", "one_thread"]

EXPLODED = 1e3
"""A dev loss so many times what it was at the start (at least 1) counts as diverged."""


def one_thread() -> None:
    """Set PyTorch up for one of two processes on two cores."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


class Examples:
    """A task's parts as tensors."""

    def __init__(self, parts: Parts) -> None:
        self.task, self.outputs = parts.task, parts.outputs
        self.train_x, self.dev_x = torch.from_numpy(parts.train_x), torch.from_numpy(parts.dev_x)
        self.train_y, self.dev_y = torch.from_numpy(parts.train_y), torch.from_numpy(parts.dev_y)
        if self.task != "multiclass":
            self.train_y, self.dev_y = self.train_y[:, None], self.dev_y[:, None]
        self.loss: Any = {
            "multiclass": functional.cross_entropy,
            "binary": functional.binary_cross_entropy_with_logits,
            "regression": functional.mse_loss,
        }[self.task]

    def score(self, z: torch.Tensor) -> float:
        """Compute accuracy, or R², of raw outputs on the dev set."""
        y = self.dev_y
        if self.task == "multiclass":
            return (z.argmax(1) == y).float().mean().item()
        if self.task == "binary":
            return ((z > 0) == (y > 0.5)).float().mean().item()
        return 1 - (((y - z) ** 2).sum() / ((y - y.mean()) ** 2).sum()).item()


class Trial:
    """Trains one configuration.

    Attributes:
        epochs: passes over the training set so far.
        best: the best dev score so far.
        diverged: whether it was given up.
    """

    def __init__(self, examples: Examples, hp: dict[str, Any], seed: int) -> None:
        torch.manual_seed(seed)
        self.examples, self.batch = examples, hp["batch_size"]
        self.net = network(examples.train_x.shape[1], examples.outputs, hp)
        self.update = optimiser(self.net, hp)
        self.epochs, self.best, self.diverged = 0, -math.inf, False
        self.limit = EXPLODED * max(self._evaluate()[0], 1.0)

    def _evaluate(self) -> tuple[float, float]:
        self.net.eval()
        with torch.inference_mode():
            z = self.net(self.examples.dev_x)
            return self.examples.loss(z, self.examples.dev_y).item(), self.examples.score(z)

    def epoch(self) -> float:
        """Train an epoch; the best dev score so far."""
        x, y, loss = self.examples.train_x, self.examples.train_y, self.examples.loss
        self.net.train()
        order = torch.randperm(len(x))
        x, y = x[order], y[order]
        for begin in range(0, len(x), self.batch):
            self.update.zero_grad()
            loss(self.net(x[begin : begin + self.batch]), y[begin : begin + self.batch]).backward()
            self.update.step()
        self.epochs += 1
        dev_loss, score = self._evaluate()
        self.diverged = not dev_loss <= self.limit
        if not self.diverged:
            self.best = max(self.best, score)
        return self.best
