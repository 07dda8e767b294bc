"""What a module computes, as a graph of calls: traced in training and in evaluation, which must be one."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from ikura.nn.generators import preserved
from ikura.population.program.builder import UnknownOperationError

__all__ = ["Graph", "trace"]

TRAINING = re.compile(r"'(training|dropout_p)': (True|False|[0-9.e-]+)")


class _Tracer(fx.Tracer):
    """Goes into everything but layers of PyTorch's and ikura's."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        home = type(m).__module__
        return home.startswith(("torch.nn", "ikura.nn")) and not isinstance(
            m, nn.Sequential | nn.ModuleList | nn.ModuleDict
        )


@dataclass(frozen=True)
class Graph:
    """A traced module.

    Attributes:
        nodes: calls, in their order.
        module: the traced one, whose parts they name.
        found: what each node gives for two numbers of rows.
        rows: these numbers.
        names: of the arguments of forward that are given.
        inputs: the nodes that stand for them.
    """

    nodes: tuple[fx.Node, ...]
    module: nn.Module
    found: dict[fx.Node, tuple[Any, Any]]
    rows: tuple[int, int]
    names: tuple[str, ...]
    inputs: tuple[fx.Node, ...]


def trace(module: nn.Module, inputs: Sequence[Sequence[Tensor]], names: Sequence[str] | None = None) -> Graph:
    """Trace a module.

    Args:
        module: of the caller's; it is left as it is.
        inputs: what its forward takes, with two numbers of rows.
        names: of the inputs among forward's arguments; None for its first ones.

    Raises:
        UnknownOperationError: it cannot be traced, or does in training something else than in evaluation.
    """
    _check_hooks(module)
    module = copy.deepcopy(module)
    graphs = []
    parameters = _parameters(module)
    given = tuple(list(parameters)[: len(inputs[0])] if names is None else names)
    defaults = {name: one.default for name, one in parameters.items() if name not in given}
    try:
        for training in (False, True):
            module.train(training)
            graphs.append(_Tracer().trace(module, concrete_args=defaults))
        first, second = map(_text, graphs)
    except UnknownOperationError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise UnknownOperationError(f"forward cannot be traced ({type(error).__name__}: {reason})") from error
    if first != second:
        raise UnknownOperationError("forward does something else in training than in evaluation")
    placeholders = [node for node in graphs[1].nodes if node.op == "placeholder"]
    found = [_results(module, graphs[1], _arguments(placeholders, given, one, defaults)) for one in inputs]
    pairs = {node: (found[0].get(node), found[1].get(node)) for node in graphs[1].nodes}
    own = tuple(node for node in placeholders if node.target in given)
    return Graph(tuple(graphs[1].nodes), module, pairs, (len(inputs[0][0]), len(inputs[1][0])), given, own)


def _parameters(module: nn.Module) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(module.forward).parameters)
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY) for one in parameters.values()):
        raise UnknownOperationError("a forward with *args or **kwargs")
    return parameters


def _arguments(
    placeholders: Sequence[fx.Node], given: Sequence[str], inputs: Sequence[Tensor], defaults: dict[str, Any]
) -> list[Any]:
    """What each placeholder stands for: an input, or a default; those of defaults have a number behind their name."""
    known = dict(zip(given, inputs, strict=True))
    return [
        known[str(one.target)] if one.target in known else defaults[re.sub(r"_\d+$", "", str(one.target))]
        for one in placeholders
    ]


def _check_hooks(module: nn.Module) -> None:
    for name, part in module.named_modules():
        hooks = (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
        if any(hooks):
            raise UnknownOperationError(f"a hook of {name or 'the network'}")
    if any(p._backward_hooks for p in module.parameters()):
        raise UnknownOperationError("a hook on a gradient")


def _text(graph: fx.Graph) -> str:
    """All calls of a graph, but for whether it trains."""
    return TRAINING.sub("", "\n".join(f"{n.op} {n.name} {n.target} {n.args} {n.kwargs}" for n in graph.nodes))


class _Recorder(fx.Interpreter):
    """Runs a graph and remembers what each node gives."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, garbage_collect_values=False, graph=graph)
        self.found: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        out = super().run_node(n)
        self.found[n] = out.clone() if isinstance(out, Tensor) and n.op != "output" else out
        return out


def _results(module: nn.Module, graph: fx.Graph, arguments: Sequence[Any]) -> dict[fx.Node, Any]:
    recorder = _Recorder(module, graph)
    with torch.no_grad(), preserved():
        try:
            recorder.run(*arguments)
        except Exception as error:
            raise UnknownOperationError(f"the traced forward fails ({type(error).__name__})") from error
    return recorder.found
