"""The updates of stacked members on the CPU, by the kernel: one compiled pass over each member's flat weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ikura.population.kernel.members import update_members
from ikura.population.kernel.records import SETTINGS, setting_of
from ikura.population.member import Member
from ikura.population.update_rules import rule
from ikura.population.warmup import warm_up_update

__all__ = ["CompiledUpdate", "aligned_copy"]

LINE = 64
"""Bytes at whose multiples each member's numbers begin: where they begin may decide the order of a sum."""


def aligned_copy(numbers: Tensor) -> Tensor:
    """Copy numbers of shape (members, ...) so that every member's begin at the start of a cache line.

    Example:
        >>> one = aligned_copy(torch.ones(3, 5, dtype=torch.float64))
        >>> tuple(one.shape), one.stride(), one[1].data_ptr() % 64
        ((3, 5), (8, 1), 0)
    """
    count, size = len(numbers), numbers[0].numel()
    step = LINE // numbers.element_size()
    rows = torch.zeros(count, max(-(-size // step), 1) * step, dtype=numbers.dtype)
    return rows[:, :size].view(numbers.shape).copy_(numbers) if size else numbers.clone()


class CompiledUpdate:
    """The updates of a tile's members, and what these keep: moments of their update rules, averaged weights.

    Args:
        members: the members.
        matrices: (place, rows, columns) of each trained parameter that is no bias among a member's weights.
        weights, gradients: of all members, made by `aligned_copy`: shape (members, weights); changed by updates.
        apart: how many of a member's first weights have a learning rate of their own.
        rate: the hyperparameter that is a factor on the learning rate of those.
    """

    def __init__(
        self,
        members: Sequence[Member],
        matrices: Sequence[tuple[int, int, int]],
        weights: Tensor,
        gradients: Tensor,
        apart: int = 0,
        rate: str = "pretrained_rate",
    ) -> None:
        warm_up_update(str(weights.dtype).removeprefix("torch."))
        self.size = weights.shape[1]
        self.weights, self.gradients = (
            one.as_strided((len(one), one.stride(0)), one.stride()).numpy() for one in (weights, gradients)
        )
        self.matrices = np.array(matrices, np.int64).reshape(-1, 3)
        self.settings = np.array([setting_of(member.values, apart) for member in members], SETTINGS)
        self.settings["pretrained_rate"] = [float(member.values[rate]) for member in members]
        self.kept = np.array([rule(member.values.optimizer).moments for member in members])
        self.averaged = np.flatnonzero(self.settings["ema_decay"] > 0).tolist()
        self._vectors = self.kept + (self.settings["ema_decay"] > 0)
        self.moments = torch.zeros(len(members), int(self._vectors.max()) * self.size, dtype=weights.dtype)
        self._moments = self.moments.numpy()
        for place in self.averaged:
            self.average_of(place).copy_(weights[place])
        self.rates, self.costs = np.zeros(len(members)), np.zeros(len(members))

    def moments_of(self, place: int) -> Tensor:
        """A member's moments, shape (moments of its rule, weights)."""
        kept = int(self.kept[place])
        return self.moments[place, : kept * self.size].view(kept, self.size)

    def average_of(self, place: int) -> Tensor:
        """The averaged weights of a member that has them, as a view, shape (weights,)."""
        begin = int(self.kept[place]) * self.size
        return self.moments[place, begin : begin + self.size]

    def penalty(self, weights: Tensor) -> Tensor:
        """Compute λ1 Σ |w| + λ2/2 Σ w² of each member, float64 of shape (members,)."""
        found = torch.zeros(len(weights), dtype=torch.float64)
        for k, (l1, l2) in enumerate(self.settings[["l1", "l2"]].tolist()):
            if l1 or l2:
                spans = [weights[k, place : place + rows * columns] for place, rows, columns in self.matrices.tolist()]
                w = torch.cat([torch.zeros(0, dtype=torch.float64), *(span.double() for span in spans)])
                found[k] = l1 * w.abs().sum() + 0.5 * l2 * (w * w).sum()
        return found

    def step(self, begin: int, end: int, steps: np.ndarray, active: np.ndarray, limits: np.ndarray) -> None:
        """Update the active members from place `begin` to `end` by their gradients, rates and costs.

        Penalties are added to the costs; who is then above its limit is no longer active and left as it is.

        Args:
            begin, end: places.
            steps: updates that each member has made, changed in place.
            active: which members move, changed in place.
            limits: cost above which each member counts as exploded.
        """
        update_members(
            self.weights, self.gradients, self._moments, self._vectors, self.size, self.matrices, self.settings,
            self.rates, steps, active, limits, self.costs, begin, end,
        )  # fmt: skip
