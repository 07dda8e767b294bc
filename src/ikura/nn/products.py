"""Which parameters of a network are weights: those that stand in a product with what flows through it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["uncompiled", "weights_in_products"]

FACTORS = {
    "linear": (0, 1), "bilinear": (0, 1, 2), "conv1d": (0, 1), "conv2d": (0, 1), "conv3d": (0, 1),
    "conv_transpose1d": (0, 1), "conv_transpose2d": (0, 1), "conv_transpose3d": (0, 1), "matmul": (0, 1), "mm": (0, 1),
    "bmm": (0, 1), "mv": (0, 1), "dot": (0, 1), "inner": (0, 1), "__matmul__": (0, 1), "__rmatmul__": (0, 1),
    "addmm": (1, 2), "addmv": (1, 2), "addbmm": (1, 2), "baddbmm": (1, 2), "einsum": (1, 2, 3, 4), "tensordot": (0, 1),
    "chain_matmul": (0, 1, 2, 3), "multi_dot": (0,), "scaled_dot_product_attention": (0, 1, 2),
    "multi_head_attention_forward": (0, 1, 2),
}  # fmt: skip
"""Places of the factors among the arguments of each function."""


def _places() -> dict[Callable[..., Any], tuple[int, ...]]:
    homes = (functional, torch, Tensor, torch.linalg)
    named = ((getattr(home, name, None), places) for home in homes for name, places in FACTORS.items())
    return {function: places for function, places in named if function is not None}


PLACES = _places()


class _Products(TorchFunctionMode):
    """Follows parameters, their views, and what is made of them element by element, to the products they stand in."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.storages = {p.untyped_storage().data_ptr(): name for name, p in module.named_parameters() if p.numel()}
        self.made: dict[int, tuple[Tensor, frozenset[str]]] = {}
        self.found: set[str] = set()

    def _names(self, tensor: Tensor) -> frozenset[str]:
        if id(tensor) in self.made:
            return self.made[id(tensor)][1]
        try:
            name = self.storages.get(tensor.untyped_storage().data_ptr())
        except RuntimeError:
            return frozenset()
        return frozenset() if name is None else frozenset([name])

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in PLACES:
            factors = [*(args[i] for i in PLACES[func] if i < len(args)), (kwargs or {}).get("weight")]
            for tensor in _tensors(factors):
                self.found |= self._names(tensor)
        elif isinstance(out, Tensor):
            names = [self._names(t) for t in _tensors(args) if t.numel() == out.numel()]
            if every := frozenset().union(*names):
                self.made[id(out)] = out, every
        return out


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run modules of `torch.compile` as they are written, so that each of their functions is seen."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def weights_in_products(module: nn.Module, run: Callable[[], object]) -> frozenset[str]:
    """Find the parameters that penalties, weight decay and bounded norms are for, by running a network once.

    They are the matrices (and vectors) of products: of linear, bilinear, convolutional, recurrent and attention layers,
    and of a module's own `x @ self.w`, also through a view of them or a function of each of their elements. Biases,
    scales and shifts of normalisations, tables of positions and of embeddings stand in no product.

    Args:
        module: the network, in the mode it is to be run in.
        run: runs it on two examples or more.

    Returns:
        Their names.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
        >>> sorted(weights_in_products(net, lambda: net(torch.ones(2, 2))))
        ['0.weight']
    """
    recorder = _Products(module)
    with uncompiled(), recorder:
        run()
    for path, part in module.named_modules():
        # Their products are made inside of functions that are seen as one.
        names: list[str] = []
        if isinstance(part, nn.RNNBase | nn.RNNCellBase):
            names = [name for name in part._parameters if name.startswith("weight")]
        elif isinstance(part, nn.MultiheadAttention):
            names = [*(name for name in part._parameters if name.endswith("proj_weight")), "out_proj.weight"]
        recorder.found |= {f"{path}.{name}" if path else name for name in names}
    return frozenset(recorder.found & {name for name, _ in module.named_parameters()})
