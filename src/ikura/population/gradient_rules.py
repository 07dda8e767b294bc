"""What becomes of gradients before an update rule, and of weights behind it: penalties, clipping, bounded norms."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
import torch
from torch import Tensor

from ikura.population.member import Member

__all__ = ["GradientRules", "column", "stopped_at_zero"]


def column(members: Sequence[Member], weights: Tensor, name: str, usual: float = 0.0) -> Tensor | None:
    """One hyperparameter of every member, shape (members, 1); None if it is the usual one for all of them.

    Args:
        members: the members.
        weights: of which precision and device it is.
        name: the hyperparameter, a number.
        usual: its value where it does nothing.
    """
    numbers = [float(member.values[name]) for member in members]
    unusual = any(number != usual for number in numbers)
    return torch.tensor(numbers, dtype=weights.dtype, device=weights.device)[:, None] if unusual else None


class GradientRules:
    """Penalties, clipping and bounded norms of members, as their hyperparameters say.

    What no member uses is not computed, and what a member does not use leaves its numbers as they are, to the bit.

    Args:
        members: the members.
        matrices: (place, rows, columns) of each trained parameter that is no bias among a member's weights.
        weights: shape (members, weights); only their size, precision and device matter.
    """

    def __init__(self, members: Sequence[Member], matrices: Sequence[tuple[int, int, int]], weights: Tensor) -> None:
        self.members, self.matrices, self.weights = members, matrices, weights
        self.l1, self.l2 = self.of_matrices("l1"), self.of_matrices("l2")
        self.clip_value, self.clip_norm, self.max_norm = (
            column(members, weights, name) for name in ("clip_value", "clip_norm", "max_norm")
        )
        self.clip_steps = np.array([int(member.values.clip_steps) or np.inf for member in members])

    def of_matrices(self, name: str) -> Tensor | None:
        """A hyperparameter of each weight that is no bias, 0 for biases: shape (members, weights); None for none."""
        found = column(self.members, self.weights, name)
        if found is None:
            return None
        places = torch.zeros(self.weights.shape[1], dtype=self.weights.dtype)
        for place, rows, columns in self.matrices:
            places[place : place + rows * columns] = 1
        return found * places.to(self.weights.device)

    @property
    def idle(self) -> bool:
        """Whether nothing of this is asked for."""
        return all(one is None for one in (self.l1, self.l2, self.clip_value, self.clip_norm, self.max_norm))

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

    def clip(self, gradient: Tensor, steps: np.ndarray) -> None:
        """Clip in place the gradients of those members whose updates, numbered from 1, are still clipped."""
        clips = steps <= self.clip_steps
        if (self.clip_value is None and self.clip_norm is None) or not clips.any():
            return
        still = None if clips.all() else torch.from_numpy(clips).to(gradient.device)[:, None]
        if self.clip_value is not None:
            wanted = self.clip_value > 0 if still is None else (self.clip_value > 0) & still
            limit = torch.where(wanted, self.clip_value, inf)
            torch.clamp(gradient, -limit, limit, out=gradient)
        if self.clip_norm is not None:
            wanted = self.clip_norm > 0 if still is None else (self.clip_norm > 0) & still
            share = self.clip_norm / (gradient.norm(dim=1, keepdim=True) + 1e-6)
            gradient *= torch.where(wanted, share.clamp(max=1), 1.0)

    def bound_norms(self, weights: Tensor, active: np.ndarray) -> None:
        """Bound in place the norms of the weights into each unit of the active members, bool of shape (members,)."""
        if self.max_norm is None:
            return
        bounded = (self.max_norm > 0) & torch.from_numpy(active).to(weights.device)[:, None]
        for place, rows, columns in self.matrices:
            part = weights[:, place : place + rows * columns].view(-1, rows, columns)
            norms = part.norm(dim=2)
            above = bounded & (norms > self.max_norm)
            part *= torch.where(above, self.max_norm / norms, 1.0)[:, :, None]


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
