"""Networks of the caller's on the CPU, as programs: a tile trained by compiled operations, member after member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from typing_extensions import override

from ikura.nn.augmentation import Augment
from ikura.nn.noise import example_noise, key, label_draws
from ikura.population._kernel_tile import KernelTile, initial_moments
from ikura.population.batches import Batches
from ikura.population.examples import Examples
from ikura.population.kernel.loss import CODES, KernelLoss, labels_of, relabel
from ikura.population.kernel.records import SETTINGS, setting_of
from ikura.population.member import Member
from ikura.population.program.builder import Program
from ikura.population.program.check import flat_buffers, flat_weights
from ikura.population.program.inputs import ProgramInputs
from ikura.population.program.operations.run import (
    BLOCK,
    Memory,
    Rows,
    Weights,
    evaluate,
    make_memory,
    memory_size,
    train,
)
from ikura.population.program.translate import weight_places
from ikura.population.schedule import batch_size_at, follows_distance, learning_rates

__all__ = ["ProgramTile"]

AT_ONCE = 4_000_000
"""Numbers of images that are made ready together."""


class ProgramTile(KernelTile):
    """Networks of any structure, mini-batch size and update rule in one tile.

    Args:
        members: the members; all of one seed.
        programs: what their networks compute.
        modules: the networks with initial weights.
        inputs: what their forward is given.
        matrices: names of the parameters of each network that are weights of products; None for all of two dimensions
            or more.
        task: "binary", "multiclass", "multilabel" or "regression".
        dtype: "float32" or "float64".
        loss: what is learned; None for the task's usual loss.
    """

    def __init__(
        self,
        members: Sequence[Member],
        programs: Sequence[Program],
        modules: Sequence[nn.Module],
        inputs: ProgramInputs,
        matrices: Sequence[frozenset[str] | None],
        task: str,
        dtype: str = "float32",
        loss: KernelLoss | None = None,
    ) -> None:
        self.inputs, self.loss = inputs, loss or KernelLoss(CODES[task])
        self.members, self.programs, self.task, self.dtype = list(members), list(programs), task, dtype
        self.seed = members[0].seed
        self.codes = [program.code(dtype) for program in programs]
        self.settings = np.array([setting_of(m.values) for m in members], SETTINGS)
        self.weights = [flat_weights(module, dtype) for module in modules]
        self.moments = [initial_moments(m, w) for m, w in zip(members, self.weights, strict=True)]
        self.buffers = [flat_buffers(m, dtype, p.constants) for m, p in zip(modules, programs, strict=True)]
        self.kept = [w.copy() for w in self.weights]
        self.kept_buffers = [s.copy() for s in self.buffers]
        self.origins = {k: self.weights[k].copy() for k, m in enumerate(members) if follows_distance(m.values)}
        self.matrices = [_matrices(m, names) for m, names in zip(modules, matrices, strict=True)]
        self.names = [{n: (tuple(b.shape), b.dtype) for n, b in module.named_buffers()} for module in modules]
        self.augments = [Augment([member.values], self.seed) for member in members]
        self.registers = np.empty(0, dtype)
        count = len(members)
        self.steps = np.zeros(count, np.int64)
        self.active = np.ones(count, bool)
        self.limits = np.full(count, np.inf)

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        costs, rows = np.full(len(self.members), np.nan), len(examples)
        keys = np.array([key(self.seed, purpose, epoch) for purpose in ("noise", "dropconnect")], np.uint64)
        whole = None if examples.standard is not None else self._numbers(examples, slice(None))
        floats, numbers = self._columns(examples) if whole is None else (whole[0].shape[1], whole[1].shape[1])
        for k in np.flatnonzero(self.active).tolist():
            values = self.members[k].values
            batch = min(batch_size_at(values, epoch), rows)
            joins = int(self.programs[k].normalises and batch > 1)
            updates = -(-rows // batch) - (joins and rows > batch and rows % batch == 1)
            share = 1.0 if shares is None else float(shares[k])
            alphas = np.array([rate * share for rate in learning_rates(values, epoch, updates, epochs)])
            memory = self._memory(k, batch + joins, floats, numbers, True)
            total = 0.0
            for first, some in self._parts_of(k, examples, whole, epoch, batch, joins):
                cost, self.steps[k] = train(
                    self.codes[k], memory, self._of(k), some, first, batch, joins, self.loss,
                    self.settings[k], self.matrices[k], alphas, keys, self.steps[k], self.limits[k],
                )  # fmt: skip
                total += cost
                if not np.isfinite(total):
                    self.active[k] = False
                    break
            costs[k] = total / rows
        return costs

    def _memory(self, k: int, rows: int, floats: int, numbers: int, training: bool) -> Memory:
        """Registers of a member, in memory that the members of a tile use one after another."""
        size = memory_size(self.codes[k], rows)
        if len(self.registers) < size:
            self.registers = np.empty(size, self.dtype)
        return make_memory(self.codes[k], rows, floats, numbers, self.registers, training)

    def _of(self, k: int) -> Weights:
        return Weights(self.weights[k], self.moments[k], self.buffers[k])

    def _evaluated_of(self, k: int) -> Weights:
        return Weights(self._evaluated(k), self.moments[k], self.buffers[k])

    def _columns(self, examples: Examples) -> tuple[int, int]:
        x, codes = self._numbers(examples, slice(0, 1))
        return x.shape[1], codes.shape[1]

    def _numbers(self, examples: Examples, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """What programs take of some rows: float features, and whole numbers."""
        return self.inputs.arrays(examples, rows, self.dtype)

    def _parts_of(
        self,
        k: int,
        examples: Examples,
        whole: tuple[np.ndarray, np.ndarray] | None,
        epoch: int,
        batch: int,
        joins: int,
    ) -> Iterator[tuple[int, Rows]]:
        """The examples of an epoch as the member learns from them: all at once, or images some at a time."""
        values, rows = self.members[k].values, len(examples)
        deviation = float(values.gradient_noise)
        factors = np.ones(rows, self.dtype)
        if deviation:
            factors = (1.0 + deviation * example_noise(self.seed, epoch, rows)).astype(self.dtype)
        y = self._labels(k, examples.y.reshape(-1), epoch)
        targets = len(y) // rows
        weights = np.asarray(() if examples.weights is None else examples.weights, self.dtype)
        if whole is not None:
            yield 0, Rows(*whole, y, factors, weights)
            return
        augment = self.augments[k] or None
        batches = Batches(examples, torch.device("cpu"), self.task)
        each = batch if augment else max(1, AT_ONCE // (batch * int(np.prod(examples.shape)))) * batch
        begin = 0
        while begin < rows:
            end = min(begin + each, rows)
            end = rows if rows - end <= joins else end
            x = batches.numbers(slice(begin, end), augment, epoch)
            x = np.ascontiguousarray(x.reshape(len(x), -1), self.dtype)
            own = y[begin * targets : end * targets]
            yield begin, Rows(x, np.empty((len(x), 0), np.int64), own, factors[begin:end], weights[begin:end])
            begin = end

    def _labels(self, k: int, y: np.ndarray, epoch: int) -> np.ndarray:
        share = float(self.members[k].values.label_noise)
        if not share:
            return y
        draws = label_draws(self.seed, epoch, len(y), labels_of(self.task, self.codes[k].outputs))
        relabelled: np.ndarray = relabel(self.loss.code, y, *draws, share)
        return relabelled

    @override
    def outputs(self, examples: Examples) -> np.ndarray:
        out = np.full((len(self.members), len(examples), self.codes[0].outputs), np.nan, self.dtype)
        columns = self._columns(examples)
        each = len(examples) if examples.standard is None else BLOCK
        for begin in range(0, len(examples), each):
            part = slice(begin, begin + each)
            x, codes = self._numbers(examples, part)
            for k in np.flatnonzero(self.active).tolist():
                memory = self._memory(k, min(BLOCK, len(x)), *columns, False)
                evaluate(self.codes[k], memory, self._evaluated_of(k), x, codes, out[k, part])
        return out

    @override
    def keep(self, places: Sequence[int]) -> None:
        for place in places:
            self.kept[place][:] = self._evaluated(place)
            self.kept_buffers[place][:] = self.buffers[place]

    @override
    def recall(self) -> None:
        for place in range(len(self.members)):
            self.weights[place][:] = self.kept[place]
            self._evaluated(place)[:] = self.kept[place]
            self.buffers[place][:] = self.kept_buffers[place]
        self.active[:] = True

    @override
    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        found, begin = {}, 0
        for name, (shape, kind) in self.names[place].items():
            size = int(np.prod(shape))
            values = self.kept_buffers[place][begin : begin + size].reshape(shape)
            found[name] = values.copy() if kind.is_floating_point else torch.from_numpy(values).to(kind).numpy()
            begin += size
        return self.kept[place].copy(), found

    def _parts(self, place: int) -> dict[str, np.ndarray]:
        names = ("weights", "kept", "buffers", "kept_buffers")
        every = {name: getattr(self, name)[place] for name in names} | self._kept_by_updates(place)
        parts = {name: part for name, part in every.items() if part.size}
        return parts | {name: getattr(self, name)[place : place + 1] for name in ("steps", "active", "limits")}

    def _weights_of(self, place: int) -> np.ndarray:
        return self.weights[place]

    def _moments_of(self, place: int) -> np.ndarray:
        return self.moments[place]

    def _matrices_of(self, place: int) -> np.ndarray:
        return self.matrices[place]


def _matrices(module: nn.Module, names: frozenset[str] | None) -> np.ndarray:
    """(place, rows, columns) of each trained parameter that is a weight of products; a row for each unit."""
    found = []
    for name, weight in weight_places(module)[1].items():
        shape = weight.shape
        if weight.learns and not weight.buffer and (len(shape) > 1 if names is None else name in names):
            rows = shape[0] if len(shape) > 1 else 1
            found.append((weight.place, rows, int(np.prod(shape)) // max(rows, 1)))
    return np.array(found, np.int64).reshape(-1, 3)
