"""What was found in the data, in JSON form, with sentences for the user."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import Column
from ikura.data.images._base import PARTS
from ikura.data.images.pixel_memory import is_mapped
from ikura.data.source import Source
from ikura.data.split import Split
from ikura.data.task import Task
from ikura.errors import listed
from ikura.json_values import JsonObject

__all__ = ["sentences", "summarise"]

IMBALANCED = 10.0
FEW_DEV_ROWS = 50


def summarise(
    source: Source,
    task: Task,
    columns: list[Column],
    classes: npt.NDArray[np.int64] | None,
    parts: Split,
    drift: list[dict[str, Any]],
    mismatch: list[dict[str, Any]],
) -> dict[str, Any]:
    """Sum up what `prepare` found.

    Args:
        source: the data as they were read.
        task: what is to be learned.
        columns: the columns and their kinds.
        classes: class of every row with a target, None for a regression.
        parts: places of the three parts among the rows with a target.
        drift: findings of `find_drift`.
        mismatch: findings of `find_mismatch`.

    Returns:
        source, target, task, rows, rows_without_target, columns, left_out (name and reason of each),
        parts (rows of train, dev, test), classes (name and rows of each, None for a regression), imbalance
        (rows of the largest class for one of the smallest), drift, mismatch, images (channels, height, width, bytes,
        mapped, broken, given_parts; None for other data), notes.
    """
    rows = len(source.target)
    without = rows - sum(len(part) for part in (parts.train, parts.dev, parts.test))
    counts = None if classes is None else np.bincount(classes, minlength=len(task.classes or []))
    return {
        "source": source.name,
        "target": task.target,
        "task": task.name,
        "rows": rows,
        "rows_without_target": without,
        "columns": [column.as_dict() for column in columns],
        "left_out": [{"name": column.name, "reason": column.note} for column in columns if not column.used],
        "parts": {"train": len(parts.train), "dev": len(parts.dev), "test": len(parts.test)},
        "classes": None if counts is None else _classes(task, counts),
        "imbalance": None if counts is None else float(counts.max() / counts.min()),
        "drift": drift,
        "mismatch": mismatch,
        "images": _images(source),
        "notes": [*source.notes, *_notes(source, task, columns, classes, parts, without, drift), *_apart(mismatch)],
    }


def _apart(mismatch: list[dict[str, Any]]) -> list[str]:
    """Say that the choice is made on rows of another kind than the test score is about."""
    names = [repr(one["column"]) for one in mismatch]
    if not names:
        return []
    return [
        f"The test set is distributed otherwise than the dev set in {listed(names, 5)}: networks are chosen on the dev "
        "set, and so for another distribution than the test score is about; take both from the one that matters."
    ]


def _given(source: Source) -> str:
    """Say which parts the data came with."""
    held = [PARTS[part] for part in (1, 2) if source.parts is not None and (source.parts == part).any()]
    missing = [part for part in PARTS[1:] if part not in held]
    rest = f"; the {' and '.join(missing)} set is taken from the training set" if missing else ""
    return f"The {' and '.join(held)} set is the one that the data came with{rest}."


def _images(source: Source) -> dict[str, Any] | None:
    if not source.images or not isinstance(source.features, np.ndarray):
        return None
    _, channels, height, width = source.features.shape
    return {
        "channels": channels,
        "height": height,
        "width": width,
        "bytes": source.features.nbytes,
        "mapped": is_mapped(source.features),
        "broken": source.broken,
        "given_parts": [] if source.parts is None else [PARTS[part] for part in np.unique(source.parts)],
    }


def _absent(names: list[str], classes: npt.NDArray[np.int64], parts: Split) -> list[str]:
    """Say which classes a part has no row of."""
    notes = []
    unmeasured = "so that no score on it tells how well that is recognised"
    for part, rows, follows in (
        ("training", parts.train, "which cannot be learned"),
        ("dev", parts.dev, unmeasured),
        ("test", parts.test, unmeasured),
    ):
        missing = [repr(names[k]) for k in np.flatnonzero(np.bincount(classes[rows], minlength=len(names)) == 0)]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            notes.append(f"The {part} set has no row of class {', '.join(missing[:5])}{more}, {follows}.")
    return notes


def _classes(task: Task, counts: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    return [{"name": name, "rows": int(rows)} for name, rows in zip(task.classes or [], counts, strict=True)]


def _notes(
    source: Source,
    task: Task,
    columns: list[Column],
    classes: npt.NDArray[np.int64] | None,
    parts: Split,
    without: int,
    drift: list[dict[str, Any]],
) -> list[str]:
    notes = []
    if without:
        notes.append(f"{without} {'row has' if without == 1 else 'rows have'} no target and are left out.")
    notes += [f"Column {column.name!r} is left out: {column.note}." for column in columns if not column.used]
    if classes is not None and task.classes is not None:
        if pd.api.types.is_numeric_dtype(source.target) and task.name == "multiclass" and not source.images:
            notes.append(f"The {len(task.classes)} whole numbers of the target are read as classes.")
        counts = np.bincount(classes, minlength=len(task.classes))
        ratio = counts.max() / counts.min()
        if ratio >= IMBALANCED:
            large, small = task.classes[int(counts.argmax())], task.classes[int(counts.argmin())]
            notes.append(
                f"Class {large!r} has {ratio:.0f} times the rows of class {small!r}; "
                "balanced_accuracy weighs all classes alike."
            )
        notes += _absent(task.classes, classes, parts)
    if len(parts.dev) < FEW_DEV_ROWS:
        notes.append(f"The dev set has {len(parts.dev)} rows only, so that scores on it are coarse.")
    if source.parts is not None:
        notes.append(_given(source))
    for part in ("dev", "test"):
        names = [repr(one["column"]) for one in drift if one["part"] == part]
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            notes.append(f"The {part} set is distributed otherwise than the training set in {shown}.")
    return notes


def sentences(summary: JsonObject) -> list[str]:
    """What was understood of the data, in a sentence, and the notes."""
    used = [one["kind"] for one in summary["columns"] if one["kind"] not in ("ignore", "constant", "identifier")]
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(used).items())
    read = f"{summary['rows']} rows, {len(used)} features ({kinds or 'an array'})"
    if images := summary["images"]:
        mode = "grey" if images["channels"] == 1 else "colour"
        where = ", mapped from a temporary file" if images["mapped"] else ""
        read = f"{summary['rows']} {mode} images of {images['width']} x {images['height']} pixels{where}"
    parts = summary["parts"]
    divided = f"training {parts['train']}, dev {parts['dev']}, test {parts['test']}"
    return [f"{read}; {summary['task']} target {summary['target']!r}; {divided}", *summary["notes"]]
