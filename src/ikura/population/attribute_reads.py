"""Which names the methods of a network's own classes can read: an attribute that none reads changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ikura.lazy_torch import nn

__all__ = ["names_read", "of_libraries"]

UNKNOWN = frozenset(
    ("getattr", "hasattr", "vars", "dir", "eval", "exec", "locals", "attrgetter", "__dict__", "__getattr__",
     "__getattribute__", "__reduce__", "__reduce_ex__", "__getstate__", "deepcopy", "pickle")
)  # fmt: skip
"""Names of what reads attributes by other means than their names in the code."""

LIBRARIES = ("torch", "numpy", "math", "builtins", "types", "typing", "abc", "collections", "functools", "ikura")
"""Packages whose functions read no attribute of a network's that they are not handed."""


def names_read(module: nn.Module) -> frozenset[str] | None:
    """Collect every name that a network's methods, and the functions that these name, could read an attribute by.

    What runs when the network is made (`__init__` alone) does not count. Attributes that are functions, hooks and
    objects of the caller's own classes may read what they like.

    Args:
        module: the network.

    Returns:
        The names; None where attributes may be read in a way that names do not tell.

    Example:
        >>> __name__ = "mine"
        >>> class Net(nn.Module):
        ...     def forward(self, x):
        ...         return self.scale * x
        >>> names = names_read(Net())
        >>> "scale" in names, "width" in names
        (True, False)
    """
    found: set[str] = set()
    for part in module.modules():
        if any(not _plain(value) for name, value in vars(part).items() if not name.startswith("_")):
            return None
        if any(vars(part)[name] for name in vars(part) if name.endswith("_hooks")):
            return None
        for cls in type(part).__mro__:
            names = _of_class(cls)
            if names is None:
                return None
            found |= names
    return None if found & UNKNOWN else frozenset(found)


def of_libraries(cls: type) -> bool:
    """Whether a class, or one that it inherits from besides `nn.Module`, comes from a library.

    Example:
        >>> of_libraries(nn.Linear), of_libraries(type("Net", (nn.Module,), {"__module__": "mine"}))
        (True, False)
    """
    return any(one not in (nn.Module, object) and one.__module__.partition(".")[0] in LIBRARIES for one in cls.__mro__)


def _plain(value: Any, depth: int = 0) -> bool:
    """Whether a value holds nothing that could read attributes of the network."""
    if isinstance(value, dict):
        return depth < 4 and all(_plain(one, depth + 1) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return depth < 4 and all(_plain(one, depth + 1) for one in value)
    kind = type(value)
    if kind.__module__.partition(".")[0] in LIBRARIES and not isinstance(value, FunctionType | MethodType):
        return not hasattr(value, "func")
    return isinstance(value, FunctionType) and value.__module__.partition(".")[0] in LIBRARIES


@lru_cache(maxsize=1024)
def _of_class(cls: type) -> frozenset[str] | None:
    """Names that the methods of a class read, those that it inherits left out; None where they do not tell."""
    if cls.__module__.partition(".")[0] in LIBRARIES:
        return frozenset()
    found: set[str] = set()
    seen: set[int] = set()
    for name, value in vars(cls).items():
        if name == "__init__" or name in ("__module__", "__qualname__", "__doc__", "__annotations__"):
            continue
        if name in UNKNOWN and name != "__dict__":
            return None
        for function in _functions(value):
            if function is None:
                return None
            _collect(function, found, seen)
    return frozenset(found)


def _functions(value: Any) -> Iterator[FunctionType | None]:
    """Functions behind an attribute of a class; None for what could be one in a way that is not known."""
    inner = [getattr(value, name, None) for name in ("__func__", "fget", "fset", "fdel", "func", "__wrapped__")]
    if isinstance(value, FunctionType):
        yield value
    elif any(one is not None for one in inner):
        for one in inner:
            if one is not None:
                yield from _functions(one)
    elif callable(value) and not isinstance(value, type):
        yield None


def _collect(function: FunctionType, found: set[str], seen: set[int]) -> None:
    """Add the names in a function, in those within it, and in those of the caller's that it names."""
    if id(function) in seen or function.__module__.partition(".")[0] in LIBRARIES:
        return
    seen.add(id(function))
    names = set(_names(function.__code__))
    found |= names
    outer = [function.__globals__.get(name) for name in names]
    outer += [getattr(one, name, None) for one in outer if isinstance(one, ModuleType) for name in names]
    for cell in function.__closure__ or ():
        try:
            outer.append(cell.cell_contents)
        except ValueError:
            continue
    for one in outer:
        if isinstance(one, FunctionType):
            _collect(one, found, seen)
        elif isinstance(one, type) and not issubclass(one, nn.Module) and one.__module__ not in LIBRARIES:
            for value in vars(one).values():
                if isinstance(value, FunctionType):
                    _collect(value, found, seen)


def _names(code: CodeType) -> Iterator[str]:
    """Names that a piece of code reads, and texts in it that could be names."""
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names(one)
        elif isinstance(one, str) and one.isidentifier():
            yield one
        elif isinstance(one, tuple):
            yield from (text for text in one if isinstance(text, str))
