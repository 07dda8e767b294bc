"""Small convolutional networks on the CPU: a tile trained by the compiled kernel, member after member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector

from ikura.nn.noise import key
from ikura.nn.zoo.cnn import CNN, Recipe
from ikura.population._tile import Tile
from ikura.population.convolution.network import Sizes
from ikura.population.convolution.plan import Plan, Room, make_room
from ikura.population.convolution.step import cost_and_gradient, outputs, update
from ikura.population.examples import Examples
from ikura.population.kernel import activation as activation_kernel
from ikura.population.kernel import loss as loss_kernel
from ikura.population.member import Member
from ikura.population.rule import Coefficients, coefficients, rule

__all__ = ["ConvolutionTile"]

BLOCK = 128
"""Examples that are evaluated together."""


class ConvolutionTile(Tile):
    """Small convolutional networks of any depth, width, mini-batch size, activation and update rule in one tile.

    Args:
        members: the members; all of one seed.
        recipes: their networks.
        modules: the networks with their initial weights.
        task: "binary", "multiclass" or "regression".
        dtype: "float32" or "float64".
    """

    def __init__(
        self,
        members: Sequence[Member],
        recipes: Sequence[Recipe],
        modules: Sequence[CNN],
        task: str,
        dtype: str = "float32",
    ) -> None:
        self.members, self.task, self.dtype = list(members), loss_kernel.CODES[task], dtype
        self.seed, self.recipes = members[0].seed, list(recipes)
        self.plans = [Plan.of(recipe) for recipe in recipes]
        self.sizes = [_sizes(recipe, plan) for recipe, plan in zip(recipes, self.plans, strict=True)]
        with torch.no_grad():
            self.weights = [parameters_to_vector(m.parameters()).numpy().astype(dtype) for m in modules]
        self.first = [np.zeros_like(w) for w in self.weights]
        self.second = [np.zeros_like(w) for w in self.weights]
        self.kept = [w.copy() for w in self.weights]
        self.running = [_statistics(plan, dtype) for plan in self.plans]
        self.kept_running = [running.copy() for running in self.running]
        count = len(members)
        self.batches = np.zeros(count, np.int64)
        self.kept_batches = np.zeros(count, np.int64)
        self.steps = np.zeros(count, np.int64)
        self.active = np.ones(count, bool)
        self.limits = np.full(count, np.inf)

    def train_epoch(self, examples: Examples, epoch: int) -> np.ndarray:
        costs = np.full(len(self.members), np.nan)
        stream = np.uint64(key(self.seed, "noise", epoch))
        for k in np.flatnonzero(self.active).tolist():
            costs[k] = self._train(k, examples, epoch, stream)
        return costs

    def _train(self, k: int, examples: Examples, epoch: int, stream: np.uint64) -> float:
        member, recipe, w = self.members[k], self.recipes[k], self.weights[k]
        values, rows = member.values, len(examples)
        batches = list(self._batches(k, rows))
        most = max(batch.stop - batch.start for batch in batches)
        ghosts = -(-most // recipe.ghost_size) if recipe.normalisation == "ghost" else 1
        room = make_room(self.plans[k], most, ghosts, self.dtype, training=True)
        gradient, code = np.empty_like(w), rule(values.optimizer).code
        total = 0.0
        for batch in batches:
            size = batch.stop - batch.start
            cost = cost_and_gradient(
                examples.x[batch], examples.y[batch], self.task, w, gradient, self.sizes[k], room, *self.running[k],
                recipe.dropout, float(values.l2), stream, batch.start,
            )  # fmt: skip
            self.batches[k] += 1
            total += cost * size
            if not cost <= self.limits[k]:
                self.active[k] = False
                break
            self.steps[k] += 1
            number = coefficients(
                member.learning_rate(epoch), values.momentum, values.beta1, values.beta2, values.epsilon,
                int(self.steps[k]),
            )  # fmt: skip
            update(code, w, gradient, self.first[k], self.second[k], Coefficients(*map(w.dtype.type, number)))
        return total / rows

    def _batches(self, k: int, rows: int) -> Iterator[slice]:
        """Mini-batches in order; where blocks are normalised, a last row left alone joins the batch before."""
        size = int(self.members[k].values.batch_size)
        ends = [*range(size, rows, size), rows]
        if self.plans[k].normalised and len(ends) > 1 and size > 1 and ends[-1] - ends[-2] == 1:
            del ends[-2]
        return (slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False))

    def outputs(self, examples: Examples) -> np.ndarray:
        out = np.full((len(self.members), len(examples), self.recipes[0].outputs), np.nan, self.dtype)
        x = examples.x if examples.x.flags.writeable else examples.x.copy()
        for k in np.flatnonzero(self.active).tolist():
            room = make_room(self.plans[k], min(BLOCK, len(x)), 1, self.dtype, training=False)
            for begin in range(0, len(x), BLOCK):
                part = slice(begin, begin + BLOCK)
                outputs(x[part], self.weights[k], self.sizes[k], room, *self.running[k], out[k, part])
        return out

    def keep(self, places: Sequence[int]) -> None:
        for place in places:
            self.kept[place][:] = self.weights[place]
            self.kept_running[place][:] = self.running[place]
            self.kept_batches[place] = self.batches[place]

    def recall(self) -> None:
        for place in range(len(self.members)):
            self.weights[place][:] = self.kept[place]
            self.running[place][:] = self.kept_running[place]
        self.batches[:] = self.kept_batches
        self.active[:] = True

    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        buffers: dict[str, np.ndarray] = {}
        if self.plans[place].normalised:
            for block, row in enumerate(self.plans[place].blocks.tolist()):
                mine = slice(row[8], row[8] + row[3])
                name = f"blocks.{block}.norm"
                buffers[f"{name}.running_mean"] = self.kept_running[place][0, mine].copy()
                buffers[f"{name}.running_var"] = self.kept_running[place][1, mine].copy()
                buffers[f"{name}.num_batches_tracked"] = self.kept_batches[place].copy()
        return self.kept[place].copy(), buffers

    def _parts(self, place: int) -> dict[str, np.ndarray]:
        parts = {name: getattr(self, name)[place] for name in ("weights", "first", "second", "kept")}
        if self.plans[place].normalised:
            parts |= {"running": self.running[place], "kept_running": self.kept_running[place]}
            parts |= {name: getattr(self, name)[place : place + 1] for name in ("batches", "kept_batches")}
        return parts | {name: getattr(self, name)[place : place + 1] for name in ("steps", "active", "limits")}

    def extract(self, place: int) -> dict[str, np.ndarray]:
        return {name: part.copy() for name, part in self._parts(place).items()}

    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        for name, part in self._parts(place).items():
            part[:] = state[name]

    def set_limits(self, limits: np.ndarray) -> None:
        self.limits[:] = limits

    def penalties(self) -> np.ndarray:
        return np.array(
            [
                0.5 * member.values.l2 * np.sum(w[plan.penalised()].astype(np.float64) ** 2)
                if member.values.l2
                else 0.0
                for member, plan, w in zip(self.members, self.plans, self.weights, strict=True)
            ]
        )


def _sizes(recipe: Recipe, plan: Plan) -> Sizes:
    ghost = {"none": 0, "batch": 1 << 40, "ghost": recipe.ghost_size}[recipe.normalisation]
    return Sizes(
        plan.blocks, recipe.kernel_size, recipe.units, plan.dense, recipe.outputs,
        activation_kernel.code(recipe.activation), ghost, recipe.momentum,
    )  # fmt: skip


def _statistics(plan: Plan, dtype: str) -> np.ndarray:
    """Moving means (zero) and variances (one) of all channels: shape (2, channels)."""
    count = sum(plan.channels) if plan.normalised else 0
    return np.stack([np.zeros(count), np.ones(count)]).astype(dtype)
