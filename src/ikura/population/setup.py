"""The training setup: turns trials into tiles, and tiles into trained members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ikura.lazy_torch import nn
from ikura.population._tile import Tile
from ikura.population.distances import DistanceTracker
from ikura.population.dry_run import ForwardTraits
from ikura.population.member import Hyperparameters, Member
from ikura.population.mini_batch_gradients import gradient_norms
from ikura.population.own_network_setup import OwnNetworkSetup
from ikura.population.structure import structure, weights_of
from ikura.population.training import TrainingRun

__all__ = ["TrainingSetup"]

LOOKED_AT = 8
"""Mini-batches over which the norm of the gradient is taken."""


@dataclass(frozen=True)
class TrainingSetup(OwnNetworkSetup):
    """Everything that training needs besides the trials; see `NetworkSetup` for its attributes."""

    def tile(self, members: Sequence[Member]) -> Tile:
        """Build the tile of members that `packing.pack` put together."""
        from ikura.nn.zoo.cnn import cnn

        loss = self.scorer.kernel_loss
        if self.compiled and self.convolutional:
            from ikura.population.convolution import ConvolutionTile

            built: list[Any] = [self.module(m) for m in members]
            if self.network is not cnn:
                self.traits(members[0])
            return ConvolutionTile(members, [self.recipe(m) for m in members], built, self.task, self.dtype, loss)
        if self.compiled:
            from ikura.population.compiled import CompiledTile

            return CompiledTile(members, [self.layout(m) for m in members], self.task, self.dtype, loss)
        if self.runs_as_program(members[0]):
            return self._program_tile(members)
        from ikura.population.stacked import StackedTile

        if self.network is not None:
            modules = [self.module(member) for member in members]
            traits = self.traits(members[0])
            differ = len({structure(module) for module in modules}) > 1
            if differ or self.runs_in_turn(members[0], len(members)):
                return self._in_turn_tile(members, modules, traits)
            return StackedTile(
                members, modules, self.task, self.dtype, self.device, None, self.output_shape, traits, self.loss
            )
        layouts = [self.layout(member) for member in members]
        least = 0 if layouts[0].normalisation == "layer" else self.least_units
        widest = (max(least, *column) for column in zip(*(layout.units for layout in layouts), strict=True))
        wide = replace(layouts[0], units=tuple(widest))
        padded, free = zip(
            *(layout.padded(member, wide) for layout, member in zip(layouts, members, strict=True)), strict=True
        )
        modules = [wide.module(member, weights) for member, weights in zip(members, padded, strict=True)]
        return StackedTile(
            members, modules, self.task, self.dtype, self.device, np.stack(free), self.output_shape, loss=self.loss,
            targets=[layout.target for layout in layouts],
        )  # fmt: skip

    def _in_turn_tile(self, members: Sequence[Member], modules: Sequence[nn.Module], traits: ForwardTraits) -> Tile:
        own = [Hyperparameters(self.hyperparameters(member)) for member in members]
        given: dict[str, Any] = {
            "task": self.task,
            "dtype": self.dtype,
            "outputs": self.output_shape,
            "traits": traits,
            "loss": self.loss,
            "step": self.training_step,
        }
        if self.optimizer is not None:
            from ikura.population.optimizer_tile import OptimizerTile

            return OptimizerTile(members, modules, self.optimizer, own, **given)
        from ikura.population.in_turn import InTurnTile

        return InTurnTile(members, modules, hyperparameters=own, **given)

    def _program_tile(self, members: Sequence[Member]) -> Tile:
        from ikura.population.program.builder import UnknownOperationError
        from ikura.population.program.tile import ProgramTile

        programs = [program for program in map(self.program, members) if not isinstance(program, UnknownOperationError)]
        weights = [self.traits(member).weights for member in members]
        modules = [self.module(member) for member in members]
        inputs = self.form(members[0]).inputs
        return ProgramTile(members, programs, modules, inputs, weights, self.task, self.dtype, self.scorer.kernel_loss)

    def training(
        self,
        members: Sequence[Member],
        patience: int | None = None,
        budget: int | None = None,
        keep_distances: bool = False,
        more: float = 1.0,
    ) -> TrainingRun:
        """Begin the training of a tile; the arguments are those of `TrainingRun`."""
        tile, tracker = self.tile(members), None
        if keep_distances:
            sizes = [{n: p.numel() for n, p in weights_of(self.module(member)).items()} for member in members]
            tracker = DistanceTracker(tile, sizes)
        return TrainingRun(
            tile, self.train, self.dev, self.scorer, patience, budget, tracker=tracker, more=more,
            norms=self.norms, gradient_norm=self._gradient_norm if self.norms and self._has_gradients else None,
        )  # fmt: skip

    def gradient_norms(self, member: Member, module: nn.Module, epoch: int, batches: int) -> list[float]:
        """Measure the gradients of the mini-batches that an epoch begins with, see `mini_batch_gradients`."""
        examples = self.learned(member, self.train.ordered(member.seed, epoch))
        return gradient_norms(module, member, self.loss, self.task, examples, epoch, batches)

    @property
    def _has_gradients(self) -> bool:
        """Whether training makes the loss of the outputs small, and not one that the caller computes in a step."""
        return self.training_step is None

    def _gradient_norm(self, member: Member, weights: np.ndarray, epoch: int) -> float:
        """Mean norm of the gradients of the mini-batches that an epoch begins with, at weights that a member has."""
        module = self.trained(member, weights, {}, predicts=False)
        return float(np.mean(self.gradient_norms(member, module, epoch, LOOKED_AT)))
