"""A state as bytes: tensors and arrays in a safetensors file, whose head says how they belong together."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
from safetensors import numpy as of_arrays

from ikura.lazy_torch import Tensor, torch
from ikura.wording import one_line

__all__ = ["UnsavableError", "as_bytes", "from_bytes"]

FORM = "form"


class UnsavableError(Exception):
    """A state holds what is no tensor, array, number, text, list, tuple or dictionary; its text says what and where."""


def as_bytes(state: Any) -> bytes:
    """Write a state, without pickling anything.

    Args:
        state: tensors, arrays, numbers, texts and None, in lists, tuples and dictionaries.

    Raises:
        UnsavableError: it holds something else.

    Example:
        >>> import torch
        >>> from_bytes(as_bytes({"step": torch.tensor(3.0), "betas": (0.9, 0.99), 0: None}))
        {'step': tensor(3.), 'betas': (0.9, 0.99), 0: None}
    """
    held: dict[str, Any] = {}
    head = {FORM: json.dumps(_form(state, "", held))}
    if not any(isinstance(one, Tensor) for one in held.values()):
        return of_arrays.save(held, head)
    from safetensors.torch import save

    tensors = {name: one if isinstance(one, Tensor) else torch.from_numpy(one) for name, one in held.items()}
    return save(tensors, head)


def from_bytes(data: bytes) -> Any:
    """Read what `as_bytes` wrote."""
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    form = json.loads(head["__metadata__"][FORM])
    if not _has_tensors(form):
        return _value(form, of_arrays.load(data))
    from safetensors.torch import load

    return _value(form, load(data))


def _has_tensors(form: Any) -> bool:
    return isinstance(form, list) and (form[:1] == ["tensor"] or any(map(_has_tensors, form)))


def _form(value: Any, where: str, tensors: dict[str, Any]) -> Any:
    """A value as JSON: itself, or a list of what it is and what it holds."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return ["tensor", name]
    if isinstance(value, np.ndarray):
        name = str(len(tensors))
        tensors[name] = np.ascontiguousarray(value).copy()
        return ["array", name]
    if type(value) in (list, tuple):
        return [type(value).__name__, [_form(one, f"{where}[{i}]", tensors) for i, one in enumerate(value)]]
    if isinstance(value, dict):
        kind = "counter" if isinstance(value, Counter) else "dict"
        pairs = [[_form(key, where, tensors), _form(one, f"{where}[{key!r}]", tensors)] for key, one in value.items()]
        return [kind, pairs]
    raise UnsavableError(f"{one_line(repr(value), 60)} (a {type(value).__name__}) as {where}")


def _value(form: Any, tensors: dict[str, Any]) -> Any:
    if not isinstance(form, list):
        return form
    kind, held = form
    if kind == "tensor":
        return tensors[held]
    if kind == "array":
        return tensors[held].numpy() if isinstance(tensors[held], Tensor) else tensors[held]
    if kind in ("list", "tuple"):
        values = [_value(one, tensors) for one in held]
        return tuple(values) if kind == "tuple" else values
    pairs = {_value(key, tensors): _value(one, tensors) for key, one in held}
    return Counter(pairs) if kind == "counter" else pairs
