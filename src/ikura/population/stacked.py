"""Any `nn.Module` on any device: a tile stacked with a member axis and run with vmap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import stack_module_state, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves, tree_map
from typing_extensions import override

from ikura.errors import UsageError
from ikura.nn import BatchNorm, Dropout, GhostNorm
from ikura.nn.augmentation import Augment
from ikura.nn.generators import preserved, reseed, reseed_torch, seeded
from ikura.nn.loss import Loss, OutputShape, usual_loss
from ikura.nn.noise import Draws, drawing, example_noise, key, label_draws
from ikura.nn.target_transform import TargetTransform
from ikura.population import attributes
from ikura.population._tile import Tile
from ikura.population.batches import Batches
from ikura.population.compiled_update import CompiledUpdate, aligned_copy
from ikura.population.dropconnect import DropConnect
from ikura.population.dry_run import ForwardTraits
from ikura.population.examples import Examples
from ikura.population.inputs import Features
from ikura.population.kernel import loss as loss_kernel
from ikura.population.learned_targets import learned_by, undone
from ikura.population.member import Member
from ikura.population.schedule import batch_size_at, follows_distance, learning_rates
from ikura.population.scoring import Outputs
from ikura.population.stacked_module import MemberError, StackedModule
from ikura.population.stacked_update import Update
from ikura.population.structure import channels_last, convolves, hooks_gradients

__all__ = ["MiniBatch", "StackedTile"]


class MiniBatch(NamedTuple):
    """What a step of all members is made of.

    Attributes:
        x, codes, y: features, codes and targets of its rows; y of shape (members, rows) where labels are noisy.
        stream: key of the noise of its epoch.
        first: place of its first row in the epoch.
        epoch: of the training.
        apart: whether each member has features of its own, x of shape (members, rows, ...).
        factors: on the gradient of each example, shape (members, rows); None for none.
        weights: of its examples in the loss, shape (rows,); None for 1 each.
        relabelled: whether each member has labels of its own, y of shape (members, rows).
    """

    x: Features
    codes: Tensor
    y: Tensor
    stream: int
    first: int
    epoch: int
    apart: bool
    factors: Tensor | None
    weights: Tensor | None
    relabelled: bool


class StackedTile(Tile):
    """Networks of one structure, written for one member, stacked and run under shared noise.

    The forward pass is `StackedModule`, the backward pass the ordinary one on the summed losses, what follows is
    `Update`.

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
        self.stacked = StackedModule(
            modules if self.traits.remembers else modules[:1],
            not self.traits.remembers
            and not self.traits.sets_weights
            and not hooks_gradients(self.module)
            and (self.device.type != "cpu" or not convolves(self.module)),
            None if traits is None else outputs,
            self.traits.passing,
        )
        self.normalises = any(isinstance(m, _BatchNorm | BatchNorm | GhostNorm) for m in self.module.modules())
        parameters, self.buffers = stack_module_state(modules)
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

    def _leaves(self) -> dict[str, Tensor]:
        columns = self.weights.split(self.sizes, 1)
        return {name: c.reshape(-1, *shape) for (name, shape), c in zip(self.shapes.items(), columns, strict=True)}

    def _forward(self, leaves: dict[str, Tensor], x: Features, codes: Tensor) -> Any:
        try:
            return self.stacked(leaves, self.buffers, (x, codes))
        except MemberError as error:
            raise self._failure(error.cause, x, error.place, "in evaluation") from error.cause
        except UsageError as error:
            raise self._failure(error, x, 0, "in evaluation") from None

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
        for module in self.stacked.modules:
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

    def _check_attributes(self) -> None:
        """Refuse a network that began to keep something in an attribute which it did not touch at first."""
        if self.known is None:
            return
        now = attributes.observe(self.module)
        names = {*now, *self.known} - {*self.traits.remembers, *self.traits.passing, *self.traits.harmless}
        changed = sorted(n for n in names if now.get(n) != self.known.get(n) and not n.startswith(attributes.OUTSIDE))
        if changed:
            raise UsageError(f"trial {self.members[0].number}: {attributes.complaint(changed[0])}")

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
        leaves = {n: leaf.detach().requires_grad_(self.learns[n]) for n, leaf in self._leaves().items()}
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

    def _in_precision(self, outputs: Any) -> Any:
        """Outputs of floats in the precision of training."""
        if isinstance(outputs, Tensor):
            return outputs.to(self.dtype)
        return tree_map(
            lambda one: one.to(self.dtype) if isinstance(one, Tensor) and one.is_floating_point() else one, outputs
        )

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
        module = self.stacked.modules[place % len(self.stacked.modules)]
        for name, parameter in module.named_parameters():
            for hook in (parameter._backward_hooks or {}).values():
                if name in leaves and leaves[name].requires_grad:
                    leaves[name].register_hook(hook)

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
        code, draws = loss_kernel.CODES[self.task], label_draws(self.seed, epoch, len(examples), self.classes)
        rows = [loss_kernel.relabel(code, y, *draws, s) if s else y for s, y in zip(shares, learned, strict=True)]
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

    @torch.no_grad()
    @override
    def outputs(self, examples: Examples) -> Outputs:
        batches = Batches(examples, self.device, self.task)
        for module in self.stacked.modules:
            module.eval()
        leaves, block = self._leaves(), 1024
        # What a network draws even in evaluation is keyed as well.
        with self._seeded("evaluation"):
            parts = [self._forward(leaves, *batches(slice(i, i + block))[:2]) for i in range(0, len(examples), block)]
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
        self.kept[index] = self.weights[index]
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
        if self.stacked.reason:
            short = f"{self.stacked.reason[:160]}…" if len(self.stacked.reason) > 160 else self.stacked.reason
            found.append(f"The trials train one after another: vmap cannot run the network ({short}).")
        elif self.traits.reason:
            found.append(f"The trials train one after another: {self.traits.reason}.")
        return found

    def _attributes(self, place: int) -> dict[str, np.ndarray]:
        """What a member's network keeps in attributes, as arrays."""
        if not self.traits.remembers:
            return {}
        return attributes.read(self.stacked.modules[place], self.traits.remembers)

    def _remember(self, place: int, arrays: dict[str, np.ndarray]) -> None:
        if self.traits.remembers:
            attributes.restore(self.stacked.modules[place], arrays, self.device)

    @override
    def recall(self) -> None:
        self.weights.copy_(self.kept)
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
            tensors |= {name: tensors[name][..., own] for name in ("weights", "kept", "moments")}
        kept = {f"kept-{name}": array for name, array in self.kept_attributes[place].items()}
        return tensors | self._attributes(place) | kept | {n: a.copy() for n, a in self._arrays_of(place).items()}

    @override
    def insert(self, place: int, state: dict[str, np.ndarray]) -> None:
        for name, tensor in self._tensors_of(place).items():
            value = torch.from_numpy(state[name])
            if self.free is not None and name in ("weights", "kept", "moments"):
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
