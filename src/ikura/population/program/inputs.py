"""What programs take of examples: all floats of a row side by side, and all whole numbers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.population.examples import Examples
from ikura.population.inputs import Features, ForwardArguments, tensors_of

__all__ = ["ProgramInputs", "side_by_side", "unwrapped"]


def unwrapped(module: nn.Module) -> nn.Module:
    """The module within one that `torch.compile` made."""
    while isinstance(inner := getattr(module, "_orig_mod", None), Module):
        module = inner
    return module


def side_by_side(inputs: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Lay the inputs of a forward out as a program takes them: all floats of a row, all whole numbers of a row."""
    rows = len(inputs[0])
    floats = [one.reshape(rows, -1).numpy() for one in inputs if one.is_floating_point()]
    whole = [one.long().reshape(rows, -1).numpy() for one in inputs if not one.is_floating_point()]
    x = floats[0] if len(floats) == 1 else np.concatenate([np.empty((rows, 0), np.float32), *floats], 1)
    return x, np.concatenate([np.empty((rows, 0), np.int64), *whole], 1)


@dataclass(frozen=True)
class ProgramInputs:
    """Which arguments of a forward are given, in the order of its signature.

    Attributes:
        arguments: how forward is called.
        by_place: how many are given by place.
        names: of those that are given by name, after them.
        every: names of all that are given.
    """

    arguments: ForwardArguments
    by_place: int
    names: tuple[str, ...]
    every: tuple[str, ...]

    @classmethod
    def of(cls, module: nn.Module, x: Features, codes: Tensor | None) -> ProgramInputs:
        """Read them from a module and some examples."""
        arguments = ForwardArguments.of(module)
        by_place, by_name = arguments(x, codes)
        parameters = list(inspect.signature(unwrapped(module).forward).parameters)
        names = tuple(name for name in parameters if name in by_name)
        return cls(arguments, len(by_place), names, (*parameters[: len(by_place)], *names))

    def tensors(self, x: Features, codes: Tensor | None) -> list[Tensor]:
        """The arguments, in the order of the signature."""
        by_place, by_name = self.arguments(x, codes)
        return [*by_place, *(by_name[name] for name in self.names)]

    def arrays(self, examples: Examples, rows: slice, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        """Float features and whole numbers of some rows, as in evaluation: shapes (rows, floats), (rows, numbers)."""
        given = self.tensors(tensors_of(examples, rows), torch.from_numpy(examples.codes[rows]))
        x, codes = side_by_side(given)
        return np.ascontiguousarray(x, dtype), np.ascontiguousarray(codes)
