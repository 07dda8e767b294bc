"""What flows through a network: the signals of its layers and activations, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ikura.checks.short_training import reseed
from ikura.checks.subject import Batch, Subject
from ikura.nn.products import uncompiled

__all__ = ["Signal", "Trace", "trace"]


def _functions(*names: str) -> list[Callable[..., Any]]:
    homes = (functional, torch, Tensor)
    return [getattr(home, name) for home in homes for name in names if hasattr(home, name)]


KINDS: dict[Callable[..., Any], str] = {
    function: kind
    for kind, names in {
        "relu": ("relu", "relu_", "relu6", "clamp_min"),
        "leaky": ("leaky_relu", "leaky_relu_", "prelu", "elu", "gelu", "silu", "softplus", "celu", "selu"),
        "sigmoid": ("sigmoid", "sigmoid_"),
        "tanh": ("tanh", "tanh_"),
        "softmax": ("softmax",),
        "log_softmax": ("log_softmax", "logsigmoid"),
        "layer": (
            "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "embedding",
            "matmul", "__matmul__", "__rmatmul__", "mm", "addmm", "lstm", "gru", "rnn_tanh", "rnn_relu",
        ),
        "norm": ("batch_norm",),
    }.items()
    for function in _functions(*names)
}  # fmt: skip
PRODUCTS = {"matmul", "__matmul__", "__rmatmul__", "mm", "addmm"}


@dataclass(eq=False)
class Signal:
    """What one layer or activation gave.

    Attributes:
        where: path of the module within the network, "the network" for what its own forward does.
        kind: relu, leaky, sigmoid, tanh, softmax, log_softmax, layer or norm.
        size: root mean square of its output.
        norm: root mean square over examples of the norm of the gradient with respect to its output; None without one.
        units: number of its units, or channels.
        dead: share of the units that are zero for every example.
        saturated: share of the outputs of a sigmoid or tanh where the slope is below a tenth of the steepest.
        output: its output, kept while the trace is.
        inputs: the tensors it was computed from.
        biased: whether it adds a bias of its own.
    """

    where: str
    kind: str
    size: float
    output: Tensor = field(repr=False)
    inputs: tuple[Tensor, ...] = field(repr=False)
    units: int = 0
    dead: float = 0.0
    saturated: float = 0.0
    norm: float | None = None
    biased: bool = False


@dataclass
class Trace:
    """Signals in the order in which they were computed, and the network's outputs."""

    signals: list[Signal]
    outputs: Tensor
    calls: dict[str, int]

    def of(self, *kinds: str) -> list[Signal]:
        """Return the signals of these kinds."""
        return [one for one in self.signals if one.kind in kinds]

    @property
    def last(self) -> Signal | None:
        """What made the outputs, reshaped at most; None if that is not known."""
        place = self.outputs.untyped_storage().data_ptr()
        same = (s for s in reversed(self.signals) if s.output.untyped_storage().data_ptr() == place)
        return next((s for s in same if s.output.numel() >= self.outputs.numel()), None)


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.signals: list[Signal] = []
        self.path: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        kind = KINDS.get(func)
        if kind is not None:
            first = out[0] if isinstance(out, tuple) else out
            tensors = tuple(a for a in args if isinstance(a, Tensor))
            product = getattr(func, "__name__", "") in PRODUCTS
            if isinstance(first, Tensor) and first.numel() and not (product and not any(map(_weight, tensors))):
                biased = (len(args) > 2 and isinstance(args[2], Tensor)) or (kwargs or {}).get("bias") is not None
                self._record(kind, first, tensors, biased)
        return out

    def _record(self, kind: str, out: Tensor, inputs: tuple[Tensor, ...], biased: bool) -> None:
        values = out.detach().float()
        where = self.path[-1] if self.path and self.path[-1] else "the network"
        signal = Signal(where, kind, float(values.square().mean().sqrt()), out, inputs, biased=biased)
        axis = 1 if values.dim() in (2, 4) else -1
        signal.units = values.shape[axis] if values.dim() else 1
        if kind == "relu" and values.dim() > 1:
            unit = values.transpose(axis, -1).reshape(-1, signal.units)
            signal.dead = float((unit <= 0).all(0).float().mean())
        elif kind in ("sigmoid", "tanh"):
            slope = 4 * values * (1 - values) if kind == "sigmoid" else 1 - values.square()
            signal.saturated = float((slope < 0.1).float().mean())
        if out.requires_grad:
            rows = max(out.shape[0] if out.dim() else 1, 1)

            def keep(gradient: Tensor) -> None:
                signal.norm = float(gradient.detach().double().norm()) * rows**0.5

            out.register_hook(keep)
        self.signals.append(signal)


def _weight(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) or isinstance(tensor._base, nn.Parameter)


def trace(subject: Subject, module: nn.Module, batch: Batch, backward: bool = True) -> Trace:
    """Run a network once forward and, if it can be, once backward, and record its signals.

    Args:
        subject: gives the loss.
        module: the network, in the mode it is to be run in.
        batch: the examples.
        backward: whether the gradients are wanted too.

    Returns:
        The signals.
    """
    recorder, calls = _Recorder(), dict[str, int]()
    handles = []
    for name, part in module.named_modules():

        def enter(_: nn.Module, inputs: Any, name: str = name) -> None:
            recorder.path.append(name)
            calls[name] = calls.get(name, 0) + 1

        def leave(_: nn.Module, inputs: Any, output: Any) -> None:
            recorder.path.pop()

        handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    try:
        reseed()
        with uncompiled(), recorder:
            outputs = subject.outputs(module, batch)
    finally:
        for handle in handles:
            handle.remove()
    if backward:
        value = subject.cost(outputs, batch.y)
        if value.requires_grad:
            torch.autograd.grad(value, [p for p in module.parameters() if p.requires_grad], allow_unused=True)
    return Trace(recorder.signals, outputs, calls)
