"""What is checked: a network, its loss, examples and the setting of its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikura.data.columns import Column
from ikura.data.drift import Drift
from ikura.lazy_torch import Module, Tensor, nn, torch, torch_is_imported
from ikura.nn import loss as nn_loss
from ikura.nn.copying import copy_of
from ikura.nn.generators import preserved
from ikura.nn.noise import permutation
from ikura.population.examples import Examples
from ikura.population.inputs import Features, TensorInputs, call_forward, tensors_of
from ikura.population.member import Hyperparameters
from ikura.population.update_rules import rule
from ikura.process_state import ignored_warnings
from ikura.space import DEFAULTS

__all__ = ["Batch", "Loss", "Step", "Subject", "Table", "undisturbed_generators", "without_dropout"]

Loss = Callable[[Tensor, Tensor], Tensor]
Step = Callable[[Module, Any, Any, Tensor], Any]

SEEN = 256
"""Examples that a check looks at when it does not train."""


class Batch(NamedTuple):
    """Some examples: x, shape (rows, …), or several inputs, codes, shape (rows, c) or None, and y, shape (rows,)."""

    x: Features
    codes: Tensor | None
    y: Tensor

    def rows(self, which: Any) -> Batch:
        """Return some of the rows."""
        return Batch(self.x[which], None if self.codes is None else self.codes[which], self.y[which])


@dataclass(frozen=True)
class Table:
    """The table that examples came from, still as it was read.

    Attributes:
        frame: the features.
        target: the target column.
        columns: kinds of the features.
        train, other: rows of the training set, and of dev and test set together.
    """

    frame: pd.DataFrame
    target: pd.Series
    columns: list[Column]
    train: np.ndarray
    other: np.ndarray


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked; every network that it hands out is a copy.

    Attributes:
        what: in a few words.
        task: "binary", "multiclass" or "regression".
        train: training examples; None if there are none.
        dev, test: further ones.
        classes: number of classes, 0 for regression.
        network: makes a network with initial weights keyed by a seed; None if there is none.
        initial: whether the network has initial weights, not trained ones.
        fresh: builds two networks anew, to see whether the factory's networks are their own.
        original: the caller's own network, of which `network` makes copies; None where a factory makes them.
        loss: the caller's own loss of (outputs, targets); None for `named`.
        named: the loss; None for the task's usual one.
        step: the caller's own training step, of (network, optimizer, x, y).
        given: the hyperparameters that were named.
        table: the table the examples came from.
        as_given: whether the examples are used just as the caller gave them, not standardised by ikura.
        names: of the inputs and then of the codes; empty where they have none.
        drift: columns distributed otherwise in another part, as `ikura.data.find_drift` returns them.
        seed: key of all draws.
        integers: whether whole numbers reach the network as they are.
        custom: whether the network is the caller's own.
    """

    what: str
    task: str
    train: Examples | None = None
    dev: Examples | None = None
    test: Examples | None = None
    classes: int = 0
    network: Callable[[int], nn.Module] | None = None
    initial: bool = True
    fresh: Callable[[], tuple[nn.Module, nn.Module]] | None = None
    original: nn.Module | None = None
    loss: Loss | None = None
    step: Step | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    table: Table | None = None
    as_given: bool = False
    names: Sequence[str] = ()
    drift: Sequence[Drift] = ()
    seed: int = 0
    integers: bool = False
    named: nn_loss.Loss | None = None
    custom: bool = False

    @cached_property
    def has(self) -> frozenset[str]:
        """What there is, in the words of `Check.needs`."""
        parts = {
            "network": self.network,
            "examples": self.train,
            "dev": self.dev or self.test,
            "table": self.table,
            "step": self.step,
        }
        return frozenset(name for name, part in parts.items() if part is not None)

    @property
    def several_targets(self) -> bool:
        """Whether an example has several values or labels, or something else than a class or a value, to be learned."""
        return self.task in ("multilabel", "own") or (self.train is not None and self.train.y.ndim > 1)

    @cached_property
    def values(self) -> Hyperparameters:
        """The setting of the training, with defaults for what was not named."""
        named = {**DEFAULTS, **self.given}
        return Hyperparameters({**DEFAULTS, **rule(named["optimizer"]).defaults, **self.given})

    @cached_property
    def _pristine(self) -> dict[int, nn.Module]:
        return {}

    def module(self, dtype: torch.dtype | None = None, seed: int = 0) -> nn.Module:
        """Return a network with its initial weights on the CPU, in training mode; it may be changed."""
        assert self.network is not None
        if seed not in self._pristine:
            self._pristine[seed] = self.network(seed)
        return copy_of(self._pristine[seed]).to("cpu", dtype or torch.float32).train()

    @contextmanager
    def read_by_the_loss(self, dtype: torch.dtype | None = None) -> Iterator[nn.Module]:
        """Lend a network that may be changed.

        A copy, or, where the caller's loss reads the weights of the caller's own network, or of one that the factory
        made (to penalise them), that one, which is as it was afterwards. To such a loss a copy's weights are nothing,
        and its penalty is a constant.
        """
        read = next((one for one in self._held() if self._loss_reads(one)), None)
        if read is None:
            yield self.module(dtype)
            return
        with _as_it_was(read):
            yield read.to("cpu", dtype or torch.float32).train()

    def _held(self) -> list[nn.Module]:
        """Networks that the caller may hold: the original, or the newest of the factory and its first."""
        if self.original is not None:
            return [self.original]
        if self.loss is None or self.fresh is None or self.network is None:
            return []
        self.module()
        return [self.network(0), self._pristine[0]]

    def _loss_reads(self, module: nn.Module) -> bool:
        """Whether a loss of fixed outputs changes with the weights of a network."""
        if self.loss is None or self.train is None:
            return False
        batch = self.batch(8)
        with torch.no_grad(), _as_it_was(module):
            outputs = self.outputs(self.module(), batch)
            before = self.cost(outputs, batch.y)
            for p in module.parameters():
                p.data = 1.5 * p.data + 0.1
            return not torch.equal(before, self.cost(outputs, batch.y))

    @cached_property
    def _order(self) -> np.ndarray:
        assert self.train is not None
        return permutation(self.seed, 0, len(self.train))

    def batch(self, rows: int, index: int = 0, dtype: torch.dtype | None = None) -> Batch:
        """Return the mini-batch at a place of an endless series over the shuffled training set."""
        assert self.train is not None
        rows = min(rows, len(self.train))
        places = np.arange(index * rows, (index + 1) * rows) % len(self.train)
        return self.tensors(self.train.rows(self._order[places]), dtype)

    def seen(self, dtype: torch.dtype | None = None, rows: int = SEEN) -> Batch:
        """Return the training examples that checks look at."""
        return self.batch(rows, 0, dtype)

    def tensors(self, examples: Examples, dtype: torch.dtype | None = None) -> Batch:
        """Return examples as networks take them."""
        dtype = dtype or torch.float32
        x = self._features(examples, dtype)
        codes = torch.from_numpy(np.array(examples.codes))
        y = torch.from_numpy(np.array(examples.y))
        if self.loss is None:
            y = y.long() if self.task == "multiclass" else y.to(dtype)
        elif y.is_floating_point():
            y = y.to(dtype)
        return Batch(x, codes, y)

    def _features(self, examples: Examples, dtype: torch.dtype) -> Features:
        if examples.several:
            found = tensors_of(examples)
            return found.to(dtype) if isinstance(found, TensorInputs) or found.is_floating_point() else found
        wide = dtype == torch.float64 and not self.integers
        x = torch.from_numpy(np.array(examples.inputs(slice(None)), np.float64 if wide else None))
        kept = self.integers or (self.loss is not None and x.dtype != torch.uint8)
        return x.to(dtype) if x.is_floating_point() or not kept else x

    @property
    def few(self) -> list[Features]:
        """Two examples as a network takes them, from which lazy modules have their shapes."""
        batch = self.batch(2)
        return [batch.x] if batch.codes is None else [batch.x, batch.codes]

    def outputs(self, module: nn.Module, batch: Batch) -> Tensor:
        """Run a network."""
        out: Tensor = call_forward(module, batch.x, batch.codes)
        return out

    def cost(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Compute the mean loss of outputs, without penalties."""
        if self.loss is not None:
            return self.loss(outputs, y)
        return (self.named or nn_loss.usual_loss(self.task)).mean(self.task, outputs, y)

    def penalty(self, module: nn.Module) -> Tensor:
        """Compute λ/2 ‖W‖² and λ Σ |w| of all trained weights of products."""
        total = torch.zeros((), dtype=next(iter(module.parameters())).dtype)
        weights = self.weights(module)
        if self.values.l2:
            total = total + self.values.l2 / 2 * sum((w * w).sum() for w in weights)
        if self.values.l1:
            total = total + self.values.l1 * sum(w.abs().sum() for w in weights)
        return total

    def weights(self, module: nn.Module) -> list[nn.Parameter]:
        """The trained parameters that penalties and weight decay are for."""
        learning = {name: p for name, p in module.named_parameters() if p.requires_grad}
        return [p for name, p in learning.items() if (p.dim() > 1 if self._names is None else name in self._names)]

    @cached_property
    def _names(self) -> frozenset[str] | None:
        """Names of the weights of products; None for all parameters of two dimensions or more."""
        from ikura.nn.mlp import MLP
        from ikura.nn.products import weights_in_products

        module, batch = self.module(), self.batch(2)
        if isinstance(module, MLP):
            return None
        try:
            with torch.no_grad():
                return weights_in_products(module.eval(), lambda: self.outputs(module, batch))
        except Exception:
            return None

    def objective(self, module: nn.Module, batch: Batch) -> Tensor:
        """Compute what training makes small: mean loss and penalties."""
        return self.cost(self.outputs(module, batch), batch.y) + self.penalty(module)

    @cached_property
    def guess(self) -> float:
        """The loss of the best constant prediction: the entropy of the classes, or the variance of y."""
        assert self.train is not None
        y = np.asarray(self.train.y, np.float64).reshape(len(self.train), -1)
        if self.task == "regression":
            return float(np.nanvar(y, axis=0).mean())
        shares = np.unique(y[:, 0], return_counts=True)[1] / len(y)
        return float(-(shares * np.log(shares)).sum())


@contextmanager
def _as_it_was(module: nn.Module) -> Iterator[None]:
    """Put a network back as it was: weights, buffers, gradients, and the mode and dropout of each part."""
    weights = [(p, p.data, p.grad) for p in module.parameters()]
    parts = [(part, part.training, dict(part._buffers), getattr(part, "dropout", None)) for part in module.modules()]
    kept = {id(data): data.clone() for _, data, _ in weights}
    kept |= {id(one): one.clone() for _, _, buffers, _ in parts for one in buffers.values() if one is not None}
    try:
        yield
    finally:
        with torch.no_grad():
            for p, data, grad in weights:
                data.copy_(kept[id(data)])
                p.data, p.grad = data, grad
            for part, training, buffers, dropout in parts:
                part.training = training
                for name, one in buffers.items():
                    part._buffers[name] = one if one is None else one.copy_(kept[id(one)])
                if isinstance(part, nn.RNNBase | nn.MultiheadAttention):
                    part.dropout = dropout


@contextmanager
def undisturbed_generators() -> Iterator[None]:
    """Leave torch's, NumPy's and Python's random numbers, and warnings, as they were."""
    with preserved(), torch.enable_grad() if torch_is_imported() else nullcontext(), ignored_warnings:
        yield


def without_dropout(module: nn.Module) -> nn.Module:
    """Switch dropout off in a network in training mode; it is changed, and returned."""
    module.train()
    for part in module.modules():
        if "dropout" in type(part).__name__.lower():
            part.eval()
        elif isinstance(part, nn.RNNBase | nn.MultiheadAttention):
            part.dropout = 0.0
    return module
