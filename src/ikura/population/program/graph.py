"""What a module computes, as a graph of calls: traced in training and in evaluation, which must be one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import Any

import torch
from torch import Tensor, fx, nn

from ikura.nn.generators import preserved
from ikura.population.program.builder import UnknownOperationError

__all__ = ["Graph", "Traced", "check_hooks", "run", "trace"]

TRAINING = re.compile(r"'(training|dropout_p)': (True|False|[0-9.e-]+)")

_TRACING = Lock()
"""One trace at a time: PyTorch changes the class of all modules while it traces, and puts back what it found."""


class _Tracer(fx.Tracer):
    """Goes into everything but layers of PyTorch's and ikura's.

    While it traces, PyTorch hands it the calls of all modules of the process; those of other threads are let through.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = get_ident()

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Record a call of a module, or make it where it is no business of this trace."""
        if get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

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


@dataclass(frozen=True)
class Traced:
    """The calls of a module's forward, the same in training and in evaluation.

    Attributes:
        graph: the calls.
        names: of the arguments of forward that are given.
        defaults: the others, by name.
    """

    graph: fx.Graph
    names: tuple[str, ...]
    defaults: Mapping[str, Any]


def trace(module: nn.Module, count: int, names: Sequence[str] | None = None) -> Traced:
    """Trace a module, and leave it in training mode.

    Args:
        module: of the caller's.
        count: of inputs that forward is given.
        names: of the inputs among forward's arguments; None for its first ones.

    Raises:
        UnknownOperationError: it cannot be traced, or does in training something else than in evaluation.
    """
    graphs = []
    parameters = _parameters(module)
    given = tuple(list(parameters)[:count] if names is None else names)
    defaults = {name: one.default for name, one in parameters.items() if name not in given}
    try:
        for training in (False, True):
            module.train(training)
            with _TRACING:
                graphs.append(_Tracer().trace(module, concrete_args=defaults))
        first, second = map(_text, graphs)
    except UnknownOperationError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise UnknownOperationError(f"forward cannot be traced ({type(error).__name__}: {reason})") from error
    if first != second:
        raise UnknownOperationError("forward does something else in training than in evaluation")
    return Traced(graphs[1], given, defaults)


def run(traced: Traced, module: nn.Module, inputs: Sequence[Sequence[Tensor]]) -> Graph:
    """Run the calls with two numbers of rows, in training, for the shapes of all that they give.

    Args:
        traced: the calls, of this module or of one of other sizes.
        module: its buffers change as in training.
        inputs: what forward takes, with two numbers of rows.

    Raises:
        UnknownOperationError: a call fails.
    """
    nodes = tuple(traced.graph.nodes)
    placeholders = [node for node in nodes if node.op == "placeholder"]
    module.train()
    found = [_results(module, traced, _arguments(placeholders, traced, one)) for one in inputs]
    pairs = {node: (found[0].get(node), found[1].get(node)) for node in nodes}
    own = tuple(node for node in placeholders if node.target in traced.names)
    return Graph(nodes, module, pairs, (len(inputs[0][0]), len(inputs[1][0])), traced.names, own)


def _parameters(module: nn.Module) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(module.forward).parameters)
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY) for one in parameters.values()):
        raise UnknownOperationError("a forward with *args or **kwargs")
    return parameters


def _arguments(placeholders: Sequence[fx.Node], traced: Traced, inputs: Sequence[Tensor]) -> list[Any]:
    """What each placeholder stands for: an input, or a default; those of defaults have a number behind their name."""
    known = dict(zip(traced.names, inputs, strict=True))
    return [
        known[str(one.target)] if one.target in known else traced.defaults[re.sub(r"_\d+$", "", str(one.target))]
        for one in placeholders
    ]


def check_hooks(module: nn.Module) -> None:
    """Refuse a module with hooks.

    Raises:
        UnknownOperationError: it has one.
    """
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


def _results(module: nn.Module, traced: Traced, arguments: Sequence[Any]) -> dict[fx.Node, Any]:
    recorder = _Recorder(module, traced.graph)
    with torch.no_grad(), preserved():
        try:
            recorder.run(*arguments)
        except Exception as error:
            raise UnknownOperationError(f"the traced forward fails ({type(error).__name__})") from error
    return recorder.found
