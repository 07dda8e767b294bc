"""Networks of the caller's that an optimizer of PyTorch, or the caller's own, trains one after another."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from ikura.population.examples import Examples
from ikura.population.gradient_rules import GradientRules, stopped_at_zero
from ikura.population.in_turn import InTurnTile
from ikura.population.member import Hyperparameters, Member
from ikura.population.mini_batch import MiniBatch
from ikura.population.own_optimizer import MemberOptimizer, OptimizerFactory
from ikura.population.schedule import learning_rates

__all__ = ["OptimizerTile"]


class OptimizerTile(InTurnTile):
    """Networks of one structure that run one after another, each with an optimizer of its own.

    What happens to the gradients before (penalties, clipping) and to the weights behind it (bounded norms) is ikura's;
    the learning-rate schedule multiplies the rates that the optimizer began with.

    Args:
        optimizer: makes a member's optimizer from its network and its hyperparameters.
        hyperparameters: of each member, as factories are given them.
        given: as for `InTurnTile`.
    """

    def __init__(
        self,
        members: Sequence[Member],
        modules: Sequence[nn.Module],
        optimizer: OptimizerFactory,
        hyperparameters: Sequence[Hyperparameters],
        **given: Any,
    ) -> None:
        super().__init__(members, modules, hyperparameters=hyperparameters, **given)
        self.factory = optimizer
        self.rules = [GradientRules([member], self._matrices(), self.weights) for member in members]
        self.optimizers: list[MemberOptimizer | None] = [None] * len(members)
        self.states = [b""] * len(members)
        """What members go on from whose optimizers are not made yet."""
        self.slopes = [
            [(p, p.grad) for p in bound.module.parameters() if p.grad is not None and p.requires_grad]
            for bound in self.bound
        ]

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        active = np.flatnonzero(self.active).tolist()
        for k in active:
            self._optimizer(k, examples, epoch, epochs).begin_epoch()
        costs = super().train_epoch(examples, epoch, epochs, shares)
        for k in active:
            self._optimizer(k, examples, epoch, epochs).end_epoch()
            self.bound[k].settle()
        return costs

    def _optimizer(self, k: int, examples: Examples, epoch: int, epochs: int) -> MemberOptimizer:
        made = self.optimizers[k]
        if made is None:
            updates = len(list(self._batches(len(examples), int(self.members[k].values.batch_size))))
            hp = Hyperparameters({**self.hyperparameters[k], "epochs": epochs or epoch + 1, "updates": updates})
            with self._seeded("optimizer"):
                made = MemberOptimizer(self.factory, self.bound[k].module, hp)
            if self.states[k]:
                made.load(self.states[k])
            self.optimizers[k] = made
        return made

    @override
    def _rates(self, epoch: int, updates: int, epochs: int, shares: Sequence[float]) -> list[list[float]]:
        """Shares of the learning rates that optimizers began with."""
        values = [Hyperparameters({**member.values, "learning_rate": 1.0}) for member in self.members]
        return [
            [rate * share for rate in learning_rates(one, epoch, updates, epochs)]
            for one, share in zip(values, shares, strict=True)
        ]

    @override
    def _advance(self, k: int, batch: MiniBatch, rate: float) -> float:
        # As in a plain loop, a parameter without a gradient has none, and is left alone.
        for parameter, _ in self.slopes[k]:
            parameter.grad = None
        cost = self._update_of(k, self._learn(k, batch), rate)
        for parameter, place in self.slopes[k]:
            parameter.grad = place
        return cost

    def _update_of(self, k: int, cost: float, rate: float) -> float:
        """Update a member whose gradients are made; its cost with penalties."""
        made = self.optimizers[k]
        assert made is not None
        weights, gradient, one = self.weights[k : k + 1], self.gradients[k : k + 1], slice(k, k + 1)
        rules = self.rules[k]
        if (penalty := rules.penalty(weights)) is not None:
            cost += float(penalty)
        self.active[k] = cost <= self.limits[k]
        if not self.active[k]:
            return cost
        self.steps[k] += 1
        if not rules.idle:
            # Penalties and clipping see the gradient as a whole.
            for parameter, place in self.slopes[k]:
                if parameter.grad is not None:
                    place.copy_(parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad)
                    parameter.grad = place
            rules.penalise(weights, gradient)
            rules.clip(gradient, self.steps[one])
        before = weights.clone()
        made.step(rate)
        self.bound[k].settle()
        if rules.l1 is not None:
            weights.copy_(torch.where(rules.l1 > 0, stopped_at_zero(weights, before, gradient, inf), weights))
        rules.bound_norms(weights, self.active[one])
        if k in self.update.averaged:
            self._average(k)
        return cost

    def _average(self, k: int) -> None:
        """Let a member's averaged weights follow, a ← d a + (1 - d) w; the first update begins them with w."""
        mean, share = self.update.average_of(k), 1 - float(self.members[k].values.ema_decay)
        mean.lerp_(self.weights[k], 1.0 if self.steps[k] == 1 else share)

    @override
    def after_epoch(self, losses: np.ndarray) -> None:
        for k in np.flatnonzero(self.active).tolist():
            made = self.optimizers[k]
            if made is not None:
                made.after_epoch(float(losses[k]))

    @override
    def _tensors_of(self, place: int) -> dict[str, Tensor]:
        return {name: one for name, one in super()._tensors_of(place).items() if name != "moments"}

    @override
    def extract(self, place: int) -> dict[str, np.ndarray]:
        made = self.optimizers[place]
        state = self.states[place] if made is None else made.state()
        return super().extract(place) | {"optimizer": np.frombuffer(state, np.uint8).copy()}

    @override
    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        super().insert(place, state)
        self.states[place], self.optimizers[place] = state["optimizer"].tobytes(), None
