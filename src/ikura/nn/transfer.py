"""Cutting a pretrained network in two: a frozen body, and a top that learns the new task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from ikura.errors import UsageError, nearest
from ikura.nn.freeze import FREEZE

__all__ = ["Cut", "cut", "features", "replace_head"]

HEADS = (nn.Linear,)


@dataclass(frozen=True)
class Cut:
    """A network in two parts: `top(body(x))` is the network's output.

    Attributes:
        body: what stays as it is, in evaluation mode; it can be computed once for all examples.
        top: what learns, its head included.
        head: name of the head within `top`.
    """

    body: nn.Module
    top: nn.Module
    head: str


class _Tracer(fx.Tracer):
    """Follows the flow of data through a network, not into the layers of torch or ikura."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layers = not any(True for _ in m.children()) and m.__module__.startswith("ikura.")
        return layers or super().is_leaf_module(m, module_qualified_name)


class _Flow:
    """A flow of data, the same for all copies of a part."""

    def __init__(self, graph: fx.Graph) -> None:
        self.graph = graph

    def __deepcopy__(self, memo: dict[int, Any]) -> _Flow:
        return self


class Part(nn.Module):
    """A part of a network, its layers under the names they had there.

    Args:
        module: the network.
        graph: which layers run on what.
    """

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__()
        self.flow = _Flow(graph)
        for node in graph.nodes:
            if node.op in ("call_module", "get_attr"):
                self._take(module, str(node.target))

    def _take(self, module: nn.Module, path: str) -> None:
        *above, name = path.split(".")
        here: nn.Module = self
        for step in above:
            if step not in here._modules:
                here.add_module(step, nn.Module())
            here, module = here.get_submodule(step), module.get_submodule(step)
        setattr(here, name, getattr(module, name))

    def forward(self, x: Tensor) -> Tensor:
        """Run the part on its input."""
        out: Tensor = fx.Interpreter(self, graph=self.flow.graph).run(x)
        return out


def cut(module: nn.Module, freeze: str) -> Cut:
    """Cut a network where a single value flows, as late as `freeze` allows.

    Args:
        module: the network; its last layer must be a `torch.nn.Linear`, the head.
        freeze: "all": only the head learns; "most": the last layer or block before the head learns too; "none":
            everything learns.

    Returns:
        The two parts, which share their weights with `module`.

    Raises:
        UsageError: `freeze` is unknown, the network has no head, or its flow of data cannot be followed.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> parts = cut(net, "all")
        >>> parts.body(torch.ones(2, 4)).shape, parts.top(torch.ones(2, 8)).shape
        (torch.Size([2, 8]), torch.Size([2, 3]))

    References:
        Yosinski et al. 2014, How transferable are features in deep neural networks? arXiv:1411.1792.
    """
    if freeze not in FREEZE:
        raise UsageError(f"unknown freeze {freeze!r}{nearest(str(freeze), FREEZE)}: use {', '.join(FREEZE)}")
    graph = _trace(module)
    nodes = list(graph.nodes)
    learning = [i for i, node in enumerate(nodes) if _learns(module, node)]
    last = module.get_submodule(str(nodes[learning[-1]].target)) if learning else None
    if not isinstance(last, HEADS):
        kind = "nothing that learns" if last is None else type(last).__name__
        raise UsageError(f"the pretrained network must end in a torch.nn.Linear, its head, but it ends in {kind}")
    head = str(nodes[learning[-1]].target)
    if freeze == "none":
        return Cut(nn.Identity(), module, head)
    matrices = [i for i in learning if _is_matrix(module, nodes[i])]
    wanted = matrices[-1:] if freeze == "all" else matrices[-2:]
    place = max((i for i in range(1, wanted[0] + 1) if len(_crossing(nodes, i)) == 1), default=0)
    if place <= 1:
        return Cut(nn.Identity(), module, head)
    body, top = _parts(module, nodes, place)
    return Cut(body.eval(), top, head)


def replace_head(module: nn.Module, head: str, outputs: int) -> nn.Module:
    """Put a fresh linear layer in the place of the head; its weights come from torch's generator.

    All other parameters are marked, `parameter.pretrained = True`, so that they can learn at a rate of their own.

    Args:
        module: the network; changed in place.
        head: name of its last linear layer.
        outputs: raw outputs of the new task.

    Returns:
        The network, or the new head where the network was nothing else.
    """
    for parameter in module.parameters():
        parameter.pretrained = True  # type: ignore[attr-defined]
    old = module.get_submodule(head)
    assert isinstance(old, nn.Linear)
    new = nn.Linear(old.in_features, outputs, dtype=old.weight.dtype, device=old.weight.device)
    parent, _, name = head.rpartition(".")
    setattr(module.get_submodule(parent), name, new)
    return module


def _trace(module: nn.Module) -> fx.Graph:
    """Follow the data in evaluation and in training mode; where the two differ, cutting would lose one of them."""
    was = module.training
    try:
        graphs = [_Tracer().trace(module.train(mode)) for mode in (False, True)]
    except (fx.proxy.TraceError, TypeError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"the flow of data through the pretrained network cannot be followed: {reason}") from error
    finally:
        module.train(was)
    if str(graphs[0]) != str(graphs[1]):
        raise UsageError("the pretrained network decides in its forward whether it trains: make such parts layers")
    return graphs[0]


def _learns(module: nn.Module, node: fx.Node) -> bool:
    return node.op == "get_attr" or (
        node.op == "call_module" and any(True for _ in module.get_submodule(str(node.target)).parameters())
    )


def _is_matrix(module: nn.Module, node: fx.Node) -> bool:
    return node.op == "call_module" and any(p.ndim > 1 for p in module.get_submodule(str(node.target)).parameters())


def _crossing(nodes: Sequence[fx.Node], place: int) -> list[fx.Node]:
    """Values made before the place and used from there on."""
    before = {node: i for i, node in enumerate(nodes[:place])}
    later = nodes[place:]
    return [node for node in before if node.op != "get_attr" and any(user in set(later) for user in node.users)]


def _parts(module: nn.Module, nodes: Sequence[fx.Node], place: int) -> tuple[Part, Part]:
    value = _crossing(nodes, place)[0]
    lower, upper = fx.Graph(), fx.Graph()
    made: dict[fx.Node, fx.Node] = {}
    for node in nodes[:place]:
        made[node] = lower.node_copy(node, lambda n: made[n])
    lower.output(made[value])
    made = {value: upper.placeholder("x")}
    for node in nodes[place:]:
        made[node] = upper.node_copy(node, lambda n: made[n])
    return Part(module, lower), Part(module, upper)


@torch.no_grad()
def features(body: nn.Module, x: Tensor) -> Tensor:
    """Compute what a frozen body makes of examples in its own precision: shape (rows, ...)."""
    own = next((parameter.dtype for parameter in body.parameters()), x.dtype)
    out: Tensor = body(x.to(own))
    return out
