"""From a traced module to a program: each call becomes operations on registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ikura.lazy_torch import Tensor, nn, torch
from ikura.population.program import (  # noqa: F401  they fill the tables
    arithmetic,
    attending,
    convolving,
    normalising,
    reducing,
    remembering,
    shapes,
)
from ikura.population.program.builder import Builder, Codes, Program, States, UnknownOperationError, Value, Weight
from ikura.population.program.calls import FUNCTIONS, LAYERS, METHODS, Call
from ikura.population.program.graph import Graph

__all__ = ["translate", "weight_places"]


def weight_places(module: nn.Module) -> tuple[dict[int, Weight], dict[str, Weight], int, int]:
    """Find where each weight, and each float buffer, of a network lies in one flat vector.

    Returns:
        by identity; by name; number of weights; numbers of the buffers.
    """
    places: dict[int, Weight] = {}
    names: dict[str, Weight] = {}
    count = 0
    for name, p in module.named_parameters():
        if not p.is_floating_point():
            raise UnknownOperationError(f"the parameter {name} of whole numbers")
        places[id(p)] = names[name] = Weight(count, tuple(p.shape), p.requires_grad)
        count += p.numel()
    state = 0
    for name, b in module.named_buffers():
        places[id(b)] = names[name] = Weight(state, tuple(b.shape), False, True)
        state += b.numel()
    return places, names, count, state


def translate(graph: Graph, given: Sequence[Sequence[int] | None]) -> Program:
    """Turn a traced module into a program.

    Args:
        graph: the module.
        given: shapes of one example's inputs; None where an input is of whole numbers.

    Raises:
        UnknownOperationError: something in it is not known.
    """
    weights, _, _, state = weight_places(graph.module)
    builder = Builder(state=state)
    found: dict[torch.fx.Node, Any] = {}
    column, whole, inputs = 0, 0, list(given)
    for node in graph.nodes:
        call = Call(builder, graph, node, weights)
        if node.op == "placeholder":
            if node not in graph.inputs:
                found[node] = graph.found[node][0]
                continue
            shape = inputs.pop(0)
            if shape is None:
                each = graph.found[node][0].shape[1:]
                found[node] = Codes(whole + np.arange(each.numel()).reshape(each))
                whole += each.numel()
            else:
                found[node] = builder.input(shape, column)
                column += found[node].size
        elif node.op == "output":
            return _finish(builder, found, node)
        else:
            found[node] = _translated(call, found, state)
    raise UnknownOperationError("a forward without outputs")


def _finish(builder: Builder, found: Mapping[torch.fx.Node, Any], node: torch.fx.Node) -> Program:
    out = found.get(node.args[0]) if isinstance(node.args[0], torch.fx.Node) else None
    if not isinstance(out, Value) or out.axis != 0 or out.folded or len(out.shape) > 1:
        raise UnknownOperationError("outputs that are no table of numbers")
    return builder.finish(out)


def _translated(call: Call, found: Mapping[torch.fx.Node, Any], state: int) -> Any:
    node, graph = call.node, call.graph
    if node.op == "get_attr":
        tensor = _attribute(graph.module, str(node.target))
        return call.weights.get(id(tensor), tensor)
    operands = [found[one] for one in node.all_input_nodes]
    result = graph.found[node][0]
    if not any(_flows(one) for one in operands) and node.op != "call_module":
        return _constant(call, result)
    if not isinstance(result, Tensor | tuple | list) or _sizes(result):
        return graph.found[node]
    args: Any = torch.fx.node.map_arg(node.args, lambda one: _argument(found[one]))
    kwargs: Any = torch.fx.node.map_arg(node.kwargs, lambda one: _argument(found[one]))
    if node.op == "call_module":
        layer: Any = graph.module.get_submodule(str(node.target))
        handler, name = LAYERS.get(type(layer)), type(layer).__name__
        args = (layer, *args)
    elif node.op == "call_method":
        handler, name = METHODS.get(str(node.target)), f"Tensor.{node.target}"
    else:
        handler, name = FUNCTIONS.get(node.target), getattr(node.target, "__name__", str(node.target))
    if handler is None:
        raise UnknownOperationError(name)
    try:
        return handler(call, *args, **kwargs)
    except UnknownOperationError as error:
        raise UnknownOperationError(f"{name}: {error}") from None
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnknownOperationError(f"{name} with these arguments ({error})") from error


def _attribute(module: nn.Module, path: str) -> Any:
    where, _, name = path.rpartition(".")
    return getattr(module.get_submodule(where), name)


def _flows(one: Any) -> bool:
    if isinstance(one, list | tuple):
        return any(map(_flows, one))
    return isinstance(one, Value | Weight | Codes | States)


def _sizes(result: Any) -> bool:
    return isinstance(result, torch.Size) or (
        isinstance(result, tuple | list) and not any(isinstance(one, Tensor) for one in result)
    )


class _Pair(tuple[Any, Any]):
    """A number for two numbers of rows."""


def _argument(one: Any) -> Any:
    """What a handler is given: of what is known for two numbers of rows, that which is one and the same."""
    if isinstance(one, tuple) and len(one) == 2 and not _flows(one) and not isinstance(one, torch.Size):
        first, second = one
        return first if type(first) is type(second) and first == second else _Pair(one)
    return one


def _constant(call: Call, result: Any) -> Any:
    first, second = call.graph.found[call.node]
    if not isinstance(result, Tensor):
        return call.graph.found[call.node]
    if first.shape != second.shape or not torch.equal(first, second):
        raise UnknownOperationError("numbers that depend on the number of examples, or on chance")
    if not first.is_floating_point():
        return first
    return call.builder.constant(first.double().numpy())
