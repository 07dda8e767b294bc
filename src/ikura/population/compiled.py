"""Built-in networks on the CPU: a tile trained by the compiled kernel, each member at its own size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from typing_extensions import override

from ikura.nn.noise import example_noise, key, label_draws
from ikura.population._kernel_tile import KernelTile, initial_moments
from ikura.population.examples import Examples
from ikura.population.kernel import activation as activation_kernel
from ikura.population.kernel import normalisation as normalisation_kernel
from ikura.population.kernel.encoding import plan_of, waves_of
from ikura.population.kernel.epoch import evaluate, train_epoch
from ikura.population.kernel.loss import CODES, KernelLoss, labels_of
from ikura.population.kernel.records import (
    SETTINGS,
    Draws,
    Inputs,
    Networks,
    Parts,
    State,
    joined,
    part,
    setting_of,
)
from ikura.population.layout import Layout
from ikura.population.learned_targets import learned_by, undone
from ikura.population.member import Member
from ikura.population.schedule import batch_size_at, follows_distance, learning_rates, steady_rates

__all__ = ["CompiledTile"]


class CompiledTile(KernelTile):
    """Fully connected networks of any depth, width, mini-batch size, activation and update rule in one tile.

    All weights lie in one flat vector, member after member; nothing is padded.

    Args:
        members: the members; all of one seed.
        layouts: their networks.
        task: "binary", "multiclass", "multilabel" or "regression".
        dtype: "float32" or "float64".
        loss: what is learned; None for the task's usual loss.
    """

    def __init__(
        self,
        members: Sequence[Member],
        layouts: Sequence[Layout],
        task: str,
        dtype: str = "float32",
        loss: KernelLoss | None = None,
    ) -> None:
        self.task = task
        self.members, self.layouts, self.seed = list(members), list(layouts), members[0].seed
        every = [member.values for member in members]
        count, deepest = len(members), max(len(layout.units) for layout in layouts)
        widths, dropout = np.zeros((count, deepest + 2), np.int64), np.zeros((count, 1 + deepest))
        for k, (member, layout) in enumerate(zip(members, layouts, strict=True)):
            widths[k, : len(layout.widths)] = layout.widths
            dropout[k, : 1 + len(layout.units)] = member.values.dropout_input, *member.each_layer("dropout")
        encodings = [layout.encoding for layout in layouts]
        self.targets = [layout.target for layout in layouts]
        kinds = list(dict.fromkeys(self.targets))
        plans, statistics = zip(*map(plan_of, encodings), strict=True)
        self.networks = Networks(
            loss=(loss or KernelLoss(CODES[task])).code,
            parameter=0.0 if loss is None else loss.parameter,
            tables=np.array([layout.tables for layout in layouts], np.int64).reshape(count, len(layouts[0].tables), 2),
            widths=widths,
            depths=np.array([len(layout.units) for layout in layouts], np.int64),
            matrices=joined(layout.matrices() for layout in layouts),
            activations=np.array([activation_kernel.code(values.activation) for values in every], np.int64),
            dropout=dropout,
            normalisations=np.array([normalisation_kernel.code(values.normalisation) for values in every], np.int64),
            ghost_sizes=np.array([values.ghost_size for values in every]).astype(np.int64),
            momenta=np.array([float(values.normalisation_momentum) for values in every]),
            targets=np.array([kinds.index(target) for target in self.targets], np.int64),
            ahead=np.array([layout.ahead for layout in layouts], np.int64),
            scales=np.array([layout.scales for layout in layouts], np.int64),
            plans=joined(plans),
            statistics=joined(statistics, dtype),
            waves=np.array([waves_of(encoding) for encoding in encodings], np.int64),
        )
        self.settings = np.array([setting_of(values) for values in every], SETTINGS)
        # The first weights, with a learning rate of their own, are the factors on the inputs.
        self.settings["pretrained"] = self.networks.scales
        self.settings["pretrained_rate"] = [values.scale_rate for values in every]
        self.noisy, self.relabelled = (self.settings[name].any() for name in ("gradient_noise", "label_noise"))
        self.steady = [steady_rates(values) for values in every]
        self.growing = [k for k, values in enumerate(every) if values.batch_growth]
        weights = joined((one.initial(m) for m, one in zip(members, layouts, strict=True)), dtype)
        running = joined((layout.initial_running() for layout in layouts), dtype)
        self.steps, self.active, self.limits = np.zeros(count, np.int64), np.ones(count, bool), np.full(count, np.inf)
        moments = joined(map(initial_moments, members, (part(weights, k) for k in range(count))), dtype)
        self.state = State(weights, moments, running, self.steps, self.active, self.limits)
        self.best_weights, self.best_running = (
            parts._replace(values=parts.values.copy()) for parts in (weights, running)
        )
        self.origins = {k: part(weights, k).copy() for k, values in enumerate(every) if follows_distance(values)}
        self.averaged = [k for k, values in enumerate(every) if values.ema_decay > 0]

    @override
    def train_epoch(
        self, examples: Examples, epoch: int, epochs: int = 0, shares: np.ndarray | None = None
    ) -> np.ndarray:
        rows, costs = len(examples), np.empty(len(self.members))
        for k in self.growing:
            self.settings["batch_size"][k] = batch_size_at(self.members[k].values, epoch)
        left = [1.0] * len(costs) if shares is None else shares.tolist()
        rates = [
            [rate * share for rate in steady or learning_rates(member.values, epoch, updates, epochs)]
            for member, steady, share, updates in zip(self.members, self.steady, left, self._updates(rows), strict=True)
        ]
        train_epoch(
            self._inputs(examples), self._learned(examples.y), self.networks, self.settings, self.state,
            Parts(np.array([*chain(*rates)]), np.cumsum([0, *map(len, rates)], dtype=np.int64)),
            self._draws(epoch, rows), costs,
        )  # fmt: skip
        return costs

    def _inputs(self, examples: Examples) -> Inputs:
        weights = () if examples.weights is None else examples.weights
        return Inputs(examples.array, examples.codes, np.asarray(weights, self.state.weights.values.dtype))

    def _learned(self, y: np.ndarray) -> np.ndarray:
        """What members learn, a row for each transform of the targets, shape (transforms, rows)."""
        kinds, y = dict.fromkeys(self.targets), y.reshape(-1)
        return y[None] if list(kinds) == [None] else np.stack(learned_by(list(kinds), y))

    def _draws(self, epoch: int, rows: int) -> Draws:
        """The noise of one epoch; what no member has is not drawn."""
        dropout, dropconnect = (np.uint64(key(self.seed, purpose, epoch)) for purpose in ("noise", "dropconnect"))
        noise = example_noise(self.seed, epoch, rows) if self.noisy else np.empty(0)
        labels = (np.empty(0), np.empty(0))
        if self.relabelled:
            labels = label_draws(self.seed, epoch, rows, labels_of(self.task, self.layouts[0].outputs))
        return Draws(dropout, dropconnect, noise.astype(self.state.weights.values.dtype), *labels)

    def _updates(self, rows: int) -> list[int]:
        """Number of updates of each member in an epoch."""
        sizes = np.minimum(self.settings["batch_size"], rows)
        updates = -(-rows // sizes)
        for k in np.flatnonzero((rows > sizes) & (rows % sizes == 1)):
            updates[k] -= normalisation_kernel.joins_last_row(self.networks.normalisations[k], sizes[k])
        each: list[int] = updates.tolist()
        return each

    @override
    def outputs(self, examples: Examples) -> np.ndarray:
        values = self.state.weights.values
        out: np.ndarray = np.empty((len(self.members), len(examples), self.layouts[0].outputs), values.dtype)
        evaluate(self._inputs(examples), self.networks, self._evaluated_state(), out)
        undone(self.targets, out)
        return out

    def _evaluated_state(self) -> State:
        """The state with the weights that are evaluated in place of those that train."""
        if not self.averaged:
            return self.state
        weights = self.state.weights._replace(values=self.state.weights.values.copy())
        for place in self.averaged:
            part(weights, place)[:] = self._evaluated(place)
        return self.state._replace(weights=weights)

    @override
    def keep(self, places: Sequence[int]) -> None:
        for place in places:
            part(self.best_weights, place)[:] = self._evaluated(place)
            part(self.best_running, place)[:] = part(self.state.running, place)

    @override
    def recall(self) -> None:
        self.state.weights.values[:] = self.best_weights.values
        for place in self.averaged:
            self._evaluated(place)[:] = part(self.best_weights, place)
        self.state.running.values[:] = self.best_running.values
        self.active[:] = True

    @override
    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        buffers, begin = {}, 0
        for name, length in self.layouts[place].running:
            buffers[name] = part(self.best_running, place)[begin : begin + length].copy()
            begin += length
        return part(self.best_weights, place).copy(), buffers

    def _parts(self, place: int) -> dict[str, np.ndarray]:
        state = self.state
        every = {"weights": state.weights, "kept": self.best_weights}
        if self.layouts[place].running:
            every |= {"running": state.running, "kept_running": self.best_running}
        parts = {name: part(parts, place) for name, parts in every.items()} | self._kept_by_updates(place)
        return parts | {name: getattr(state, name)[place : place + 1] for name in ("steps", "active", "limits")}

    def _weights_of(self, place: int) -> np.ndarray:
        return part(self.state.weights, place)

    def _moments_of(self, place: int) -> np.ndarray:
        return part(self.state.moments, place)

    def _matrices_of(self, place: int) -> np.ndarray:
        return self.layouts[place].matrices()
