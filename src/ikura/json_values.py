"""JSON: what its values are to the type checker, and how Python's and NumPy's values become some."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

__all__ = ["Json", "JsonObject", "jsonable", "typed"]

Json: TypeAlias = Any
"""A JSON value: None, a truth value, a number, a string, a list or an object of them."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object: what goes to a file or the store as it is, or has come from there."""


def jsonable(value: object) -> Json:
    """Make a value fit for strict JSON.

    Args:
        value: mappings, sequences, numbers (NumPy's too), arrays, strings, paths.

    Returns:
        The same in plain Python types; NaN and infinities, which JSON lacks, become None; what is none of these is
        written as `str` writes it.

    Example:
        >>> jsonable({"score": float("nan"), 1: (2, 3)})
        {'score': None, '1': [2, 3]}
    """
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return str(value)


def typed(kind: Any, value: Json) -> Any:
    """Make dataclasses and tuples of JSON values that are known to be of a type; all else stays as it is.

    Args:
        kind: the type: a dataclass, a list, tuple or dict of such, or one of these or None; others are not looked into.
        value: JSON values; fields that the dataclass does not have are left out.

    Example:
        >>> typed(list[tuple[int, int]] | None, [[0, 1], [2, 3]])
        [(0, 1), (2, 3)]
    """
    origin, parts = get_origin(kind), get_args(kind)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if origin is Annotated:
        return typed(parts[0], value)
    if NoneType in parts:
        return typed(next(one for one in parts if one is not NoneType), value)
    if origin is list and isinstance(value, list):
        return [typed(parts[0], one) for one in value]
    if origin is tuple:
        return tuple(value)
    if origin is dict and isinstance(value, dict):
        return {name: typed(parts[1], one) for name, one in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: typed(hints[name], one) for name, one in value.items() if name in hints})
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
