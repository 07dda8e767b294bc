"""Optimizers of PyTorch, and the caller's own, in place of an update rule of ikura's."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from inspect import Parameter, signature
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.population.member import Hyperparameters
from ikura.population.plain_state import UnsavableError, as_bytes, from_bytes
from ikura.wording import one_line

__all__ = ["MemberOptimizer", "OptimizerFactory", "arguments_of_class", "as_optimizer", "made_of"]

EVERY = ("epoch", "update")
"""After what a scheduler of PyTorch steps."""
BY_UPDATE = ("OneCycleLR", "CyclicLR")
"""Schedulers that step after each update by their own documentation."""
FROM = {"lr": "learning_rate", "eps": "epsilon"}
"""Arguments of optimizers, and the hyperparameters that are called otherwise."""
BETAS = ("beta1", "beta2", "beta3")

OptimizerFactory = Callable[[Module, Hyperparameters], Any]
"""Makes the optimizer of a network from it and its hyperparameters; also (optimizer, scheduler[, "update"])."""


def as_optimizer(name: str, thing: Any) -> OptimizerFactory:
    """Make a factory of a class of optimizers; refuse what is neither a class of them nor a function.

    Raises:
        UsageError: saying what it is.

    Example:
        >>> as_optimizer("mine", torch.optim.LBFGS)
        Traceback (most recent call last):
        ikura.errors.UsageError: optimizer= cannot be LBFGS, which computes the loss several times in an update
        >>> make = as_optimizer("mine", torch.optim.SGD)
        >>> make(nn.Linear(1, 1), Hyperparameters(learning_rate=0.5, units=3)).param_groups[0]["lr"]
        0.5
    """
    made = thing.func if isinstance(thing, partial) else thing
    if isinstance(made, type) and issubclass(made, torch.optim.Optimizer):
        _check_class(made)
        return partial(made_of_class, thing)
    if not callable(thing) or isinstance(thing, type):
        must = "must be a class of torch.optim, or a function of (module, hyperparameters) that makes an optimizer"
        raise UsageError(f"optimizer {name!r} {must}, but is {one_line(repr(thing), 60)}")
    return thing  # type: ignore[no-any-return]


def made_of(factory: Any) -> Any:
    """The class of optimizers of which `as_optimizer` made a factory; anything else as it is."""
    return factory.args[0] if isinstance(factory, partial) and factory.func is made_of_class else factory


def _check_class(optimizer: type[torch.optim.Optimizer]) -> None:
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is Parameter.empty:
        name = optimizer.__name__
        raise UsageError(f"optimizer= cannot be {name}, which computes the loss several times in an update")


def arguments_of_class(
    optimizer: Callable[..., torch.optim.Optimizer], names: Container[str]
) -> dict[str, tuple[str, ...]]:
    """Which arguments of a class of optimizers take their values from hyperparameters, and from which of these.

    Args:
        optimizer: the class, or a `functools.partial` of it.
        names: of the hyperparameters.

    Example:
        >>> arguments_of_class(torch.optim.AdamW, ("learning_rate", "beta1", "units"))
        {'lr': ('learning_rate',), 'betas': ('beta1', 'beta2')}
    """
    fixed = optimizer.keywords if isinstance(optimizer, partial) else {}
    found = {}
    for name, argument in list(signature(optimizer).parameters.items())[1:]:
        sources: tuple[str, ...] = (FROM.get(name, name),)
        if name == "betas" and isinstance(argument.default, tuple):
            sources = BETAS[: len(argument.default)]
        if name not in fixed and any(one in names for one in sources):
            found[name] = sources
    return found


def made_of_class(
    optimizer: Callable[..., torch.optim.Optimizer], module: nn.Module, hp: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """Make an optimizer of a class: arguments that hyperparameters are called like take their values.

    `lr` is learning_rate, `eps` epsilon, `betas` beta1 and beta2; what the hyperparameters do not name is as the class
    has it.

    Args:
        optimizer: the class, or a `functools.partial` of it, whose arguments stay as they are.
        module: whose parameters it is for.
        hp: hyperparameters.
    """
    given, usual = {}, signature(optimizer).parameters
    for name, sources in arguments_of_class(optimizer, hp).items():
        if name == "betas":
            given[name] = tuple(map(hp.get, sources, usual[name].default))
        else:
            given[name] = hp[sources[0]]
    return optimizer(module.parameters(), **given)


class MemberOptimizer:
    """The optimizer of one member, with its scheduler if it has one.

    Args:
        factory: makes it.
        module: the member's network.
        hp: its hyperparameters.

    Raises:
        UsageError: the factory fails, or what it returns is no optimizer of this network.
    """

    def __init__(self, factory: OptimizerFactory, module: nn.Module, hp: Hyperparameters) -> None:
        try:
            made = factory(module, hp)
        except Exception as error:
            hint = "; it is called with (module, hyperparameters)" if isinstance(error, TypeError) else ""
            raise UsageError(f"optimizer= failed with {_reason(error)}{hint}") from error
        parts = made if isinstance(made, tuple) else (made,)
        self.optimizer, self.scheduler = parts[0], parts[1] if len(parts) > 1 else None
        every = "update" if type(self.scheduler).__name__ in BY_UPDATE else "epoch"
        self.every = parts[2] if len(parts) > 2 else every
        self._check(module, made)
        groups = self.optimizer.param_groups
        self.begun = [_without_parameters(group) for group in groups]
        self.rates = [group.get("lr") for group in groups]
        self.scheduled = False

    def _check(self, module: nn.Module, made: Any) -> None:
        stepping = callable(getattr(self.scheduler, "step", None)) or self.scheduler is None
        if not isinstance(self.optimizer, torch.optim.Optimizer) or not stepping or self.every not in EVERY:
            must = "must return an optimizer, or (optimizer, scheduler), or (optimizer, scheduler, 'update')"
            raise UsageError(f"optimizer= {must}, but returned {one_line(repr(made), 60)}")
        _check_class(type(self.optimizer))
        own = {id(p) for p in module.parameters()}
        if any(id(p) not in own for group in self.optimizer.param_groups for p in group["params"]):
            raise UsageError("optimizer= returned an optimizer of other parameters than the network's")

    def begin_epoch(self) -> None:
        """Put weights where they are trained, of optimizers that keep them elsewhere for evaluation."""
        if callable(begin := getattr(self.optimizer, "train", None)):
            begin()

    def end_epoch(self) -> None:
        """Put weights where they are evaluated, of optimizers that train them elsewhere."""
        if callable(end := getattr(self.optimizer, "eval", None)):
            end()

    def step(self, share: float) -> None:
        """Make one update by the gradients of the network's parameters.

        Args:
            share: what ikura's learning-rate schedule leaves of each learning rate.
        """
        if self.scheduler is None and (share != 1.0 or self.scheduled):
            self.scheduled = True
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                if rate is not None:
                    group["lr"] = rate * share
        self.optimizer.step()
        if self.scheduler is not None and self.every == "update":
            self.scheduler.step()

    def after_epoch(self, loss: float) -> None:
        """Let a scheduler that goes by epochs step; one that follows a measure is told the dev loss."""
        if self.scheduler is None or self.every != "epoch":
            return
        first = next(iter(signature(self.scheduler.step).parameters.values()), None)
        if first is not None and first.default is Parameter.empty and first.kind is Parameter.POSITIONAL_OR_KEYWORD:
            self.scheduler.step(loss)
        else:
            self.scheduler.step()

    def state(self) -> bytes:
        """Everything that it goes on from.

        Raises:
            UsageError: it keeps what cannot be saved.
        """
        scheduler = None if self.scheduler is None else self.scheduler.state_dict()
        try:
            return as_bytes([self.optimizer.state_dict(), scheduler, self.scheduled, self.begun])
        except UnsavableError as error:
            raise UsageError(f"the state of optimizer= cannot be saved: it keeps {error}") from None

    def load(self, data: bytes) -> None:
        """Go on from a state, also of a member with other hyperparameters: those stay its own."""
        optimizer, scheduler, self.scheduled, begun = from_bytes(data)
        for group, now, then in zip(optimizer["param_groups"], self.begun, begun, strict=True):
            group |= {name: one for name, one in now.items() if name not in then or not _same(then[name], one)}
        self.optimizer.load_state_dict(optimizer)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(scheduler)


def _without_parameters(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.clone() if isinstance(one, Tensor) else one for name, one in group.items() if name != "params"}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return isinstance(one, Tensor) and isinstance(other, Tensor) and torch.equal(one, other)
    return bool(one == other)


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
