"""The state of an optimizer as bytes: tensors in a safetensors file, whose head says how they belong together."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
from safetensors.torch import load, save
from torch import Tensor

from ikura.wording import one_line

__all__ = ["UnsavableError", "as_bytes", "from_bytes"]

FORM = "form"


class UnsavableError(Exception):
    """A state holds what is no tensor, number, text, list, tuple or dictionary; its text says what and where."""


def as_bytes(state: Any) -> bytes:
    """Write a state, without pickling anything.

    Args:
        state: tensors, numbers, texts and None, in lists, tuples and dictionaries.

    Raises:
        UnsavableError: it holds something else.

    Example:
        >>> import torch
        >>> from_bytes(as_bytes({"step": torch.tensor(3.0), "betas": (0.9, 0.99), 0: None}))
        {'step': tensor(3.), 'betas': (0.9, 0.99), 0: None}
    """
    tensors: dict[str, Tensor] = {}
    form = _form(state, "", tensors)
    return save(tensors, {FORM: json.dumps(form)})


def from_bytes(data: bytes) -> Any:
    """Read what `as_bytes` wrote."""
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    return _value(json.loads(head["__metadata__"][FORM]), load(data))


def _form(value: Any, where: str, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON: itself, or a list of what it is and what it holds."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return ["tensor", name]
    if type(value) in (list, tuple):
        return [type(value).__name__, [_form(one, f"{where}[{i}]", tensors) for i, one in enumerate(value)]]
    if isinstance(value, dict):
        kind = "counter" if isinstance(value, Counter) else "dict"
        pairs = [[_form(key, where, tensors), _form(one, f"{where}[{key!r}]", tensors)] for key, one in value.items()]
        return [kind, pairs]
    raise UnsavableError(f"{one_line(repr(value), 60)} (a {type(value).__name__}) as {where}")


def _value(form: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(form, list):
        return form
    kind, held = form
    if kind == "tensor":
        return tensors[held]
    if kind in ("list", "tuple"):
        values = [_value(one, tensors) for one in held]
        return tuple(values) if kind == "tuple" else values
    pairs = {_value(key, tensors): _value(one, tensors) for key, one in held}
    return Counter(pairs) if kind == "counter" else pairs
