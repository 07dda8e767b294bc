"""By what a network factory is known again: the structure of what it makes, and its code."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ikura.lazy_torch import Module, Tensor, nn
from ikura.population.attributes import global_names, plain

__all__ = ["Fingerprint", "fingerprint"]

LIBRARIES = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platlib", "purelib")})
DEPTH = 8


@dataclass(frozen=True)
class Fingerprint:
    """What a factory is known by.

    Attributes:
        structure: a line for each part of a network, and for each parameter and buffer.
        code: a digest for each function and method of the caller's that the factory leads to, by its name.
        python: version of Python, on which the digests depend.
    """

    structure: tuple[str, ...]
    code: Mapping[str, str]
    python: str = field(default=f"{sys.version_info.major}.{sys.version_info.minor}")

    def difference(self, other: Fingerprint) -> str | None:
        """Say what is otherwise in another fingerprint; None if nothing is that can be compared.

        Example:
            >>> relu, tanh = (fingerprint(lambda hp: None, nn.Sequential(part)) for part in (nn.ReLU(), nn.Tanh()))
            >>> relu.difference(tanh)
            "'0: ReLU()' is '0: Tanh()' now"
        """
        if self.structure and other.structure and self.structure != other.structure:
            for mine, theirs in zip(self.structure, other.structure, strict=False):
                if mine != theirs:
                    return f"{mine!r} is {theirs!r} now"
            longer, word = (
                (self.structure, "gone")
                if len(self.structure) > len(other.structure)
                else (
                    other.structure,
                    "new",
                )
            )
            return f"{longer[min(len(self.structure), len(other.structure))]!r} is {word}"
        if self.python != other.python:
            return None
        names = [name for name in {**self.code, **other.code} if self.code.get(name) != other.code.get(name)]
        return f"the code of {', '.join(names[:3])} is not what it was" if names else None


def structure_lines(module: nn.Module) -> tuple[str, ...]:
    """Describe the parts of a network, and the shapes of its parameters and buffers.

    Example:
        >>> structure_lines(nn.Sequential(nn.ReLU(), nn.Linear(2, 1, bias=False)))[1:]
        ('0: ReLU()', '1: Linear(in_features=2, out_features=1, bias=False)', '1.weight: float32 (1, 2)')
    """
    lines = []
    for path, part in module.named_modules():
        lines.append(f"{path or 'network'}: {type(part).__qualname__}({part.extra_repr()})")
        for name, tensor in (*part._parameters.items(), *part._buffers.items()):
            if tensor is not None:
                where = f"{path}.{name}" if path else name
                lines.append(f"{where}: {str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}")
    return tuple(lines)


def fingerprint(factory: Callable[..., Any], module: nn.Module | None) -> Fingerprint:
    """Take the fingerprint of a factory.

    Looked at are the factory, the classes of the caller's that it leads to, and everything that their functions name:
    other functions and classes, closed-over and global values. Of libraries the names count alone, of lists and sets
    nothing, because they may gather something.

    Args:
        factory: the factory.
        module: a network that it made; None if it could make none.
    """
    reader = _Reader()
    reader.value(factory)
    if module is not None:
        for part in module.modules():
            reader.value(type(part))
    return Fingerprint(() if module is None else structure_lines(module), reader.parts)


class _Reader:
    """Collects digests of functions by name."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.seen: dict[int, str] = {}

    def value(self, value: Any, depth: int = 0) -> str:
        """Describe a value in a text that is the same in every process."""
        kind = type(value).__qualname__
        if isinstance(value, plain()):
            return f"{kind} {value!r}"
        if isinstance(value, Tensor | np.ndarray):
            array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
            return f"{kind} {array.shape} {_digest(array.tobytes())}"
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        if id(value) in self.seen:
            return self.seen[id(value)]
        if depth > DEPTH:
            return kind
        if isinstance(value, FunctionType | type):
            name = f"{kind} {value.__qualname__}"
            self.seen[id(value)] = name
            if _own(value) and isinstance(value, FunctionType):
                self._function(value, depth)
            elif _own(value) and isinstance(value, type):
                self._class(value, depth)
            return name
        if isinstance(value, MethodType):
            return f"{kind} {self.value(value.__func__, depth + 1)} {self.value(value.__self__, depth + 1)}"
        if isinstance(value, partial):
            return f"{kind} {self.value((value.func, value.args, value.keywords), depth + 1)}"
        if isinstance(value, tuple):
            return f"{kind} ({', '.join(self.value(one, depth + 1) for one in value)})"
        if isinstance(value, Mapping):
            items = (f"{self.value(k, depth + 1)}: {self.value(v, depth + 1)}" for k, v in value.items())
            return f"{kind} {{{', '.join(items)}}}"
        if callable(value) and isinstance(called := getattr(value, "__name__", None), str):
            kind = f"{kind} {called}"
        self.seen[id(value)] = kind
        self.value(type(value), depth + 1)
        if callable(value) and _own(type(value)) and not isinstance(value, Module):
            held = {name: one for name, one in vars(value).items() if isinstance(one, plain())}
            return f"{kind} {self.value(held, depth + 1)}"
        return kind

    def _class(self, cls: type, depth: int) -> None:
        for base in cls.__bases__:
            self.value(base, depth + 1)
        for name, member in vars(cls).items():
            function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            if isinstance(function, FunctionType):
                self.value(function, depth + 1)
            elif isinstance(member, plain()) and not name.startswith("__"):
                self.parts[f"{cls.__qualname__}.{name}"] = _digest(repr(member).encode())

    def _function(self, function: FunctionType, depth: int) -> None:
        held: list[str] = []
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            held.append(self.value(value, depth + 1))
        for cell in function.__closure__ or ():
            try:
                held.append(self.value(cell.cell_contents, depth + 1))
            except ValueError:
                held.append("empty")
        for name in global_names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, (*plain(), tuple, Mapping, FunctionType, BuiltinFunctionType, type, Tensor)):
                held.append(f"{name}: {self.value(value, depth + 1)}")
        text = _code(function.__code__, function.__doc__) + "\n" + "\n".join(held)
        name, number = function.__qualname__, 1
        while name in self.parts:
            number += 1
            name = f"{function.__qualname__} ({number})"
        self.parts[name] = _digest(text.encode())


def _own(value: Any) -> bool:
    """Whether a function or class is the caller's, and of no library."""
    if isinstance(value, FunctionType):
        file = value.__code__.co_filename
    else:
        module = sys.modules.get(value.__module__)
        if value.__module__ == "builtins":
            return False
        file = getattr(module, "__file__", None) or ""
    if not file or file.startswith("<"):
        return value.__module__ not in sys.stdlib_module_names
    place = str(Path(file).resolve())
    return not place.startswith(LIBRARIES) and value.__module__.partition(".")[0] not in ("ikura", "torch")


def _code(code: CodeType, documentation: str | None) -> str:
    """What a function does, without its documentation and the lines it stands in."""
    constants = [
        _code(one, None)
        if isinstance(one, CodeType)
        else repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
        for one in code.co_consts
        if documentation is None or one != documentation
    ]
    told = (code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, constants)
    return repr(told)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()
