"""Which outputs of a network a loss takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ikura.errors import UsageError
from ikura.lazy_torch import Tensor, pytree

__all__ = ["OutputShape"]


@dataclass(frozen=True)
class OutputShape:
    """Which outputs of a network a loss takes.

    Args:
        task: one of `ikura.nn.loss.TASKS`.
        outputs: number of outputs of an example.
        target: shape of the target of one example; () for one class or value.
        free: whether anything is taken that holds a tensor of one row for each example: of a loss of the caller's own.
    """

    task: str
    outputs: int
    target: tuple[int, ...] = ()
    free: bool = False

    def shapes(self, rows: int) -> list[tuple[int, ...]]:
        """The shapes that are taken, the usual one first.

        Example:
            >>> OutputShape("binary", 1).shapes(8)
            [(8, 1), (8,), (8, 2)]
        """
        usual = (rows, self.outputs)
        if self.task == "binary":
            return [(rows, 1), (rows,), (rows, 2)]
        if self.task == "multiclass":
            return [usual] if not self.target else [(*usual, *self.target)]
        if self.outputs == 1 and prod(self.target) == 1:
            return [usual, (rows,), (rows, *self.target)]
        return [usual] if self.outputs != prod(self.target) else [(rows, *self.target), usual]

    def check(self, found: object, rows: int) -> None:
        """Refuse outputs that the loss cannot take.

        Raises:
            UsageError: they are no tensor of floats, or of another shape.

        Example:
            >>> import torch
            >>> OutputShape("regression", 1).check((torch.zeros(2, 1), None), 2)
            Traceback (most recent call last):
            ikura.errors.UsageError: the network returns a tuple; return a tensor of shape (2, 1), the outputs alone, \
or give a loss of your own that takes it
        """
        if self.free:
            self._check_free(found, rows)
            return
        shapes = self.shapes(rows)
        wanted = f"a tensor of shape {shapes[0]}"
        if not isinstance(found, Tensor):
            kind = type(found).__name__
            several = isinstance(found, tuple | list | dict)
            more = ", the outputs alone, or give a loss of your own that takes it" if several else ""
            raise UsageError(f"the network returns a {kind}; return {wanted}{more}")
        if not found.is_floating_point():
            kind = str(found.dtype).removeprefix("torch.")
            raise UsageError(f"the network returns {kind}; return floats, {wanted}: logits of classes, or values")
        if tuple(found.shape) not in shapes:
            raise UsageError(f"the network returns shape {tuple(found.shape)}; return {wanted}")

    @staticmethod
    def _check_free(found: object, rows: int) -> None:
        tensors = [one for one in pytree.tree_leaves(found) if isinstance(one, Tensor)]
        if not tensors:
            raise UsageError(f"the network returns a {type(found).__name__} without a tensor in it")
        if not any(one.dim() and one.shape[0] == rows for one in tensors):
            shape = tuple(tensors[0].shape)
            raise UsageError(f"the network returns shape {shape} for {rows} examples; return a row for each")
