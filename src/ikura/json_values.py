"""JSON: what its values are to the type checker, and how Python's and NumPy's values become some."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Json", "JsonObject", "jsonable"]

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
