"""Networks of the caller's on the CPU, one member after another: each its own module, on numbers kept in the tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map
from typing_extensions import override

from ikura.nn.generators import GeneratorStates, preserved, reseed
from ikura.nn.loss import Loss, OutputShape
from ikura.nn.noise import Draws, drawing, key
from ikura.population.batches import Batches
from ikura.population.bound_module import BoundModule
from ikura.population.compiled_update import CompiledUpdate, aligned_copy
from ikura.population.dry_run import ForwardTraits
from ikura.population.examples import Examples
from ikura.population.inputs import Features
from ikura.population.member import Hyperparameters, Member
from ikura.population.mini_batch import MiniBatch
from ikura.population.module_tile import ModuleTile
from ikura.population.own_step import StepBatch, TrainingStep, loss_by
from ikura.population.schedule import batch_size_at, learning_rates

__all__ = ["InTurnTile"]


class InTurnTile(ModuleTile):
    """Networks of one structure that run as they are, each on its own row of the tile's weights.

    Where examples are in memory a member trains its whole epoch before the next one does, so that what it needs stays
    in the cache; where mini-batches have to be made (images) all members take one before the next is made.

    Args:
        members: the members; all of one seed and one mini-batch size, growth included.
        modules: their networks with initial weights; alike but for the values of parameters and buffers.
        task: "binary", "multiclass", "multilabel", "regression" or "own".
        dtype: "float32" or "float64".
        outputs: the raw outputs that the loss takes.
        traits: what a dry run found of the networks.
        loss: the loss; None for the task's usual one.
        step: computes the loss in training, in its place; None for none.
        hyperparameters: of each member, as `step` is given them.
    """

    def __init__(
        self,
        members: Sequence[Member],
        modules: Sequence[nn.Module],
        task: str,
        dtype: str = "float32",
        outputs: OutputShape | None = None,
        traits: ForwardTraits | None = None,
        loss: Loss | None = None,
        step: TrainingStep | None = None,
        hyperparameters: Sequence[Hyperparameters] = (),
    ) -> None:
        super().__init__(members, modules, task, dtype, "cpu", None, outputs, traits or ForwardTraits(), loss)
        self.step, self.hyperparameters = step, hyperparameters
        self.told: list[dict[str, float]] = [{} for _ in members]
        """Sums over the rows of an epoch of what the training steps told of its mini-batches."""
        self.rows = 1
        self.buffers = {name: aligned_copy(buffer) for name, buffer in self.buffers.items()}
        self.used = self.weights if self.dropconnect is None else aligned_copy(self.weights)
        self.bound = [self._bind(place, module) for place, module in enumerate(modules)]

    def _bind(self, place: int, module: nn.Module) -> BoundModule:
        def parts(flat: Tensor) -> dict[str, Tensor]:
            spans = flat[place].split(self.sizes)
            return {name: span.view(shape) for (name, shape), span in zip(self.shapes.items(), spans, strict=True)}

        buffers = {name: buffer[place] for name, buffer in self.buffers.items()}
        return BoundModule(module, parts(self.used) | buffers, parts(self.gradients), self.traits.passing)

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        rows = self.rows = len(examples)
        for told in self.told:
            told.clear()
        spans = list(self._batches(rows, batch_size_at(self.members[0].values, epoch)))
        left = [1.0] * len(self.members) if shares is None else shares.tolist()
        rates = self._rates(epoch, len(spans), epochs, left)
        total = np.where(self.active, 0.0, np.nan)
        for place in np.flatnonzero(self.active).tolist():
            self.bound[place].module.train()
        apart = examples.ready and self.dropconnect is None
        seeds = [key(self.seed, "noise", epoch, span.start) for span in spans]
        begun = -1
        with preserved(self.device, str(self.dtype).removeprefix("torch.")):
            for number, batch, k in self._order(examples, spans, epoch, apart):
                if not self.active[k]:
                    continue
                if self.traits.draws_outside or not apart or begun != k:
                    reseed(seeds[number], self.device)
                    begun = k
                else:
                    torch.default_generator.manual_seed(seeds[number])
                cost = self._advance(k, batch, rates[k][min(number, len(rates[k]) - 1)])
                total[k] += cost * (spans[number].stop - spans[number].start) if self.active[k] else np.nan
        for bound in self.bound:
            bound.check_gradients()
        self._check_attributes()
        return total / rows

    def _rates(self, epoch: int, updates: int, epochs: int, shares: Sequence[float]) -> list[list[float]]:
        """Learning rate of each member at each update of an epoch, or a single one where it does not change."""
        return [
            [rate * share for rate in learning_rates(member.values, epoch, updates, epochs)]
            for member, share in zip(self.members, shares, strict=True)
        ]

    def _advance(self, k: int, batch: MiniBatch, rate: float) -> float:
        """Make one update of one member, which is no longer active if its cost exploded; the cost with penalties."""
        update = self.update
        assert isinstance(update, CompiledUpdate)
        update.costs[k] = self._learn(k, batch)
        update.rates[k] = rate
        update.step(k, k + 1, self.steps, self.active, self.limits)
        return float(update.costs[k])

    def _order(
        self, examples: Examples, spans: Sequence[slice], epoch: int, apart: bool
    ) -> Iterator[tuple[int, MiniBatch, int]]:
        """Number of a mini-batch, itself, and whose turn it is: member by member, or mini-batch by mini-batch."""
        batches, stream = Batches(examples, self.device, self.task), key(self.seed, "noise", epoch)
        augment = self.augment if self.augment and examples.standard is not None else None
        noise = None if self.deviations is None else self._noise(epoch, len(examples))
        labels = self._labels(examples, epoch)

        def made(span: slice) -> MiniBatch:
            x, codes, y = batches(span, augment, epoch)
            y = y if labels is None else labels[:, span]
            factors = None if noise is None else noise[:, span]
            weights = None if batches.weights is None else batches.weights[span]
            apart, relabelled = augment is not None, labels is not None
            x = x if apart else self._laid_out(x)
            return MiniBatch(x, codes, y, stream, span.start, epoch, apart, factors, weights, relabelled)

        places = range(len(self.members))
        if apart:
            every = [made(span) for span in spans]
            yield from ((number, batch, k) for k in places for number, batch in enumerate(every))
        else:
            yield from ((number, batch, k) for number, batch in enumerate(map(made, spans)) for k in places)

    def _learn(self, k: int, batch: MiniBatch) -> float:
        """Bring the gradient of one member to its place; the cost of the mini-batch."""
        self.gradients[k].zero_()
        x = self._laid_out(batch.x[k]) if batch.apart else batch.x
        y = batch.y[k] if batch.relabelled else batch.y
        left = None if self.dropconnect is None else self._leave_out(k, batch)
        try:
            with drawing(Draws(batch.stream, batch.first)):
                if self.step is None:
                    outputs = self._checked(self.bound[k](x, batch.codes), len(x))
                    cost, aim = self._cost_and_aim(outputs, y, k, batch)
                else:
                    # Copies, which it may change.
                    features = x.clone() if isinstance(x, Tensor) else x.clone().as_given
                    given = StepBatch(features, batch.codes.clone(), y.clone(), batch.weights)
                    cost, others = loss_by(self.step, self.bound[k].module, given, self.hyperparameters[k])
                    aim = cost
                    for name, number in others.items():
                        self.told[k][name] = self.told[k].get(name, 0.0) + number * len(y)
            if aim.requires_grad:
                aim.backward()
            self.bound[k].settle()
        except Exception as error:
            raise self._failure(error, x, k) from error
        if left is not None:
            self.gradients[k] *= left
        return cost.item()

    @override
    def epoch_values(self, place: int) -> dict[str, float]:
        return {name: total / self.rows for name, total in self.told[place].items()}

    def _leave_out(self, k: int, batch: MiniBatch) -> Tensor:
        """Let a member compute with what DropConnect leaves of its weights; factors on the gradient, (weights,)."""
        assert self.dropconnect is not None
        ones = {name: torch.ones(shape, dtype=self.dtype) for name, shape in self.shapes.items()}
        draws = self.dropconnect.draw(batch.epoch, batch.first)
        factors = self.dropconnect.leave_out(ones, draws, self.dropconnect.rates[k])
        flat = torch.cat([one.reshape(-1) for one in factors.values()])
        torch.mul(self.weights[k], flat, out=self.used[k])
        return flat

    def _checked(self, outputs: Any, rows: int) -> Any:
        if self.output_shape is not None:
            self.output_shape.check(outputs, rows)
        return self._in_precision(outputs)

    @override
    def _forward(self, x: Features, codes: Tensor) -> Any:
        active = np.flatnonzero(self.active).tolist() or [0]
        trained = self.weights.clone() if self.used is self.weights and self.update.averaged else None
        if self.used is not self.evaluated:
            self.used.copy_(self.evaluated)
        try:
            return self._outputs_of(active, x, codes)
        finally:
            if trained is not None:
                self.weights.copy_(trained)

    def _outputs_of(self, active: Sequence[int], x: Features, codes: Tensor) -> Any:
        """Outputs of active members, undefined ones of the others, by the networks as they are bound."""
        state, x = torch.get_rng_state(), self._laid_out(x)
        found: dict[int, Tensor] = {}
        begin = GeneratorStates.now() if self.traits.draws_outside else None
        for k in active:
            if begin is None:
                torch.set_rng_state(state)
            else:
                begin.go()
            try:
                found[k] = self._checked(self.bound[k](x, codes), len(x))
                self.bound[k].settle()
            except Exception as error:
                raise self._failure(error, x, k, "in evaluation") from error
        none = tree_map(lambda one: _undefined(one) if isinstance(one, Tensor) else one, found[active[0]])
        every = [found.get(k, none) for k in range(len(self.members))]
        return tree_map(lambda *each: torch.stack(each) if isinstance(each[0], Tensor) else each[0], *every)


def _undefined(like: Tensor) -> Tensor:
    return torch.full_like(like, torch.nan) if like.is_floating_point() else torch.zeros_like(like)
