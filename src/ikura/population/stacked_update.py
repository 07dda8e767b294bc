"""What stacked members do with their gradients: penalties, clipping, weight decay, rules, bounded norms, averages.

Everything is done to whole (member, weight) matrices. What no member of a tile uses is not computed, and what a member
does not use leaves its numbers as they are, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ikura.population.gradient_rules import GradientRules, column, stopped_at_zero
from ikura.population.member import Member
from ikura.population.update_rules import RULES, Coefficients, coefficients, rule

__all__ = ["Update"]

CELLS = 1 << 15
"""Weights that are updated together on the CPU: they, their gradients and moments stay in the cache."""


class Update:
    """The updates of a tile's members, and what these keep: moments of their update rules, averaged weights.

    Args:
        members: the members.
        matrices: (place, rows, columns) of each trained parameter that is no bias among a member's weights.
        weights: initial weights, shape (members, weights); only their size, precision and device matter.
        free: 1 for weights that may change and 0 for others, the same shape; None for all of them.
        apart: whether each weight has a learning rate of its own, bool of shape (weights,); None for none of them.
        rate: the hyperparameter that is a factor on the learning rate of those.
    """

    def __init__(
        self,
        members: Sequence[Member],
        matrices: Sequence[tuple[int, int, int]],
        weights: Tensor,
        free: Tensor | None,
        apart: Tensor | None = None,
        rate: str = "pretrained_rate",
    ) -> None:
        self.members, self.free = members, free
        self.dtype, self.device, size = weights.dtype, weights.device, weights.shape[1]
        self.rules = GradientRules(members, matrices, weights)
        names = [member.values.optimizer for member in members]
        self.groups = {name: [k for k, one in enumerate(names) if one == name] for name in RULES if name in names}
        self.moments = {
            name: weights.new_zeros(rule(name).moments, len(places), size) for name, places in self.groups.items()
        }
        self.averaged = [k for k, member in enumerate(members) if member.values.ema_decay > 0]
        self.averages = weights[self.averaged]
        self.decay = self.rules.of_matrices("weight_decay")
        share = None if apart is None or not bool(apart.any()) else column(members, weights, rate, 1.0)
        self.shares = None if share is None or apart is None else torch.where(apart.to(self.device), share, 1.0)

    def moments_of(self, place: int) -> Tensor:
        """A member's moments, shape (moments of its rule, weights)."""
        name = self.members[place].values.optimizer
        return self.moments[name][:, self.groups[name].index(place)]

    def average_of(self, place: int) -> Tensor:
        """The averaged weights of a member that has them, as a view, shape (weights,)."""
        return self.averages[self.averaged.index(place)]

    def penalty(self, weights: Tensor) -> Tensor | None:
        """Compute λ1 Σ |w| + λ2/2 Σ w² of each member, shape (members,); None if there are no penalties."""
        return self.rules.penalty(weights)

    def penalise(self, weights: Tensor, gradient: Tensor) -> None:
        """Add the gradient of the penalties in place."""
        self.rules.penalise(weights, gradient)

    def step(
        self, weights: Tensor, gradient: Tensor, active: np.ndarray, rates: Sequence[float], steps: np.ndarray
    ) -> None:
        """Update the weights of all active members in place; the gradient is used up.

        Args:
            weights, gradient: shape (members, weights).
            active: which members move, bool of shape (members,).
            rates: learning rate of each member.
            steps: number of this update of each member, from 1.
        """
        if self.free is not None:
            gradient *= self.free
        self.rules.clip(gradient, steps)
        for name, places in self.groups.items():
            moving = [k for k in places if active[k]]
            if moving:
                self._move(name, moving, weights, gradient, rates, steps)
        self.rules.bound_norms(weights, active)
        if self.averaged:
            self._average(weights, active, steps)

    def _average(self, weights: Tensor, active: np.ndarray, steps: np.ndarray) -> None:
        """Let averages follow the weights, a ← a + (1 - d) (w - a); the first update begins them with w."""
        shares = [
            0.0 if not active[k] else 1.0 if steps[k] == 1 else 1 - float(self.members[k].values.ema_decay)
            for k in self.averaged
        ]
        share = torch.tensor(shares, dtype=torch.float64).to(self.device, self.dtype)[:, None]
        self.averages.lerp_(weights[self.averaged], share)

    def _move(
        self,
        name: str,
        moving: list[int],
        weights: Tensor,
        gradient: Tensor,
        rates: Sequence[float],
        steps: np.ndarray,
    ) -> None:
        """Update some members, a part of their weights at a time: what lies between stays in the cache."""
        kept = [self.groups[name].index(k) for k in moving]
        alpha = torch.tensor([rates[k] for k in moving], dtype=self.dtype, device=self.device)[:, None]
        c, size = self._coefficients(moving, rates, steps), weights.shape[1]
        columns = max(1, CELLS // len(moving)) if self.device.type == "cpu" else size
        for begin in range(0, size, columns):
            part = slice(begin, begin + columns)
            self._move_part(name, moving, kept, weights[:, part], gradient[:, part], part, alpha, c)

    def _move_part(
        self,
        name: str,
        moving: list[int],
        kept: list[int],
        weights: Tensor,
        gradient: Tensor,
        part: slice,
        alpha: Tensor,
        c: Coefficients,
    ) -> None:
        whole, moments = len(moving) == len(self.members), self.moments[name][..., part]
        everyone = len(moving) == len(self.groups[name])
        w, g = (weights, gradient) if whole else (weights[moving], gradient[moving])
        old = w
        if self.shares is not None:
            share = self.shares[:, part][moving]
            alpha, c = alpha * share, c._replace(learning_rate=c.learning_rate * share)
        if self.decay is not None:
            w = w * (1 - alpha * self.decay[:, part][moving])
        new, *changed = RULES[name].update(w, g, *(moments if everyone else moments[:, kept]), c)
        if self.rules.l1 is not None:
            l1 = self.rules.l1[:, part][moving]
            new = torch.where(l1 > 0, stopped_at_zero(new, w, g, 2 * alpha * l1 if name == "sgd" else inf), new)
        if self.free is not None:
            new = torch.where(self.free[:, part][moving] > 0, new, old)
        if whole:
            weights.copy_(new)
        else:
            weights[moving] = new
        for moment, value in zip(moments, changed, strict=True):
            if everyone:
                moment.copy_(value)
            else:
                moment[kept] = value

    def _coefficients(self, places: Sequence[int], rates: Sequence[float], steps: np.ndarray) -> Coefficients:
        rows: list[Any] = []
        for k in places:
            v = self.members[k].values
            rows.append(coefficients(rates[k], v.momentum, v.beta1, v.beta2, v.epsilon, int(steps[k])))
        table = torch.tensor(rows, dtype=torch.float64).to(self.device, self.dtype)
        return Coefficients(*(table[:, i : i + 1] for i in range(table.shape[1])))
