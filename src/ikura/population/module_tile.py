"""Tiles of `nn.Module`s: networks of one structure, whose numbers are the rows of common arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves, tree_map
from typing_extensions import override

from ikura.errors import UsageError
from ikura.nn import BatchNorm, Dropout, GhostNorm
from ikura.nn.augmentation import Augment
from ikura.nn.generators import seeded
from ikura.nn.loss import Loss, OutputShape, usual_loss
from ikura.nn.noise import example_noise, key, label_draws
from ikura.nn.target_transform import TargetTransform
from ikura.population import attributes
from ikura.population._tile import Tile
from ikura.population.batches import Batches
from ikura.population.compiled_update import CompiledUpdate, aligned_copy
from ikura.population.dropconnect import DropConnect
from ikura.population.dry_run import ForwardTraits
from ikura.population.examples import Examples
from ikura.population.inputs import Features
from ikura.population.kernel.loss import CODES, relabel
from ikura.population.learned_targets import learned_by, undone
from ikura.population.member import Member
from ikura.population.mini_batch import MiniBatch
from ikura.population.schedule import follows_distance
from ikura.population.scoring import Outputs
from ikura.population.stacked_module import stacked_state
from ikura.population.stacked_update import Update
from ikura.population.structure import channels_last

__all__ = ["ModuleTile"]

OF_WEIGHTS = ("weights", "kept", "moments", "average")
"""Parts of a member's state with a number for each weight."""


class ModuleTile(Tile):
    """Networks of one structure, whose weights, gradients and statistics are the rows of common arrays.

    What is common to the ways of running them: what a member's state is made of, how it is kept, recalled, taken out
    and put in, what labels and noise an epoch has, what a cost is.

    Args:
        members: the members; all of one seed and one mini-batch size, growth included.
        modules: their networks with initial weights; alike but for the values of parameters and buffers.
        task: "binary", "multiclass", "multilabel", "regression" or "own".
        dtype: "float32" or "float64".
        device: a torch device.
        free: which weights of each member may change, bool of shape (members, weights); None for all of them. Weights
            that may not change are the padding of a narrower network.
        outputs: the raw outputs that the loss takes.
        traits: what a dry run found of networks of the caller's; None for built-in ones.
        loss: the loss; None for the task's usual one.
        targets: what each member learns in place of the targets; None for all of them these themselves.
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
        self.targets = [None] * len(members) if targets is None else list(targets)
        self.members, self.task, self.device = list(members), task, torch.device(device)
        self.loss = usual_loss(task) if loss is None else loss
        self.seed = members[0].seed
        self.dtype = getattr(torch, dtype)
        modules = [module.to(self.dtype).train() for module in modules]
        self.module = modules[0]
        self.channels_last = channels_last(self.module)
        self.traits = traits or ForwardTraits()
        self.modules = modules
        """The networks that run: one for each member, or one for all of them where only numbers tell them apart."""
        self.output_shape = None if traits is None else outputs
        self.normalises = any(isinstance(m, _BatchNorm | BatchNorm | GhostNorm) for m in self.module.modules())
        parameters, self.buffers = stacked_state(modules)
        # Parameters that are no floats are never trained: they are kept as buffers are.
        fixed = [name for name, parameter in parameters.items() if not parameter.is_floating_point()]
        self.buffers |= {name: parameters.pop(name).detach() for name in fixed}
        self.buffers = {name: buffer.to(self.device) for name, buffer in self.buffers.items()}
        self.shapes = {name: parameter.shape[1:] for name, parameter in parameters.items()}
        self.sizes = [shape.numel() for shape in self.shapes.values()]
        count = len(members)
        self.weights = torch.cat([p.detach().reshape(count, -1) for p in parameters.values()], 1).to(self.device)
        own = [p for name, p in self.module.named_parameters() if name in self.shapes]
        marks, rate = _apart(own)
        begun = int(marks.sum())
        compiled = self.device == torch.device("cpu") and free is None and bool(marks[:begun].all())
        self.weights = aligned_copy(self.weights) if compiled else self.weights
        self.gradients = aligned_copy(torch.zeros_like(self.weights)) if compiled else torch.zeros_like(self.weights)
        self.kept = self.weights.clone()
        self.kept_buffers = {name: buffer.clone() for name, buffer in self.buffers.items()}
        self.kept_attributes = [self._attributes(place) for place in range(count)]
        self.free = None if free is None else torch.from_numpy(free).to(self.device, self.dtype)
        self.learns = {name: p.requires_grad for name, p in self.module.named_parameters() if name in self.shapes}
        self.update = (
            CompiledUpdate(members, self._matrices(), self.weights, self.gradients, begun, rate)
            if compiled
            else Update(members, self._matrices(), self.weights, self.free, marks, rate)
        )
        self.evaluated = self.weights
        """What is evaluated and kept: the weights themselves, or a copy with averaged ones in their places."""
        if self.update.averaged:
            self.evaluated = aligned_copy(self.weights) if compiled else self.weights.clone()
        self.origins = {k: self.weights[k].clone() for k, m in enumerate(members) if follows_distance(m.values)}
        smoothing = [float(m.values.label_smoothing) for m in members]
        self.smoothing = torch.tensor(smoothing, dtype=self.dtype, device=self.device) if any(smoothing) else None
        deviations = [float(m.values.gradient_noise) for m in members]
        self.deviations = torch.tensor(deviations, dtype=self.dtype, device=self.device) if any(deviations) else None
        rates = [float(m.values.dropconnect) for m in members]
        learning = [name for name, learns in self.learns.items() if learns]
        self.dropconnect = (
            DropConnect(self.module, learning, rates, self.seed, self.dtype, self.device) if any(rates) else None
        )
        self.classes = outputs.outputs if outputs is not None and task == "multiclass" else 2 * (task == "binary")
        self.augment = Augment([member.values for member in members], self.seed)
        self.known = None if traits is None else attributes.observe(self.module)
        every = self.module.named_modules(remove_duplicate=False)
        # Rates are hyperparameters, no state: a member that goes on with others has its new ones.
        self.rates = {f"{name}.rate".lstrip(".") for name, one in every if isinstance(one, Dropout)}
        self.steps = np.zeros(count, np.int64)
        self.active = np.ones(count, bool)
        self.limits = np.full(count, np.inf)

    def _matrices(self) -> list[tuple[int, int, int]]:
        """(place, rows, columns) of each trained parameter that is a weight of products; a row for each unit."""
        places, weights = np.cumsum([0, *self.sizes]).tolist(), self.traits.weights
        return [
            (place, shape[0] if len(shape) > 1 else 1, shape[1:].numel() if len(shape) > 1 else shape.numel())
            for place, (name, shape) in zip(places, self.shapes.items(), strict=False)
            if self.learns[name] and (len(shape) > 1 if weights is None else name in weights)
        ]

    def _failure(self, error: Exception, x: Features, place: int = 0, when: str = "in training") -> UsageError:
        """Name the trial, its hyperparameters and the cause of a failure."""
        member = self.members[place]
        if isinstance(error, UsageError):
            return UsageError(f"trial {member.number}: {when}, {error}")
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return UsageError(
            f"trial {member.number}: the network fails {when} on inputs of shape {tuple(x.shape)}: {reason} "
            f"(hyperparameters {dict(member.hyperparameters)})"
        )

    def _check_attributes(self) -> None:
        """Refuse a network that began to keep something in an attribute which it did not touch at first."""
        if self.known is None:
            return
        now = attributes.observe(self.module)
        names = {*now, *self.known} - {*self.traits.remembers, *self.traits.passing, *self.traits.harmless}
        changed = sorted(n for n in names if now.get(n) != self.known.get(n) and not n.startswith(attributes.OUTSIDE))
        if changed:
            raise UsageError(f"trial {self.members[0].number}: {attributes.complaint(changed[0])}")

    def _in_precision(self, outputs: Any) -> Any:
        """Outputs of floats in the precision of training."""
        if isinstance(outputs, Tensor):
            return outputs.to(self.dtype)
        return tree_map(
            lambda one: one.to(self.dtype) if isinstance(one, Tensor) and one.is_floating_point() else one, outputs
        )

    def _noise(self, epoch: int, rows: int) -> Tensor:
        """Factor on the gradient of each example of an epoch, shape (members, rows)."""
        assert self.deviations is not None
        noise = torch.from_numpy(example_noise(self.seed, epoch, rows)).to(self.device, self.dtype)
        return 1 + self.deviations[:, None] * noise

    def _seeded(self, purpose: str, *moment: int) -> AbstractContextManager[None]:
        return seeded(key(self.seed, purpose, *moment), self.device, str(self.dtype).removeprefix("torch."))

    def _labels(self, examples: Examples, epoch: int) -> Tensor | None:
        """The labels that each member learns from in one epoch, shape (members, rows); None for the targets."""
        shares = [float(member.values.label_noise) for member in self.members]
        if not any(shares) and not any(self.targets):
            return None
        learned = learned_by(self.targets, examples.y)
        code, draws = CODES[self.task], label_draws(self.seed, epoch, len(examples), self.classes)
        rows = [relabel(code, y, *draws, s) if s else y for s, y in zip(shares, learned, strict=True)]
        labels = torch.from_numpy(np.stack(rows)).to(self.device)
        return labels.long() if self.task == "multiclass" else labels

    def _cost_and_aim(self, outputs: Any, y: Tensor, place: int, batch: MiniBatch) -> tuple[Tensor, Tensor]:
        """Mean loss of one member, and what is differentiated: the same with a factor on each example's gradient."""
        smoothing = None if self.smoothing is None else self.smoothing[place]
        try:
            cost = self.loss.mean(self.task, outputs, y, smoothing, batch.weights)
        except Exception:
            if self.loss.own is None or _all_finite(outputs):
                raise
            # Outputs beyond what a loss of the caller's takes: the member has diverged.
            cost = self.weights.new_tensor(torch.nan)
            return cost, cost
        if batch.factors is None:
            return cost, cost
        factors = batch.factors[place] if batch.weights is None else batch.factors[place] * batch.weights
        return cost, self.loss.mean(self.task, outputs, y, smoothing, factors)

    def _laid_out(self, x: Features) -> Features:
        """Images in the layout that the network's factory chose for its weights."""
        if not self.channels_last or not isinstance(x, Tensor) or x.dim() != 4:
            return x
        return x.contiguous(memory_format=torch.channels_last)

    def _batches(self, rows: int, size: int) -> Iterator[slice]:
        """Mini-batches in order; where batches are normalised, a last row left alone joins the batch before."""
        ends = [*range(size, rows, size), rows]
        if self.normalises and len(ends) > 1 and size > 1 and ends[-1] - ends[-2] == 1:
            del ends[-2]
        return (slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False))

    def _show_averages(self) -> None:
        """Bring what is evaluated up to date where members have averaged weights."""
        if self.update.averaged:
            self.evaluated.copy_(self.weights)
            for place in self.update.averaged:
                self.evaluated[place] = self.update.average_of(place)

    @abstractmethod
    def _forward(self, x: Features, codes: Tensor) -> Any:
        """Outputs of all members with their evaluated weights, shape (members, ...)."""

    @torch.no_grad()
    @override
    def outputs(self, examples: Examples) -> Outputs:
        batches = Batches(examples, self.device, self.task)
        for module in self.modules:
            module.eval()
        block = 1024
        self._show_averages()
        # What a network draws even in evaluation is keyed as well.
        with self._seeded("evaluation"):
            parts = [self._forward(*batches(slice(i, i + block))[:2]) for i in range(0, len(examples), block)]
        idle = torch.from_numpy(~self.active)

        def joined(*parts: Any) -> Any:
            if not isinstance(parts[0], Tensor):
                return parts[0]
            out = torch.cat(parts, 1).cpu()
            if out.is_floating_point():
                out = out.to(self.dtype)
                out[idle] = torch.nan
            return out.numpy()

        return undone(self.targets, tree_map(joined, *parts))

    @override
    def keep(self, places: Sequence[int]) -> None:
        index = list(places)
        self._show_averages()
        self.kept[index] = self.evaluated[index]
        for name, buffer in self.buffers.items():
            self.kept_buffers[name][index] = buffer[index]
        for place in index:
            self.kept_attributes[place] = self._attributes(place)

    @property
    def notes(self) -> list[str]:
        """What is to be said of how the networks run."""
        found = list(self.traits.notes)
        if self.traits.remembers:
            names = ", ".join(sorted(self.traits.remembers))
            found.append(f"The network keeps values in attributes ({names}): its trials train one after another.")
        reason = self._reason_for_turns()
        return [*found, f"The trials train one after another: {reason}."] if reason else found

    def _reason_for_turns(self) -> str:
        """Why members run one after another; empty where nothing is to be said of it."""
        return self.traits.reason

    def _attributes(self, place: int) -> dict[str, np.ndarray]:
        """What a member's network keeps in attributes, as arrays."""
        if not self.traits.remembers:
            return {}
        return attributes.read(self.modules[place], self.traits.remembers)

    def _remember(self, place: int, arrays: dict[str, np.ndarray]) -> None:
        if self.traits.remembers:
            attributes.restore(self.modules[place], arrays, self.device)

    @override
    def recall(self) -> None:
        self.weights.copy_(self.kept)
        for place in self.update.averaged:
            self.update.average_of(place).copy_(self.kept[place])
        for name, buffer in self.kept_buffers.items():
            self.buffers[name].copy_(buffer)
        for place, kept in enumerate(self.kept_attributes):
            self._remember(place, kept)
        self.active[:] = True

    @override
    def best(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        weights = self.kept[place] if self.free is None else self.kept[place][self.free[place] > 0]
        buffers = {name: buffer[place].cpu().numpy().copy() for name, buffer in self.kept_buffers.items()}
        return weights.cpu().numpy().copy(), buffers | self.kept_attributes[place]

    def _tensors_of(self, place: int) -> dict[str, Tensor]:
        parts = {name: getattr(self, name)[place] for name in ("weights", "kept")}
        parts["moments"] = self.update.moments_of(place)
        if place in self.update.averaged:
            parts["average"] = self.update.average_of(place)
        for kind, buffers in (("buffer", self.buffers), ("kept", self.kept_buffers)):
            parts |= {f"{kind}:{name}": one[place] for name, one in buffers.items() if name not in self.rates}
        return parts

    def _arrays_of(self, place: int) -> dict[str, np.ndarray]:
        return {name: getattr(self, name)[place : place + 1] for name in ("steps", "active", "limits")}

    def _own(self, place: int) -> np.ndarray:
        """Which weights are the member's own, and no padding: positions."""
        return np.flatnonzero(self.free[place].cpu().numpy() > 0) if self.free is not None else np.empty(0, np.int64)

    @override
    def extract(self, place: int) -> dict[str, np.ndarray]:
        tensors = {name: tensor.cpu().numpy().copy() for name, tensor in self._tensors_of(place).items()}
        if self.free is not None:
            own = self._own(place)
            tensors |= {name: tensors[name][..., own] for name in OF_WEIGHTS if name in tensors}
        kept = {f"kept-{name}": array for name, array in self.kept_attributes[place].items()}
        return tensors | self._attributes(place) | kept | {n: a.copy() for n, a in self._arrays_of(place).items()}

    @override
    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        for name, tensor in self._tensors_of(place).items():
            # An average that begins on the way begins with the weights as they are.
            value = torch.from_numpy(state["weights" if name == "average" and name not in state else name])
            if self.free is not None and name in OF_WEIGHTS:
                tensor[..., torch.from_numpy(self._own(place)).to(self.device)] = value.to(self.device)
            else:
                # Statistics of a member that was padded otherwise begin with its own.
                common = tuple(slice(0, min(pair)) for pair in zip(tensor.shape, value.shape, strict=True))
                tensor[common].copy_(value[common])
        for name, array in self._arrays_of(place).items():
            array[:] = state[name]
        self._remember(place, state)
        kept = {name.removeprefix("kept-"): a for name, a in state.items() if name.startswith("kept-attribute")}
        self.kept_attributes[place] = kept

    @override
    def set_limits(self, limits: np.ndarray) -> None:
        self.limits[:] = limits

    @override
    def penalties(self) -> np.ndarray:
        penalty = self.update.penalty(self.weights)
        return np.zeros(len(self.members)) if penalty is None else penalty.double().cpu().numpy()

    @override
    def flat(self, place: int) -> np.ndarray:
        return self.weights[place].cpu().numpy().copy()

    @override
    def distances(self, places: Sequence[int]) -> np.ndarray:
        return np.array([float((self.weights[k] - self.origins[k]).double().norm()) for k in places])


def _apart(parameters: Sequence[nn.Parameter]) -> tuple[Tensor, str]:
    """Which weights have a learning rate of their own, bool of shape (weights,), and the hyperparameter it goes by."""
    began = any(getattr(p, "pretrained", False) for p in parameters)
    mark = "pretrained" if began else "scales_inputs"
    marks = torch.cat([torch.full((p.numel(),), getattr(p, mark, False)) for p in parameters])
    return marks, "pretrained_rate" if began else "scale_rate"


def _all_finite(outputs: Any) -> bool:
    return all(bool(one.isfinite().all()) for one in tree_leaves(outputs) if isinstance(one, Tensor))
