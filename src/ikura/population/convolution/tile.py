"""Small convolutional networks on the CPU: a tile trained by the compiled kernel, member after member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector
from typing_extensions import override

from ikura.nn.augmentation import Augment
from ikura.nn.noise import example_noise, key, label_draws
from ikura.nn.zoo.cnn import Recipe
from ikura.population._kernel_tile import KernelTile, initial_moments
from ikura.population.batches import Batches
from ikura.population.convolution.buffers import make_buffers
from ikura.population.convolution.network_layout import NetworkLayout, sizes_of
from ikura.population.convolution.step import Batch, cost_and_gradient, outputs
from ikura.population.examples import Examples
from ikura.population.kernel.dropout import connect
from ikura.population.kernel.loss import CODES, KernelLoss, labels_of, relabel
from ikura.population.kernel.penalty import penalise
from ikura.population.kernel.records import SETTINGS, setting_of
from ikura.population.kernel.update import update
from ikura.population.member import Member
from ikura.population.schedule import batch_size_at, follows_distance, learning_rates

if TYPE_CHECKING:
    from ikura.nn.zoo.cnn_module import CNN

__all__ = ["ConvolutionTile", "moving_averages"]

BLOCK = 128
"""Examples that are evaluated together."""


class ConvolutionTile(KernelTile):
    """Small convolutional networks of any depth, width, mini-batch size, activation and update rule in one tile.

    Args:
        members: the members; all of one seed.
        recipes: their networks.
        modules: the networks with their initial weights.
        task: "binary", "multiclass" or "regression".
        dtype: "float32" or "float64".
        loss: what is learned; None for the task's usual loss.
    """

    def __init__(
        self,
        members: Sequence[Member],
        recipes: Sequence[Recipe],
        modules: Sequence[CNN],
        task: str,
        dtype: str = "float32",
        loss: KernelLoss | None = None,
    ) -> None:
        self.members, self.task, self.dtype, self.loss = list(members), task, dtype, loss or KernelLoss(CODES[task])
        self.seed, self.recipes = members[0].seed, list(recipes)
        self.layouts = [NetworkLayout.of(recipe) for recipe in recipes]
        self.sizes = [sizes_of(recipe, layout) for recipe, layout in zip(recipes, self.layouts, strict=True)]
        self.augments = [Augment([member.values], self.seed) for member in members]
        settings = [
            setting_of(m.values, pretrained_weights(module)) for m, module in zip(members, modules, strict=True)
        ]
        self.settings = np.array(settings, SETTINGS)
        with torch.no_grad():
            self.weights = [parameters_to_vector(m.parameters()).numpy().astype(dtype) for m in modules]
        self.moments = [initial_moments(m, w) for m, w in zip(members, self.weights, strict=True)]
        self.origins = {k: self.weights[k].copy() for k, m in enumerate(members) if follows_distance(m.values)}
        self.kept = [w.copy() for w in self.weights]
        self.running = [moving_averages(layout, m, dtype) for layout, m in zip(self.layouts, modules, strict=True)]
        self.kept_running = [running.copy() for running in self.running]
        count = len(members)
        self.steps = np.zeros(count, np.int64)
        self.active = np.ones(count, bool)
        self.limits = np.full(count, np.inf)

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        costs = np.full(len(self.members), np.nan)
        batches = Batches(examples, torch.device("cpu"), self.task)
        for k in np.flatnonzero(self.active).tolist():
            parts = list(self._batches(k, len(examples), epoch))
            rates = learning_rates(self.members[k].values, epoch, len(parts), epochs)
            share = 1.0 if shares is None else float(shares[k])
            costs[k] = self._train(k, batches, parts, epoch, [rate * share for rate in rates])
        return costs

    def _train(self, k: int, batches: Batches, parts: Sequence[slice], epoch: int, rates: Sequence[float]) -> float:
        values, recipe, layout, w = self.members[k].values, self.recipes[k], self.layouts[k], self.weights[k]
        examples, number = batches.examples, w.dtype.type
        most, rows = max(part.stop - part.start for part in parts), len(batches.examples)
        ghosts = -(-most // recipe.ghost_size) if recipe.normalisation == "ghost" else 1
        buffers = make_buffers(layout, most, ghosts, self.dtype, training=True)
        gradient = np.empty_like(w)
        augment = self.augments[k] if self.augments[k] and examples.standard is not None else None
        stream, smoothing = np.uint64(key(self.seed, "noise", epoch)), number(values.label_smoothing)
        deviation = float(values.gradient_noise)
        noise = example_noise(self.seed, epoch, rows) if deviation else np.empty(0)
        factors = (1.0 + deviation * noise).astype(self.dtype)
        weights = np.asarray(() if examples.weights is None else examples.weights, self.dtype)
        y, left_out = self._labels(k, examples.y, epoch), float(values.dropconnect)
        connections, l1, l2 = np.uint64(key(self.seed, "dropconnect", epoch)), float(values.l1), float(values.l2)
        # Penalties are those of all weights, not of the ones that DropConnect leaves.
        penalties = (0.0, 0.0) if left_out else (l1, l2)
        used, kept = (np.empty_like(w), np.empty_like(w)) if left_out else (w, w)
        total = 0.0
        for place, part in enumerate(parts):
            x = batches.numbers(part, augment, epoch)
            if left_out:
                connect(w, used, kept, layout.matrices, left_out, connections, part.start)
            batch = Batch(x, y[part], self.loss, smoothing, weights[part], factors[part], stream, part.start)
            cost = cost_and_gradient(batch, used, gradient, self.sizes[k], buffers, self.running[k], *penalties)
            if left_out:
                gradient *= kept
                cost += penalise(w, gradient, layout.matrices, number(l1), number(l2))
            total += cost * len(x)
            if not cost <= self.limits[k]:
                self.active[k] = False
                break
            self.steps[k] += 1
            alpha = rates[min(place, len(rates) - 1)]
            update(w, gradient, self.moments[k], layout.matrices, self.settings[k], alpha, int(self.steps[k]))
        return total / rows

    def _labels(self, k: int, y: np.ndarray, epoch: int) -> np.ndarray:
        """The labels that a member learns from in one epoch."""
        share = float(self.members[k].values.label_noise)
        if not share:
            return y
        draws = label_draws(self.seed, epoch, len(y), labels_of(self.task, self.recipes[k].outputs))
        relabelled: np.ndarray = relabel(self.loss.code, y, *draws, share)
        return relabelled

    def _batches(self, k: int, rows: int, epoch: int) -> Iterator[slice]:
        """Mini-batches in order; where blocks are normalised, a last row left alone joins the batch before."""
        size = batch_size_at(self.members[k].values, epoch)
        ends = [*range(size, rows, size), rows]
        if self.layouts[k].normalised and len(ends) > 1 and size > 1 and ends[-1] - ends[-2] == 1:
            del ends[-2]
        return (slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False))

    @override
    def outputs(self, examples: Examples) -> np.ndarray:
        rows = len(examples)
        out = np.full((len(self.members), rows, self.recipes[0].outputs), np.nan, self.dtype)
        active = np.flatnonzero(self.active).tolist()
        buffers = {k: make_buffers(self.layouts[k], min(BLOCK, rows), 1, self.dtype, training=False) for k in active}
        for begin in range(0, rows, BLOCK):
            part = slice(begin, begin + BLOCK)
            x = np.require(examples.inputs(part), self.dtype, ("C", "W"))
            for k in active:
                outputs(x, self._evaluated(k), self.sizes[k], buffers[k], self.running[k], out[k, part])
        return out

    @override
    def keep(self, places: Sequence[int]) -> None:
        for place in places:
            self.kept[place][:] = self._evaluated(place)
            self.kept_running[place][:] = self.running[place]

    @override
    def recall(self) -> None:
        for place in range(len(self.members)):
            self.weights[place][:] = self.kept[place]
            self._evaluated(place)[:] = self.kept[place]
            self.running[place][:] = self.kept_running[place]
        self.active[:] = True

    @override
    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        buffers: dict[str, np.ndarray] = {}
        spread = "running_deviation" if self.sizes[place].deviations else "running_var"
        if self.layouts[place].normalised:
            for block, row in enumerate(self.layouts[place].blocks):
                mine = slice(row["first"], row["first"] + row["channels"])
                buffers[f"blocks.{block}.norm.running_mean"] = self.kept_running[place][0, mine].copy()
                buffers[f"blocks.{block}.norm.{spread}"] = self.kept_running[place][1, mine].copy()
        return self.kept[place].copy(), buffers

    def _parts(self, place: int) -> dict[str, np.ndarray]:
        names = ["weights", "kept"]
        if self.layouts[place].normalised:
            names += ["running", "kept_running"]
        parts = {name: getattr(self, name)[place] for name in names} | self._kept_by_updates(place)
        return parts | {name: getattr(self, name)[place : place + 1] for name in ("steps", "active", "limits")}

    def _weights_of(self, place: int) -> np.ndarray:
        return self.weights[place]

    def _moments_of(self, place: int) -> np.ndarray:
        return self.moments[place]

    def _matrices_of(self, place: int) -> np.ndarray:
        return self.layouts[place].matrices


def moving_averages(layout: NetworkLayout, module: CNN, dtype: str) -> np.ndarray:
    """Moving means and variances (or deviations) with which a network begins: shape (2, channels)."""
    found: list[list[np.ndarray]] = [[np.zeros(0)], [np.zeros(0)]]
    for name, buffer in module.named_buffers() if layout.normalised else ():
        if "running" in name:
            found["running_mean" not in name].append(buffer.detach().cpu().numpy())
    return np.stack([np.concatenate(column) for column in found]).astype(dtype)


def pretrained_weights(module: CNN) -> int:
    """How many weights began in a pretrained network: the first ones, as a fresh head comes last."""
    return sum(p.numel() for p in module.parameters() if getattr(p, "pretrained", False))
