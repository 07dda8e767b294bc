"""Whether the network can learn one mini-batch by heart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from ikura.checks._base import Check, Result
from ikura.checks.short_training import evaluate, reseed, train
from ikura.checks.subject import Batch, Subject, without_dropout
from ikura.population.inputs import table_of_inputs

__all__ = ["OverfitCheck"]

ROWS, FEWER = 8, 2
RATES = (0.01, 0.003, 0.05, 0.001)
STEPS = 150
LEARNT, PARTLY = 0.1, 0.5
"""Share of the loss of the best constant prediction below which a mini-batch is learnt."""


class OverfitCheck(Check):
    """Trains on one small mini-batch, dropout and penalties off, until it is learnt by heart."""

    name = "overfit"
    about = "the network can learn one mini-batch by heart"

    def missing(self, subject: Subject) -> str | None:
        """It takes a loss whose least value is known."""
        return super().missing(subject) or (
            "the least value of a loss of your own is not known" if subject.loss is not None else None
        )

    def run(self, subject: Subject) -> Result:
        """Try some learning rates, and a smaller mini-batch if none works."""
        bare = replace(subject, given={**subject.given, "l2": 0.0, "l1": 0.0})
        bare.__dict__["_pristine"] = subject._pristine
        batch = _distinct(subject, ROWS)
        share, rate, losses = _learn(bare, batch)
        figures = {"rows": len(batch.y), "share_left": share, "learning_rate": rate, "losses": losses}
        if share <= LEARNT:
            return self.passed(
                f"{len(batch.y)} examples are learnt by heart: {share:.1%} of the loss is left", **figures
            )
        small = _distinct(subject, FEWER)
        left = _learn(bare, small)[0]
        figures["share_left_of_two"] = left
        told = f"after {STEPS} updates on the same {len(batch.y)} examples {share:.0%} of the loss is left"
        if left <= LEARNT and share < PARTLY:
            return self.warned(
                f"{told}; two examples are learnt",
                "The network is too small for its data, or learns slowly.",
                "Use a larger network, or a better initialisation.",
                **figures,
            )
        return self.failed(
            told,
            "The network is wired wrongly (a detached part, outputs or targets that do not fit the loss, units that "
            "are alike, dead or saturated), or far too small.",
            "Look at the other checks first: gradient, detached, outputs, symmetry, units, signal.",
            **figures,
        )


def _distinct(subject: Subject, rows: int) -> Batch:
    """Choose examples whose inputs and, as far as there are any, whose targets differ."""
    seen = subject.seen()
    inputs = table_of_inputs(seen.x)
    if seen.codes is not None:
        inputs = torch.cat([inputs, seen.codes.float()], 1)
    different = np.sort(np.unique(inputs.numpy(), axis=0, return_index=True)[1])
    if subject.task == "regression":
        return seen.rows(torch.from_numpy(different[:rows].copy()))
    labels = seen.y.numpy()[different]
    turn = np.zeros(len(labels))
    for label in np.unique(labels):
        turn[labels == label] = np.arange(int((labels == label).sum()))
    chosen = different[np.argsort(turn, kind="stable")[:rows]]
    return seen.rows(torch.from_numpy(chosen.copy()))


def _learn(subject: Subject, batch: Batch) -> tuple[float, float, list[float]]:
    """Least share of the loss that is left, the learning rate, and the losses."""
    best: tuple[float, float, list[float]] = (math.inf, RATES[0], [])
    for rate in RATES:
        reseed()
        module = without_dropout(subject.module())
        losses: list[float] = []
        guess = _guess(subject, batch)
        for _ in range(2):
            losses += train(subject, module, STEPS // 2, rate, batch, "adam")
            share = evaluate(subject, module, batch) / max(guess, 1e-12)
            if share < best[0]:
                best = (share, rate, losses)
            if share <= LEARNT or not math.isfinite(share):
                break
        if best[0] <= LEARNT:
            break
    return best


def _guess(subject: Subject, batch: Batch) -> float:
    """The loss of the best constant prediction for the mini-batch."""
    y = batch.y.double()
    if subject.task == "regression":
        return max(float(y.var(correction=0)), 1e-3)
    shares = np.unique(y.numpy(), return_counts=True)[1] / len(y)
    return max(float(-(shares * np.log(shares)).sum()), 0.1)
