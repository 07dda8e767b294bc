"""Trust in a program: in double precision it gives what its module gives, and every gradient, to 1e-9."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ikura.nn.generators import preserved
from ikura.nn.noise import Draws, bits, drawing, layer_stream
from ikura.population.program.builder import Program, UnknownOperationError
from ikura.population.program.operations.frame import BEGIN, MOST, ROWS, STREAM, TRAINING
from ikura.population.program.operations.run import Code, Memory, Weights, backward, forward, make_memory, memory_size
from ikura.population.program.translate import weight_places

__all__ = ["check", "flat_buffers", "flat_weights", "keyed_dropout"]

TOLERANCE = 1e-9
NOISE = 0x5EED


def flat_weights(module: nn.Module, dtype: str) -> np.ndarray:
    """All parameters of a module one after another."""
    with torch.no_grad():
        parts = [p.detach().reshape(-1).cpu() for p in module.parameters()]
        return torch.cat(parts).numpy().astype(dtype) if parts else np.empty(0, dtype)


def flat_buffers(module: nn.Module, dtype: str, constants: np.ndarray) -> np.ndarray:
    """All buffers of a module one after another, and the constants of its program."""
    parts = [b.detach().reshape(-1).double().cpu().numpy() for b in module.buffers()]
    return np.concatenate([*parts, constants]).astype(dtype)


class _Keyed(TorchFunctionMode):
    """Lets the dropouts of a module leave out what those of its program do."""

    def __init__(self, stream: int, first: int) -> None:
        super().__init__()
        self.stream, self.first, self.count = stream, first, 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        whole = (functional.dropout1d, functional.dropout2d)
        if func is functional.scaled_dot_product_attention and kwargs:
            return func(*args, **(kwargs | {"dropout_p": 0.0}))
        if func is functional.dropout or func in whole:
            given = dict(zip(("input", "p", "training", "inplace"), args, strict=False)) | (kwargs or {})
            return self._dropped(given["input"], given.get("p", 0.5), given.get("training", True), func in whole)
        return func(*args, **(kwargs or {}))

    def _dropped(self, x: Tensor, rate: float, training: bool, channels: bool) -> Tensor:
        if not training:
            return x
        stream = layer_stream(self.stream, self.count)
        self.count += 1
        size = x.shape[2:].numel() if channels else 1
        drawn = bits(stream, len(x), x[0].numel() // size, self.first)
        kept = torch.from_numpy(drawn >= np.uint32(min(np.ceil(rate * 2.0**32), 2.0**32 - 1)))
        factors = kept.to(x.dtype) / (1 - rate) if rate < 1 else torch.zeros_like(kept, dtype=x.dtype)
        return x * factors.repeat_interleave(size, 1).reshape(x.shape)


@contextmanager
def keyed_dropout(stream: int, first: int) -> Iterator[None]:
    """Within this block PyTorch's dropouts leave out by keyed noise, as a program's do.

    Args:
        stream: key of the epoch's noise.
        first: place of the mini-batch's first row in the epoch.
    """
    with drawing(Draws(stream, first)), _Keyed(stream, first):
        yield


def check(
    program: Program,
    module: nn.Module,
    batches: Sequence[tuple[Sequence[Tensor], np.ndarray, np.ndarray]],
    names: Sequence[str],
) -> None:
    """Compare a program with its module on mini-batches, in double precision.

    Args:
        program: of the module.
        module: it is trained on them, and left in evaluation mode and double precision.
        batches: of each the inputs of the module's forward, and the program's float features and whole numbers.
        names: of these inputs among forward's arguments.

    Raises:
        UnknownOperationError: they differ.
    """
    module = _without_inner_dropout(module).double().train()
    code = program.code("float64")
    numbers = code.numbers.copy()
    numbers[program.inner_dropouts] = 0.0
    code = code._replace(numbers=numbers)
    _, places, _, _ = weight_places(module)
    w, s = flat_weights(module, "float64"), flat_buffers(module, "float64", program.constants)
    weights = Weights(w, np.empty(0), s)
    begin = 0
    for inputs, x, codes in batches:
        memory = _memory(code, x, codes, True)
        found, slope = _program_step(code, memory, weights, x, codes, begin)
        with preserved(), keyed_dropout(NOISE, begin):
            module.zero_grad()
            out = _called(module, names, inputs)
            factors = torch.linspace(1.0, 2.0, out.numel(), dtype=torch.float64).reshape(out.shape)
            (out * factors).sum().backward()
        _compare(found, out.detach().numpy(), "outputs in training")
        for name, p in module.named_parameters():
            if p.requires_grad:
                own = slope[places[name].place : places[name].place + p.numel()]
                other = np.zeros(p.numel()) if p.grad is None else p.grad.detach().reshape(-1).numpy()
                _compare(own, other, f"gradient of {name}")
        for name, b in module.named_buffers():
            if b.numel():
                place = places[name].place
                _compare(s[place : place + b.numel()], b.detach().double().reshape(-1).numpy(), f"buffer {name}")
        begin += len(x)
    inputs, x, codes = batches[0]
    memory = _memory(code, x, codes, False)
    memory.now[ROWS], memory.now[TRAINING] = len(x), 0
    forward(code, memory, weights, w, x, codes)
    with torch.no_grad(), preserved():
        out = _called(module.eval(), names, inputs)
    _compare(_outputs(code, memory, len(x)), out.numpy(), "outputs in evaluation")


def _memory(code: Code, x: np.ndarray, codes: np.ndarray, training: bool) -> Memory:
    space = np.empty(memory_size(code, len(x)))
    return make_memory(code, len(x), x.shape[1], codes.shape[1], space, training)


def _called(module: nn.Module, names: Sequence[str], inputs: Sequence[Tensor]) -> Tensor:
    double = (one.double() if one.is_floating_point() else one for one in inputs)
    out: Tensor = module(**dict(zip(names, double, strict=True)))
    return out


def _without_inner_dropout(module: nn.Module) -> nn.Module:
    """Leave out the dropout inside of PyTorch's layers, whose noise cannot be given."""
    for part in module.modules():
        if isinstance(part, nn.MultiheadAttention | nn.RNNBase):
            part.dropout = 0.0
        if isinstance(part, nn.TransformerEncoderLayer):
            part.dropout = part.dropout1 = part.dropout2 = nn.Identity()  # type: ignore[assignment]
    return module


def _outputs(code: Code, memory: Memory, rows: int) -> np.ndarray:
    begin = code.out * int(memory.now[MOST])
    return memory.a[begin : begin + rows * code.outputs].reshape(rows, code.outputs)


def _program_step(
    code: Code, memory: Memory, weights: Weights, x: np.ndarray, codes: np.ndarray, begin: int
) -> tuple[np.ndarray, np.ndarray]:
    g = np.zeros_like(weights.w)
    memory.now[ROWS], memory.now[BEGIN], memory.now[TRAINING], memory.now[STREAM] = len(x), begin, 1, NOISE
    forward(code, memory, weights, g, x, codes)
    out = _outputs(code, memory, len(x)).copy()
    place = code.out * int(memory.now[MOST])
    memory.d[place : place + out.size] = np.linspace(1.0, 2.0, out.size)
    backward(code, memory, weights, g, x, codes)
    return out, g


def _compare(own: np.ndarray, other: np.ndarray, what: str) -> None:
    own, other = own.reshape(-1), other.reshape(-1)
    scale = max(1.0, float(np.abs(other).max(initial=0)))
    if own.shape != other.shape or not np.abs(own - other).max(initial=0) <= TOLERANCE * scale:
        raise UnknownOperationError(f"{what} are not those of the module")
