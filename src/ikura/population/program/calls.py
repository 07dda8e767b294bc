"""One call of a traced module, and the tables of what is known: by function, by method, by class of a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ikura.lazy_torch import Tensor, nn, torch
from ikura.population.program.builder import Builder, States, UnknownOperationError, Value, Weight
from ikura.population.program.graph import Graph
from ikura.population.program.operations.frame import ADD, SKIP
from ikura.population.program.shaping import concatenate, reshape

__all__ = [
    "FUNCTIONS",
    "LAYERS",
    "METHODS",
    "Call",
    "Handler",
    "flag_of",
    "learns",
    "number_of",
    "place_of",
    "register",
]


class Call:
    """One call of a traced module.

    Attributes:
        builder: what operations are added to.
        graph: where the call stands.
        node: the call.
        weights: places of parameters and buffers, by their identity.
    """

    def __init__(self, builder: Builder, graph: Graph, node: torch.fx.Node, weights: Mapping[int, Weight]) -> None:
        self.builder, self.graph, self.node, self.weights = builder, graph, node, weights

    def weight(self, tensor: Tensor | None) -> Weight | None:
        """Where a parameter or buffer lies."""
        if tensor is None:
            return None
        if id(tensor) not in self.weights:
            raise UnknownOperationError("a tensor that is no parameter")
        return self.weights[id(tensor)]

    def shapes(self) -> tuple[Sequence[int], Sequence[int]]:
        """Shape of what the call gives, for two numbers of rows."""
        first, second = self.graph.found[self.node]
        return tuple(first.shape), tuple(second.shape)

    def value(self, one: Any) -> Value:
        """An operand as a value."""
        if isinstance(one, Value):
            return one
        if isinstance(one, Weight):
            return self.builder.weight(one)
        if isinstance(one, States):
            rows = [replace(value, shape=(1, *value.shape), axis=1) for value in one.values]
            return concatenate(self.builder, rows, 0)
        raise UnknownOperationError(f"an operand of the kind {type(one).__name__}")

    def reshaped(self, one: Any) -> Value:
        """An operand with the shape of what the call gives."""
        return reshape(self.value(one), *self.shapes(), self.graph.rows)


Handler = Callable[..., Any]
FUNCTIONS: dict[Any, Handler] = {}
"""By function: handler(call, *arguments)."""
METHODS: dict[str, Handler] = {}
"""By name of a tensor's method: handler(call, tensor, *arguments)."""
LAYERS: dict[type[nn.Module], Handler] = {}
"""By class of a module: handler(call, module, *inputs)."""


def number_of(one: Any) -> float | None:
    """A number among the operands; None for anything else."""
    if isinstance(one, int | float) and not isinstance(one, bool):
        return float(one)
    return None


def register(names: Sequence[str], handler: Handler, *homes: Any) -> None:
    """Let a handler stand for the tensor's methods of these names, and for functions of the same names."""
    for name in names:
        METHODS[name] = handler
        for home in homes:
            if hasattr(home, name):
                FUNCTIONS[getattr(home, name)] = handler


def place_of(weight: Weight | None) -> int:
    """Where a weight lies; -1 for none."""
    return -1 if weight is None else weight.place


def flag_of(weight: Weight | None) -> int:
    """How its gradient is written."""
    return ADD if weight is not None and weight.learns else SKIP


def learns(value: Value, *weights: Weight | None) -> bool:
    """Whether the error of what is made of these is wanted."""
    return value.register.learns or any(one is not None and one.learns for one in weights)
