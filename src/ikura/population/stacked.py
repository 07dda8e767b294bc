"""Any `nn.Module` on any device: a tile stacked with a member axis and run with vmap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap
from typing_extensions import override

from ikura.errors import UsageError
from ikura.nn.generators import preserved, reseed, reseed_torch
from ikura.nn.loss import Loss, OutputShape
from ikura.nn.noise import Draws, drawing, key
from ikura.nn.target_transform import TargetTransform
from ikura.population.batches import Batches
from ikura.population.compiled_update import CompiledUpdate
from ikura.population.dry_run import ForwardTraits
from ikura.population.examples import Examples
from ikura.population.inputs import Features
from ikura.population.member import Member
from ikura.population.mini_batch import MiniBatch
from ikura.population.module_tile import ModuleTile
from ikura.population.schedule import batch_size_at, learning_rates
from ikura.population.stacked_module import MemberError, StackedModule
from ikura.population.structure import convolves, hooks_gradients

__all__ = ["StackedTile"]


class StackedTile(ModuleTile):
    """Networks of one structure, written for one member, stacked and run under shared noise.

    The forward pass is `StackedModule`, the backward pass the ordinary one on the summed losses, what follows is
    `Update`.

    The arguments are those of `ModuleTile`.
    """

    def __init__(
        self,
        members: Sequence[Member],
        modules: Sequence[nn.Module],
        task: str,
        dtype: str = "float32",
        device: str = "cpu",
        free: np.ndarray | None = None,
        outputs: OutputShape | None = None,
        traits: ForwardTraits | None = None,
        loss: Loss | None = None,
        targets: Sequence[TargetTransform | None] | None = None,
    ) -> None:
        super().__init__(members, modules, task, dtype, device, free, outputs, traits, loss, targets)
        self.stacked = StackedModule(
            self.modules if self.traits.remembers else self.modules[:1],
            not self.traits.remembers
            and not self.traits.sets_weights
            and not hooks_gradients(self.module)
            and (self.device.type != "cpu" or not convolves(self.module)),
            self.output_shape,
            self.traits.passing,
        )
        self.modules = self.stacked.modules

    @override
    def _reason_for_turns(self) -> str:
        reason = self.stacked.reason
        if not reason:
            return super()._reason_for_turns()
        return f"vmap cannot run the network ({reason[:160]}{'…' * (len(reason) > 160)})"

    def _leaves(self, weights: Tensor) -> dict[str, Tensor]:
        columns = weights.split(self.sizes, 1)
        return {name: c.reshape(-1, *shape) for (name, shape), c in zip(self.shapes.items(), columns, strict=True)}

    @override
    def _forward(self, x: Features, codes: Tensor) -> Any:
        try:
            return self.stacked(self._leaves(self.evaluated), self.buffers, (x, codes))
        except MemberError as error:
            raise self._failure(error.cause, x, error.place, "in evaluation") from error.cause
        except UsageError as error:
            raise self._failure(error, x, 0, "in evaluation") from None

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        examples_of = Batches(examples, self.device, self.task)
        augment = self.augment if self.augment and examples.standard is not None else None
        rows, stream = len(examples), key(self.seed, "noise", epoch)
        noise = None if self.deviations is None else self._noise(epoch, rows)
        labels = self._labels(examples, epoch)
        batches = list(self._batches(rows, batch_size_at(self.members[0].values, epoch)))
        left = [1.0] * len(self.members) if shares is None else shares.tolist()
        rates = [learning_rates(member.values, epoch, len(batches), epochs) for member in self.members]
        total = np.zeros(len(self.members))
        for module in self.modules:
            module.train()
        with preserved(self.device, str(self.dtype).removeprefix("torch.")):
            for number, batch in enumerate(batches):
                x, codes, y = examples_of(batch, augment, epoch)
                y = y if labels is None else labels[:, batch]
                factors = None if noise is None else noise[:, batch]
                weights = None if examples_of.weights is None else examples_of.weights[batch]
                apart, relabelled = augment is not None, labels is not None
                costs = self._costs_and_gradient(
                    MiniBatch(x, codes, y, stream, batch.start, epoch, apart, factors, weights, relabelled)
                )
                now = [rate[min(number, len(rate) - 1)] * share for rate, share in zip(rates, left, strict=True)]
                cost = self._update(costs, now)
                total += np.where(self.active, cost, np.nan) * (batch.stop - batch.start)
        self._check_attributes()
        return total / rows

    @torch.no_grad()
    def _update(self, costs: Tensor, rates: Sequence[float]) -> np.ndarray:
        """Update the weights by the gradients of one mini-batch, whose costs are returned with penalties."""
        if isinstance(self.update, CompiledUpdate):
            self.update.costs[:] = costs.double().numpy()
            self.update.rates[:] = rates
            self.update.step(0, len(rates), self.steps, self.active, self.limits)
            return self.update.costs
        penalty = self.update.penalty(self.weights)
        cost: np.ndarray = (costs if penalty is None else costs + penalty).double().cpu().numpy()
        self.active &= cost <= self.limits
        self.steps += self.active
        self.update.penalise(self.weights, self.gradients)
        self.update.step(self.weights, self.gradients, self.active, rates, self.steps)
        return cost

    def _differentiate(self, cost: Tensor, leaves: dict[str, Tensor]) -> None:
        """Differentiate the summed cost; the gradient is zero for weights that are frozen or not used."""
        learning = [leaf for leaf in leaves.values() if leaf.requires_grad]
        found = iter(torch.autograd.grad(cost, learning, allow_unused=True) if cost.requires_grad else ())
        for leaf, place in zip(leaves.values(), self.gradients.split(self.sizes, 1), strict=True):
            own = next(found, None) if leaf.requires_grad else None
            if own is None:
                place.zero_()
            else:
                place.copy_(own.reshape(len(own), -1))

    def _costs_and_gradient(self, batch: MiniBatch) -> Tensor:
        """Bring the gradients of one mini-batch to their places; costs of the members, shape (members,)."""
        if self.stacked.vectorised:
            before = {name: buffer.clone() for name, buffer in self.buffers.items()}
            try:
                return self._at_once(batch)
            except UsageError as error:
                raise self._failure(error, batch.x) from None
            except Exception as error:
                # What vmap cannot run, forwards or backwards; what fails on its own fails in turn too.
                self.stacked.give_up(self.buffers, before, error)
        return self._in_turn(batch)

    def _at_once(self, batch: MiniBatch) -> Tensor:
        leaves = {n: leaf.detach().requires_grad_(self.learns[n]) for n, leaf in self._leaves(self.weights).items()}
        used = leaves if self.dropconnect is None else self.dropconnect(leaves, batch.epoch, batch.first)
        again = reseed if self.traits.draws_outside or batch.first == 0 else reseed_torch
        again(key(self.seed, "noise", batch.epoch, batch.first), self.device)
        with drawing(Draws(batch.stream, batch.first)):
            found = self.stacked.at_once(used, self.buffers, (batch.x, batch.codes), batch.apart)
        outputs = self._in_precision(found)
        costs = self._costs(outputs, batch, batch.weights)
        # A factor on an example's loss is a factor on its gradient, through normalisation too.
        factors = batch.factors
        if factors is not None and batch.weights is not None:
            factors = factors * batch.weights
        aim = costs if factors is None else self._costs(outputs, batch, factors)
        self._differentiate(aim.sum(), leaves)
        return costs.detach()

    def _costs(self, outputs: Any, batch: MiniBatch, weights: Tensor | None) -> Tensor:
        """Mean loss of each member's outputs, with weights of the examples, of shape (rows,) or (members, rows)."""
        if self.loss.own is None:
            each = self._each_loss(outputs, batch)
            return (each if weights is None else each * weights).mean(1)
        axes = (0 if batch.relabelled else None, None if weights is None or weights.dim() == 1 else 0)

        def cost(outputs: Any, target: Tensor, weights: Tensor | None) -> Tensor:
            return self.loss.mean(self.task, outputs, target, None, weights)

        found: Tensor = vmap(cost, (0, *axes))(outputs, batch.y, weights)
        return found

    def _each_loss(self, outputs: Tensor, batch: MiniBatch) -> Tensor:
        """Loss of each member on each example: shape (members, rows); examples of all members are one batch."""
        count, rows = outputs.shape[:2]
        smoothing = None if self.smoothing is None else self.smoothing.repeat_interleave(rows)
        y = batch.y if batch.relabelled else batch.y.expand(count, *batch.y.shape)
        return self.loss.each(self.task, outputs.flatten(0, 1), y.flatten(0, 1), smoothing).view(count, rows)

    def _in_turn(self, batch: MiniBatch) -> Tensor:
        """Run one member after another, forwards and backwards, so that what one needs stays in the cache."""
        self.gradients.zero_()
        costs = self.weights.new_full((len(self.members),), torch.nan)
        shared = None if batch.apart else self._laid_out(batch.x)
        draws = {} if self.dropconnect is None else self.dropconnect.draw(batch.epoch, batch.first)
        for k in np.flatnonzero(self.active).tolist():
            parts = list(zip(self.shapes.items(), self.weights[k].split(self.sizes), strict=True))
            # Copies: where a tensor begins in memory may decide the order of a sum.
            leaves = {n: part.reshape(shape).clone().requires_grad_(self.learns[n]) for (n, shape), part in parts}
            self._hook(k, leaves)
            used = leaves
            if self.dropconnect is not None:
                used = self.dropconnect.leave_out(leaves, draws, self.dropconnect.rates[k])
            own_y = batch.y[k] if batch.relabelled else batch.y
            own_x = self._laid_out(batch.x[k]) if shared is None else shared
            try:
                with drawing(Draws(batch.stream, batch.first)), self._seeded("noise", batch.epoch, batch.first):
                    found = self.stacked.member(k, used, self.buffers, (own_x, batch.codes))
                    cost, aim = self._cost_and_aim(self._in_precision(found), own_y, k, batch)
                learning = [leaf for leaf in leaves.values() if leaf.requires_grad]
                slopes = iter(torch.autograd.grad(aim, learning, allow_unused=True) if aim.requires_grad else ())
            except Exception as error:
                raise self._failure(error, own_x, k) from error
            costs[k] = cost.detach()
            for leaf, place in zip(leaves.values(), self.gradients[k].split(self.sizes), strict=True):
                own = next(slopes, None) if leaf.requires_grad else None
                if own is not None:
                    place.copy_(own.to_dense().reshape(-1) if own.is_sparse else own.reshape(-1))
            if self.traits.sets_weights:
                for leaf, (_, part) in zip(leaves.values(), parts, strict=True):
                    part.copy_(leaf.detach().reshape(-1))
        return costs

    def _hook(self, place: int, leaves: dict[str, Tensor]) -> None:
        """Give the weights of one member the hooks that its parameters have."""
        module = self.modules[place % len(self.modules)]
        for name, parameter in module.named_parameters():
            for hook in (parameter._backward_hooks or {}).values():
                if name in leaves and leaves[name].requires_grad:
                    leaves[name].register_hook(hook)
