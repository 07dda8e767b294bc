"""What stacked members do with their gradients: penalties, clipping, weight decay, update rules, bounded norms.

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

from ikura.population.member import Member
from ikura.population.update_rules import RULES, Coefficients, coefficients, rule

__all__ = ["Update", "stopped_at_zero"]

CELLS = 1 << 15
"""Weights that are updated together on the CPU: they, their gradients and moments stay in the cache."""


class Update:
    """The updates of a tile's members, and the moments that their update rules keep.

    Args:
        members: the members.
        matrices: (place, rows, columns) of each trained parameter that is no bias among a member's weights.
        weights: initial weights, shape (members, weights); only their size, precision and device matter.
        free: 1 for weights that may change and 0 for others, the same shape; None for all of them.
        pretrained: whether each weight began in a pretrained network, bool of shape (weights,); None for none of them.
    """

    def __init__(
        self,
        members: Sequence[Member],
        matrices: Sequence[tuple[int, int, int]],
        weights: Tensor,
        free: Tensor | None,
        pretrained: Tensor | None = None,
    ) -> None:
        self.members, self.matrices, self.free = members, matrices, free
        self.dtype, self.device, size = weights.dtype, weights.device, weights.shape[1]
        penalised = torch.zeros(size, dtype=self.dtype)
        for place, rows, columns in matrices:
            penalised[place : place + rows * columns] = 1
        names = [member.values.optimizer for member in members]
        self.groups = {name: [k for k, one in enumerate(names) if one == name] for name in RULES if name in names}
        self.moments = {
            name: weights.new_zeros(rule(name).moments, len(places), size) for name, places in self.groups.items()
        }
        self.l1, self.l2, self.decay = (
            None if column is None else column * penalised.to(self.device)
            for column in map(self._column, ("l1", "l2", "weight_decay"))
        )
        share = self._column("pretrained_rate", 1.0)
        self.shares = (
            None if share is None or pretrained is None else torch.where(pretrained.to(self.device), share, 1.0)
        )
        self.clip_value, self.clip_norm, self.max_norm = map(self._column, ("clip_value", "clip_norm", "max_norm"))
        self.clip_steps = np.array([int(member.values.clip_steps) or np.inf for member in members])

    def _column(self, name: str, usual: float = 0.0) -> Tensor | None:
        """One number of every member, shape (members, 1); None if it is the usual one for all of them."""
        column = [float(member.values[name]) for member in self.members]
        unusual = any(number != usual for number in column)
        return torch.tensor(column, dtype=self.dtype, device=self.device)[:, None] if unusual else None

    def moments_of(self, place: int) -> Tensor:
        """A member's moments, shape (moments of its rule, weights)."""
        name = self.members[place].values.optimizer
        return self.moments[name][:, self.groups[name].index(place)]

    def penalty(self, weights: Tensor) -> Tensor | None:
        """Compute λ1 Σ |w| + λ2/2 Σ w² of each member, shape (members,); None if there are no penalties."""
        cost = None
        if self.l2 is not None:
            cost = 0.5 * (self.l2 * weights**2).sum(1)
        if self.l1 is not None:
            more = (self.l1 * weights.abs()).sum(1)
            cost = more if cost is None else cost + more
        return cost

    def penalise(self, weights: Tensor, gradient: Tensor) -> None:
        """Add the gradient of the penalties in place; where w = 0, the smallest one of those that |w| allows."""
        if self.l2 is not None:
            gradient.add_(self.l2 * weights)
        if self.l1 is not None:
            least = gradient - gradient.clamp(-self.l1, self.l1)
            torch.where(weights == 0, least, gradient + self.l1 * weights.sign(), out=gradient)

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
        self._clip(gradient, steps <= self.clip_steps)
        for name, places in self.groups.items():
            moving = [k for k in places if active[k]]
            if moving:
                self._move(name, moving, weights, gradient, rates, steps)
        if self.max_norm is not None:
            self._bound_norms(weights, self.max_norm, active)

    def _clip(self, gradient: Tensor, clips: np.ndarray) -> None:
        """Clip the gradients of those members whose updates are still clipped, bool of shape (members,)."""
        if (self.clip_value is None and self.clip_norm is None) or not clips.any():
            return
        still = None if clips.all() else torch.from_numpy(clips).to(self.device)[:, None]
        if self.clip_value is not None:
            wanted = self.clip_value > 0 if still is None else (self.clip_value > 0) & still
            limit = torch.where(wanted, self.clip_value, inf)
            torch.clamp(gradient, -limit, limit, out=gradient)
        if self.clip_norm is not None:
            wanted = self.clip_norm > 0 if still is None else (self.clip_norm > 0) & still
            share = self.clip_norm / (gradient.norm(dim=1, keepdim=True) + 1e-6)
            gradient *= torch.where(wanted, share.clamp(max=1), 1.0)

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
        if self.l1 is not None:
            l1 = self.l1[:, part][moving]
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

    def _bound_norms(self, weights: Tensor, limit: Tensor, active: np.ndarray) -> None:
        bounded = (limit > 0) & torch.from_numpy(active).to(self.device)[:, None]
        for place, rows, columns in self.matrices:
            part = weights[:, place : place + rows * columns].view(-1, rows, columns)
            norms = part.norm(dim=2)
            above = bounded & (norms > limit)
            part *= torch.where(above, limit / norms, 1.0)[:, :, None]


def stopped_at_zero(new: Tensor, old: Tensor, gradient: Tensor, reach: Tensor | float) -> Tensor:
    """Let no update of weights with an l1 penalty pass zero, so that it makes weights exactly zero.

    |w| has a kink at 0, which an update rule that follows a gradient would step across for ever. With
    g = ∂L/∂w + λ sign(w), L being the loss, and where w = 0 the smallest g of the subdifferential ∂L/∂w + [-λ, λ]: a
    weight whose sign the rule would change stops at 0, and a weight at 0 leaves it only in the direction -g, in which
    the cost falls. What stays where it is then satisfies ∂L/∂w = -λ sign(w), or |∂L/∂w| <= λ at 0: the conditions of a
    minimum of L + λ Σ |w|, whatever the rule's own scale of the weight is.

    Under w ← w - α g with reach = 2 α λ this is the proximal step w ← S(w - α ∂L/∂w), S(u) = sign(u) max(|u| - αλ, 0).

    Args:
        new, old: weights after and before the update rule, any shape.
        gradient: what the rule was given, the same shape.
        reach: how far beyond zero a weight is brought back to it.

    Returns:
        The weights, the same shape; NaN stays NaN.

    Example:
        >>> old, gradient = torch.tensor([0.1, 0.1, 0.0, 0.0]), torch.tensor([2.0, 0.5, 0.0, -1.0])
        >>> stopped_at_zero(old - 0.1 * gradient, old, gradient, inf).tolist()
        [0.0, 0.05000000074505806, 0.0, 0.10000000149011612]

    References:
        Andrew and Gao 2007, Scalable training of l1-regularized log-linear models (the orthant of the step); Tsuruoka,
        Tsujii and Ananiadou 2009, Stochastic gradient descent training for l1-regularized log-linear models.
    """
    passed = ((old > 0) & (new < 0)) | ((old < 0) & (new > 0))
    stays = (old == 0) & (((new >= 0) & (gradient >= 0)) | ((new <= 0) & (gradient <= 0)))
    beyond = new.sign() * (new.abs() - reach).clamp(min=0)
    return torch.where(stays, 0.0, torch.where(passed, torch.where(beyond == 0, 0.0, beyond), new))
