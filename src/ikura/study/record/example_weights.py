"""Weights of examples in the loss: by class, by a column or array of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ikura.data import Dataset, Part
from ikura.data.values import label
from ikura.errors import RunError, UsageError, listed, nearest
from ikura.files import shown, write_atomically

__all__ = ["check_class_weight", "keep_weights", "kept_weights", "packed_weights", "weighted_parts"]

WEIGHTS = "sample_weight.npy"

BALANCED = "balanced"
"""Weights n / (C n_c) of n training examples, n_c of them of class c, and C classes."""


def check_class_weight(given: Any) -> None:
    """Refuse weights of classes that are none.

    Raises:
        UsageError: they are no mapping from classes to numbers above 0, and not "balanced".

    Example:
        >>> check_class_weight({"spam": 2.0, "ham": 1})
        >>> check_class_weight("balance")
        Traceback (most recent call last):
        ikura.errors.UsageError: class_weight is "balanced" or a dictionary from class to weight, not 'balance'
    """
    if given is None or given == BALANCED:
        return
    if not isinstance(given, Mapping):
        raise UsageError(f'class_weight is "balanced" or a dictionary from class to weight, not {given!r}')
    for name, weight in given.items():
        number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
        if not number or not isfinite(weight) or weight < 0:
            raise UsageError(f"the weight of class {name!r} must be a number of at least 0, but is {weight!r}")


def keep_weights(run: Path, weights: np.ndarray) -> None:
    """Write weights that were given as an array to the run folder."""
    write_atomically(run / WEIGHTS, packed_weights(weights))


def packed_weights(weights: np.ndarray) -> bytes:
    """Weights as the content of a file."""
    buffer = BytesIO()
    np.save(buffer, weights, allow_pickle=False)
    return buffer.getvalue()


def kept_weights(run: Path, known: str) -> np.ndarray:
    """Read weights that were given as an array.

    Args:
        run: the run folder.
        known: their digest.

    Raises:
        RunError: they are gone, or others.
    """
    try:
        content = (run / WEIGHTS).read_bytes()
    except OSError as error:
        raise RunError(f"{shown(run / WEIGHTS)}: the weights of the examples are gone") from error
    if sha256(content).hexdigest() != known:
        raise RunError(f"{shown(run / WEIGHTS)}: not the weights that the study began with")
    found: np.ndarray = np.load(BytesIO(content), allow_pickle=False)
    return found


def weighted_parts(dataset: Dataset, class_weight: Any) -> dict[str, np.ndarray | None]:
    """Weights of the examples of each part, whose mean over the training set is 1.

    Args:
        dataset: the data.
        class_weight: as a setting keeps it.

    Returns:
        "train" and "dev" to float64 of shape (rows,); None where all count alike.

    Raises:
        UsageError: the task has no classes, or there is no such class.
    """
    by_class = None if class_weight is None else _by_class(dataset, class_weight)
    found: dict[str, np.ndarray | None] = {}
    scale = 1.0
    for name, part in (("train", dataset.train), ("dev", dataset.dev)):
        weights = _weights(part, by_class)
        if name == "train" and weights is not None:
            scale = weights.mean()
        found[name] = None if weights is None else weights / scale
        if weights is not None and not weights.mean() > 0:
            raise UsageError(f"all examples of the {name} set weigh 0; give some of them a weight")
    return found


def _weights(part: Part, by_class: np.ndarray | None) -> np.ndarray | None:
    if by_class is None:
        return part.weights
    weights = by_class[part.y.astype(np.int64)]
    return weights if part.weights is None else weights * part.weights


def _by_class(dataset: Dataset, given: Mapping[str, float] | str) -> np.ndarray:
    classes = dataset.task.classes
    if classes is None or dataset.task.name not in ("binary", "multiclass") or dataset.train.y.ndim > 1:
        raise UsageError(
            f"class_weight is for one of several classes, but the task is {dataset.task.name}; use sample_weight"
        )
    if isinstance(given, str):
        counts = np.bincount(dataset.train.y.astype(np.int64), minlength=len(classes))
        return len(dataset.train) / (len(classes) * np.maximum(counts, 1.0))
    known, weights = [label(one) for one in classes], np.ones(len(classes))
    for name, weight in given.items():
        if label(name) not in known:
            hint = nearest(label(name), known)
            raise UsageError(f"class_weight names {name!r}{hint}, but classes are {listed(known)}")
        weights[known.index(label(name))] = weight
    return weights
