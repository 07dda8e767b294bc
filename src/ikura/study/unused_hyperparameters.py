"""Hyperparameters of a space that nothing reads: neither the caller's factory nor the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ikura.data import Dataset
from ikura.errors import UsageError
from ikura.lazy_torch import nn, torch
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.nn.generators import preserved
from ikura.nn.loss import outputs_of
from ikura.nn.noise import key
from ikura.population.examples import Examples
from ikura.population.factory import Factory, build
from ikura.population.inputs import Features, call_forward, tensors_of
from ikura.population.member import Hyperparameters
from ikura.population.own_optimizer import MemberOptimizer, OptimizerFactory, made_of
from ikura.space import Space
from ikura.space._base import Configuration
from ikura.space.effective import OF_RULES, TRAINING
from ikura.space.terms import plain_name, suggest_name, term_of

__all__ = ["unread"]

DRAWS = (0.5, 0.0, 1.0, 0.25, 0.75)
"""Points of the space at which a factory may read other names."""


class _Read(Hyperparameters):
    """Hyperparameters that remember which of them were asked for."""

    def __init__(self, values: Configuration, seen: set[str]) -> None:
        super().__init__(values)
        object.__setattr__(self, "seen", seen)

    def _all(self) -> None:
        self.seen.update(dict.keys(self))

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.seen.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self.seen.add(name)
        return super().pop(name, *default)

    def __contains__(self, name: object) -> bool:
        self.seen.add(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def keys(self) -> Any:
        self._all()
        return super().keys()

    def values(self) -> Any:
        self._all()
        return super().values()

    def items(self) -> Any:
        self._all()
        return super().items()

    def copy(self) -> Any:
        self._all()
        return super().copy()


def unread(
    factory: Callable[[Hyperparameters], nn.Module],
    space: Space,
    dataset: Dataset,
    seed: int,
    optimizer: OptimizerFactory | None = None,
) -> list[str]:
    """Name the hyperparameters that the factory does not read, and that are none of training's.

    The factory is called at up to five points of the space, and its networks once on two examples.

    Args:
        factory: the caller's.
        space: what is searched.
        dataset: the data.
        seed: key of the initial weights.
        optimizer: the caller's function, which then reads what is of update rules; of a class it is known.

    Returns:
        A sentence for each; none where the factory cannot be called, which is told elsewhere.
    """
    training = (*TRAINING, *(AUGMENTATIONS if dataset.summary.images else ()))
    if optimizer is not None and made_of(optimizer) is optimizer:
        training = tuple(name for name in training if name not in OF_RULES)
    mine = [name for name in space if name not in training]
    seen: set[str] = set()
    offered: set[str] = set()
    if not mine:
        return []
    few = Examples.of(dataset.train, "float32").head(2)
    sizes = {**few.sizes, "outputs": outputs_of(dataset.task.name, len(dataset.task.classes or []))}
    x, codes = tensors_of(few), torch.from_numpy(few.codes)

    def recorded(hp: Hyperparameters) -> nn.Module:
        module = factory(_Read(dict(hp), seen))
        if optimizer is not None:
            read = _Read({**hp, "epochs": 1, "updates": 1}, seen)
            MemberOptimizer(optimizer, module, read)
        return module

    for u in DRAWS:
        given = {**space.from_unit(dict.fromkeys(space.dimensions, u)), **sizes}
        offered |= given.keys()
        if not _tried(recorded, given, key(seed, "weights"), x, codes):
            return []
        if seen.issuperset(mine):
            return []
    never = [name for name in mine if name in offered - seen]
    return [f"nothing reads {name}, so it has no effect{_offer(name, training)}" for name in never]


def _tried(factory: Factory, given: Configuration, seed: int, x: Features, codes: torch.Tensor) -> bool:
    """Build a network and run it once, in which it may read more; whether it could be built."""
    try:
        module = build(factory, given, seed, "the factory", [x, codes])
    except UsageError:
        return False
    try:
        with torch.no_grad(), preserved():
            call_forward(module.eval(), x, codes)
    except Exception:
        # A network that fails is found by the dry run before training.
        return True
    return True


def _offer(name: str, training: tuple[str, ...]) -> str:
    term = term_of(name)
    if (term is not None and (term.here in training or term.argument)) or plain_name(name) in training:
        return suggest_name(name, training, "the training")
    return ": read it in the factory, hp." + name + ", or leave it out"
