"""JSON: what its values are to the type checker, and how Python's and NumPy's values become some."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from itertools import repeat
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

__all__ = ["DERIVED", "Json", "JsonObject", "jsonable", "parsed_each", "plain", "typed"]

Json: TypeAlias = Any
"""A JSON value: None, a truth value, a number, a string, a list or an object of them."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object: what goes to a file or the store as it is, or has come from there."""

DERIVED = {"derived": True}
"""Metadata of a dataclass's field that is made of the others, or of other things, and is not kept."""


MANY = 5000
"""Texts from which on a parser that has to be imported first is the faster one."""


def parsed_each(texts: Sequence[str]) -> list[Json]:
    """Parse many JSON texts, which takes a fraction of what it does one by one.

    Example:
        >>> parsed_each(['{"units": 8}', "[1.5, null]"])
        [{'units': 8}, [1.5, None]]
    """
    together = f"[{','.join(texts)}]"
    if len(texts) >= MANY:
        from pydantic_core import from_json

        try:
            return list(from_json(together))
        except ValueError:
            pass  # Half of a surrogate pair, which Python's strings may hold.
    return list(json.loads(together))


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
    """Make dataclasses, enumerations and tuples of JSON values that are known to be of a type; all else stays as it is.

    A float that is None is NaN, as `jsonable` wrote it.

    Args:
        kind: the type: a dataclass, a list, tuple or dict of such, or one of several of these or None; others are not
            looked into.
        value: JSON values; fields that the dataclass does not have are left out.

    Example:
        >>> typed(list[tuple[int, int]] | None, [[0, 1], [2, 3]])
        [(0, 1), (2, 3)]
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return typed(parts[0], value)
    if value is None:
        return math.nan if kind is float else None
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if origin is Literal:
        return next((one for one in parts if one == value), value)
    if origin in (Union, UnionType):
        return typed(next(one for one in parts if _fits(one, value)), value)
    if isinstance(value, str | bool | int | float):
        return value
    if origin is list and isinstance(value, list):
        return [typed(parts[0], one) for one in value]
    if origin is tuple:
        kinds = repeat(parts[0]) if parts[-1] is Ellipsis else parts
        return tuple(typed(one, item) for one, item in zip(kinds, value, strict=False))
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {(int(name) if parts[0] is int else name): typed(parts[1], one) for name, one in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: typed(hints[name], one) for name, one in value.items() if name in hints})
    return value


def _fits(kind: Any, value: Json) -> bool:
    """Whether a value that is not None may be of one of several types: has all that a dataclass must have."""
    if kind is NoneType or not is_dataclass(kind):
        return kind is not NoneType
    wanted = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    return isinstance(value, dict) and wanted <= value.keys()


def plain(one: Any) -> JsonObject:
    """The fields of a dataclass as they are kept: without those that are `DERIVED` when they are read."""
    return {part.name: getattr(one, part.name) for part in fields(one) if "derived" not in part.metadata}


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
