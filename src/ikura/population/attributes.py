"""What a network keeps outside of its parameters and buffers: looked at, and written down as arrays."""

from __future__ import annotations

import dis
import json
import random
from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from functools import lru_cache, partial
from hashlib import blake2b
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ikura.lazy_torch import Module, Tensor, nn, torch

__all__ = ["OUTSIDE", "UnwritableError", "complaint", "global_names", "observe", "plain", "read", "restore", "write"]

OUTSIDE = "outside:"
"""What stands before the names of things that all networks of a class share: its own attributes, global values."""

PREFIX, TEXT = "attribute:", "attribute-json:"
HOOKS = ("_forward_hooks", "_forward_pre_hooks")
DEPTH = 6


@lru_cache(maxsize=1)
def plain() -> tuple[type, ...]:
    """Types of values that show all there is of them."""
    return bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size, np.generic


@lru_cache(maxsize=1)
def _internal() -> frozenset[str]:
    """Attributes that every module has."""
    return frozenset(vars(nn.Module()))


class UnwritableError(TypeError):
    """A value cannot be written down as an array."""


def observe(module: nn.Module) -> dict[str, Hashable]:
    """Describe the present values of everything that a network may remember by, except parameters and buffers.

    These are the attributes of its parts, what the functions kept in them close over, and, named with `OUTSIDE`, the
    attributes of its own classes and the global values that their methods name.

    Args:
        module: the network.

    Returns:
        Name to a description that is equal for equal values.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> layer.calls = 0
        >>> before = observe(layer)
        >>> layer.calls += 1
        >>> [name for name, value in observe(layer).items() if value != before[name]]
        ['calls']
    """
    seen = {id(p) for p in (*module.parameters(), *module.buffers())}
    found: dict[str, Hashable] = {}
    for path, part in module.named_modules():
        for name, value in _own(part):
            found[f"{path}.{name}" if path else name] = _described(value, seen)
        for name in HOOKS:
            if hooks := vars(part)[name]:
                found[f"{path}.{name}" if path else name] = _described(list(hooks.values()), seen)
        for cls in type(part).__mro__:
            if cls.__module__.partition(".")[0] in ("torch", "ikura", "builtins", "abc", "typing"):
                continue
            for name, value in vars(cls).items():
                if isinstance(value, FunctionType) and name != "__init__":
                    for other, description in _outer(value, seen):
                        found[OUTSIDE + other] = description
                elif not name.startswith("__") and isinstance(value, (*plain(), list, dict, set, deque, Tensor)):
                    found[f"{OUTSIDE}{cls.__name__}.{name}"] = _described(value, seen)
    return found


def complaint(name: str) -> str:
    """Say that a network keeps something where it can neither be each member's own nor saved with the model.

    Example:
        >>> complaint("history").partition(",")[0]
        "forward keeps state in 'history'"
    """
    shared = name.startswith(OUTSIDE)
    why = "all networks share" if shared else "can be neither each trial's own nor saved with the model"
    what = name.removeprefix(OUTSIDE)
    return f"forward keeps state in {what!r}, which {why}; keep it in a buffer: self.register_buffer(name, tensor)"


def _own(part: nn.Module) -> Iterator[tuple[str, Any]]:
    """Attributes of one part, and buffers that hold nothing yet."""
    private = type(part).__module__.partition(".")[0] == "torch"
    for name, value in vars(part).items():
        inner = (private and name.startswith("_")) or (isinstance(part, nn.RNNBase) and name.startswith("_flat_weight"))
        if name not in _internal() and not inner:
            yield name, value
    for name, buffer in part._buffers.items():
        if buffer is None:
            yield name, None


def _outer(function: FunctionType, seen: set[int]) -> Iterator[tuple[str, Hashable]]:
    """Global values and closed-over ones that a function names and that can change."""
    for name in global_names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, (*plain(), list, dict, set, deque, Tensor, np.ndarray)) and value is not None:
            yield name, _described(value, seen)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if name != "__class__":
            yield name, _described(value, seen)


@lru_cache(maxsize=4096)
def global_names(code: CodeType) -> tuple[str, ...]:
    """Names of the global values that a function and those within it read.

    Example:
        >>> global_names((lambda x: len(x.size)).__code__)
        ('len',)
    """
    own = [one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    inner = [name for one in code.co_consts if isinstance(one, CodeType) for name in global_names(one)]
    return tuple(dict.fromkeys([*own, *inner]))


def _described(value: Any, seen: set[int], depth: int = 0) -> Hashable:
    """Describe one value; what has no value to compare, such as a file, is described by its kind alone."""
    kind = type(value).__qualname__
    if isinstance(value, plain()):
        return kind, repr(value)
    if isinstance(value, Tensor):
        return (kind,) if id(value) in seen else (kind, *_bits(value))
    if isinstance(value, np.ndarray):
        return kind, value.shape, str(value.dtype), _digest(np.ascontiguousarray(value).tobytes())
    if depth > DEPTH or id(value) in seen or isinstance(value, Module | type):
        return (kind,)
    seen = seen | {id(value)}
    if isinstance(value, list | tuple | deque):
        return kind, tuple(_described(one, seen, depth + 1) for one in value)
    if isinstance(value, set | frozenset):
        return kind, frozenset(_described(one, seen, depth + 1) for one in value)
    if isinstance(value, Mapping):
        return kind, tuple((_described(k, seen, depth + 1), _described(v, seen, depth + 1)) for k, v in value.items())
    if isinstance(value, random.Random):
        return kind, _digest(repr(value.getstate()).encode())
    if isinstance(value, torch.Generator):
        return kind, *_bits(value.get_state())
    if isinstance(value, np.random.Generator):
        return kind, repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return kind, _digest(repr(value.get_state(legacy=False)).encode())
    if isinstance(value, FunctionType):
        if value.__module__ and value.__module__.partition(".")[0] == "torch":
            return (kind,)
        return kind, tuple(_outer(value, seen))
    if isinstance(value, MethodType):
        return kind, _described(value.__func__, seen, depth + 1), _described(value.__self__, seen, depth + 1)
    if isinstance(value, partial):
        return kind, _described([value.func, value.args, value.keywords], seen, depth + 1)
    own = getattr(value, "__dict__", None)
    if own is None or type(value).__module__.partition(".")[0] == "torch":
        return (kind,)
    return kind, tuple((name, _described(one, seen, depth + 1)) for name, one in own.items())


def _bits(tensor: Tensor) -> tuple[Hashable, ...]:
    try:
        array = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    except RuntimeError:
        return tuple(tensor.shape), str(tensor.dtype)
    return tuple(tensor.shape), str(tensor.dtype), _digest(array.tobytes())


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def read(module: nn.Module, names: Mapping[str, Any] | set[str] | frozenset[str]) -> dict[str, np.ndarray]:
    """Write down attributes of a network as arrays, which `restore` puts back.

    Args:
        module: the network.
        names: paths of the attributes.

    Raises:
        UnwritableError: an attribute is neither a tensor nor made of numbers, texts, tensors, lists and dictionaries.

    Example:
        >>> layer, other = nn.Linear(1, 1), nn.Linear(1, 1)
        >>> layer.calls, other.calls = [3, None], 0
        >>> restore(other, read(layer, {"calls"}))
        >>> other.calls
        [3, None]
    """
    found: dict[str, np.ndarray] = {}
    for path in sorted(names):
        where, _, name = path.rpartition(".")
        value = getattr(module.get_submodule(where), name, None)
        if isinstance(value, Tensor):
            found[PREFIX + path] = value.detach().cpu().numpy().copy()
        else:
            text = json.dumps(write(value)).encode()
            found[TEXT + path] = np.frombuffer(text, np.uint8).copy()
    return found


def restore(module: nn.Module, arrays: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> None:
    """Give a network the attributes that `read` wrote down; other arrays are passed over."""
    for key, array in arrays.items():
        kind, colon, path = key.partition(":")
        if kind + colon not in (PREFIX, TEXT):
            continue
        where, _, name = path.rpartition(".")
        text = kind + colon == TEXT
        value = _read(json.loads(array.tobytes())) if text else torch.from_numpy(np.array(array)).to(device)
        setattr(module.get_submodule(where), name, value)


def write(value: Any) -> Any:
    """Turn a value into JSON values that tell tuples, arrays and tensors from lists.

    Raises:
        UnwritableError: it is of a kind that cannot be written.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor | np.ndarray | np.generic):
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise UnwritableError(str(array.dtype))
        kind = "tensor" if isinstance(value, Tensor) else "scalar" if isinstance(value, np.generic) else "array"
        return {"kind": kind, "dtype": str(array.dtype), "shape": array.shape, "items": array.ravel().tolist()}
    if type(value) in (list, tuple, set, frozenset):
        return {"kind": type(value).__name__, "items": [write(one) for one in value]}
    if type(value) is deque:
        return {"kind": "deque", "most": value.maxlen, "items": [write(one) for one in value]}
    if type(value) is dict:
        return {"kind": "dict", "items": [[write(k), write(v)] for k, v in value.items()]}
    raise UnwritableError(type(value).__qualname__)


def _read(form: Any) -> Any:
    if not isinstance(form, dict):
        return form
    kind, items = form["kind"], form["items"]
    if kind in ("tensor", "array", "scalar"):
        array = np.array(items, form["dtype"]).reshape(form["shape"])
        return torch.from_numpy(array) if kind == "tensor" else array[()] if kind == "scalar" else array
    if kind == "dict":
        return {_read(k): _read(v) for k, v in items}
    values = [_read(one) for one in items]
    if kind == "deque":
        return deque(values, form["most"])
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](values)
