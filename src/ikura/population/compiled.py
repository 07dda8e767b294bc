"""Built-in networks on the CPU: a tile trained by the compiled kernel, each member at its own size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from typing_extensions import override

from ikura.nn.noise import example_noise, key, label_draws
from ikura.population._kernel_tile import KernelTile
from ikura.population.examples import Examples
from ikura.population.kernel import activation as activation_kernel
from ikura.population.kernel import loss as loss_kernel
from ikura.population.kernel import normalisation as normalisation_kernel
from ikura.population.kernel.epoch import evaluate, train_epoch
from ikura.population.kernel.numbers import GRADIENT_NOISE, LABEL_NOISE, NUMBERS, numbers_of
from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.schedule import batch_size_at, follows_distance, learning_rates, steady_rates
from ikura.population.update_rules import rule

__all__ = ["CompiledTile"]


class CompiledTile(KernelTile):
    """Fully connected networks of any depth, width, mini-batch size, activation and update rule in one tile.

    All weights lie in one flat vector, member after member; nothing is padded.

    Args:
        members: the members; all of one seed.
        layouts: their networks.
        task: "binary", "multiclass" or "regression".
        dtype: "float32" or "float64".
    """

    def __init__(self, members: Sequence[Member], layouts: Sequence[Layout], task: str, dtype: str = "float32") -> None:
        self.members, self.layouts, self.task = list(members), list(layouts), loss_kernel.CODES[task]
        self.seed = members[0].seed
        count, deepest = len(members), max(len(layout.units) for layout in layouts)
        self.tables = np.array(layouts[0].tables, np.int64).reshape(-1, 2)
        self.places = ends(layout.size for layout in layouts)
        self.widths = np.zeros((count, deepest + 2), np.int64)
        self.rates = np.zeros((count, 1 + deepest))
        self.normals = np.zeros((count, 2), np.int64)
        self.momenta = np.array([float(member.values.normalisation_momentum) for member in members])
        self.whole = np.zeros((count, 3), np.int64)
        self.numbers = np.zeros((count, len(NUMBERS)))
        for k, (member, layout) in enumerate(zip(members, layouts, strict=True)):
            values = member.values
            self.widths[k, : len(layout.widths)] = layout.widths
            self.rates[k, : 1 + len(layout.units)] = values.dropout_input, *member.each_layer("dropout")
            self.normals[k] = normalisation_kernel.code(values.normalisation), values.ghost_size
            self.whole[k] = values.batch_size, activation_kernel.code(values.activation), rule(values.optimizer).code
            self.numbers[k] = numbers_of(values)
        self.steady = [steady_rates(member.values) for member in members]
        self.growing = [k for k, member in enumerate(members) if member.values.batch_growth]
        self.depths = np.array([len(layout.units) for layout in layouts], np.int64)
        self.weights = np.concatenate(
            [layout.initial(member) for member, layout in zip(members, layouts, strict=True)]
        ).astype(dtype)
        kept = [rule(m.values.optimizer).moments * layout.size for m, layout in zip(members, layouts, strict=True)]
        self.moment_places = ends(kept)
        self.moments = np.zeros(self.moment_places[-1], dtype)
        matrices = [layout.matrices() for layout in layouts]
        self.matrices, self.matrix_places = np.concatenate(matrices), ends(map(len, matrices))
        self.origins = {
            k: self.weights[self._span(k)].copy() for k, m in enumerate(members) if follows_distance(m.values)
        }
        self.kept = self.weights.copy()
        running = [layout.initial_running() for layout in layouts]
        self.running_places = np.concatenate([[0], np.cumsum([len(part) for part in running])]).astype(np.int64)
        self.running = np.concatenate(running).astype(dtype)
        self.kept_running = self.running.copy()
        self.steps = np.zeros(count, np.int64)
        self.active = np.ones(count, bool)
        self.limits = np.full(count, np.inf)

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        rows, costs = len(examples), np.empty(len(self.members))
        for k in self.growing:
            self.whole[k, 0] = batch_size_at(self.members[k].values, epoch)
        left = [1.0] * len(costs) if shares is None else shares.tolist()
        rates = [
            [rate * share for rate in steady or learning_rates(member.values, epoch, updates, epochs)]
            for member, steady, share, updates in zip(self.members, self.steady, left, self._updates(rows), strict=True)
        ]
        train_epoch(
            examples.x, examples.codes, examples.y, self.task, self.tables, self.weights, self.moments, self.places,
            self.moment_places, self.widths, self.depths, self.matrices, self.matrix_places, self.whole, self.numbers,
            np.array(list(chain(*rates))), ends(map(len, rates)), self.rates, self.normals, self.momenta, self.running,
            self.running_places, self.steps, self.active,
            np.uint64(key(self.seed, "noise", epoch)), np.uint64(key(self.seed, "dropconnect", epoch)),
            self._noise(epoch, rows), *self._label_draws(epoch, rows), costs, self.limits,
        )  # fmt: skip
        return costs

    def _noise(self, epoch: int, rows: int) -> np.ndarray:
        """What gradient noise is made of in one epoch; empty if no member has any."""
        used = self.numbers[:, GRADIENT_NOISE].any()
        return (example_noise(self.seed, epoch, rows) if used else np.empty(0)).astype(self.weights.dtype)

    def _label_draws(self, epoch: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """What label noise is made of in one epoch; empty if no member has any."""
        if not self.numbers[:, LABEL_NOISE].any():
            return np.empty(0), np.empty(0)
        return label_draws(self.seed, epoch, rows, (2, self.layouts[0].outputs, 0)[self.task])

    def _updates(self, rows: int) -> list[int]:
        """Number of updates of each member in an epoch."""
        sizes = np.minimum(self.whole[:, 0], rows)
        updates = -(-rows // sizes)
        for k in np.flatnonzero((rows > sizes) & (rows % sizes == 1)):
            updates[k] -= normalisation_kernel.joins_last_row.py_func(self.normals[k, 0], sizes[k])
        each: list[int] = updates.tolist()
        return each

    @override
    def outputs(self, examples: Examples) -> np.ndarray:
        out = np.empty((len(self.members), len(examples), self.layouts[0].outputs), self.weights.dtype)
        evaluate(
            examples.x, examples.codes, self.tables, self.weights, self.places, self.widths, self.depths, self.whole,
            self.rates, self.normals, self.running, self.running_places, self.active, out,
        )  # fmt: skip
        return out

    def _span(self, place: int) -> slice:
        return slice(self.places[place], self.places[place + 1])

    def _running_span(self, place: int) -> slice:
        return slice(self.running_places[place], self.running_places[place + 1])

    @override
    def keep(self, places: Sequence[int]) -> None:
        for place in places:
            span = self._span(place)
            self.kept[span] = self.weights[span]
            begin, end = self.running_places[place : place + 2]
            if begin < end:
                self.kept_running[begin:end] = self.running[begin:end]

    @override
    def recall(self) -> None:
        self.weights[:] = self.kept
        self.running[:] = self.kept_running
        self.active[:] = True

    @override
    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        buffers, begin = {}, self.running_places[place]
        for name, length in self.layouts[place].running:
            buffers[name] = self.kept_running[begin : begin + length].copy()
            begin += length
        return self.kept[self._span(place)].copy(), buffers

    def _parts(self, place: int) -> dict[str, np.ndarray]:
        span = self._span(place)
        parts = {name: getattr(self, name)[span] for name in ("weights", "kept")}
        parts["moments"] = self.moments[self.moment_places[place] : self.moment_places[place + 1]]
        if self.layouts[place].running:
            parts |= {name: getattr(self, name)[self._running_span(place)] for name in ("running", "kept_running")}
        return parts | {name: getattr(self, name)[place : place + 1] for name in ("steps", "active", "limits")}

    def _weights_of(self, place: int) -> np.ndarray:
        return self.weights[self._span(place)]

    def _matrices_of(self, place: int) -> np.ndarray:
        return self.layouts[place].matrices()


def ends(sizes: Iterable[int]) -> np.ndarray:
    """Where parts of these sizes begin when they lie one after another, and where the last one ends."""
    return np.cumsum([0, *sizes], dtype=np.int64)
