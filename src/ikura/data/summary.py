"""What was found in the data, with sentences for the user."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import Column
from ikura.data.drift import Drift
from ikura.data.images._base import PARTS
from ikura.data.images.pixel_memory import is_mapped
from ikura.data.source import Source
from ikura.data.split import Split
from ikura.data.task import Task
from ikura.errors import listed
from ikura.json_values import JsonObject

__all__ = ["Summary", "summarise"]

IMBALANCED = 10.0
COMMON = 0.75
"""Share of the rows from which on always naming one class seems to be a good answer."""
FEW_DEV_ROWS = 50
NAMES = {"train": "training", "dev": "dev", "test": "test"}


@dataclass(frozen=True)
class LeftOut:
    """A column that the network does not see, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class ClassRows:
    """A class and the rows that it has."""

    name: Any
    rows: int


@dataclass(frozen=True)
class ImageSummary:
    """What images are like.

    Args:
        channels, height, width: of one image.
        bytes: of all.
        mapped: whether they lie in a temporary file.
        broken: files that could not be read.
        given_parts: parts that the data came with.
    """

    channels: int
    height: int
    width: int
    bytes: int
    mapped: bool
    broken: list[str]
    given_parts: list[str]


@dataclass(frozen=True)
class Summary:
    """What was found in the data.

    Args:
        source: path or bundled name; None for data in memory.
        target, task: what is to be learned; of several targets all names, with commas.
        rows, rows_without_target: rows in all, and of them those that are left out.
        columns: the columns and their kinds; empty for arrays.
        left_out: columns that the network does not see.
        parts: rows of train, dev and test.
        classes: rows of each class; None for a regression.
        imbalance: rows of the largest class for one of the smallest; None for a regression.
        drift: columns distributed otherwise than in training.
        mismatch: columns distributed otherwise in the test set than in the dev set.
        images: what they are like; None for other data.
        notes: sentences for the user.
        targets: names of several targets; None where there is one.
    """

    source: str | None
    target: str
    task: str
    rows: int
    rows_without_target: int
    columns: list[Column]
    left_out: list[LeftOut]
    parts: dict[str, int]
    classes: list[ClassRows] | None
    imbalance: float | None
    drift: list[Drift]
    mismatch: list[Drift]
    images: ImageSummary | None
    notes: list[str]
    targets: list[str] | None = None

    def as_dict(self) -> JsonObject:
        """The JSON form."""
        return asdict(self)

    def sentences(self) -> list[str]:
        """What was understood of the data, in a sentence, and the notes."""
        used = [column.kind for column in self.columns if column.kind not in ("ignore", "constant", "identifier")]
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(used).items())
        read = f"{self.rows} rows, {len(used)} features ({kinds or 'an array'})"
        if self.images is not None:
            mode = "grey" if self.images.channels == 1 else "colour"
            where = ", mapped from a temporary file" if self.images.mapped else ""
            read = f"{self.rows} {mode} images of {self.images.width} x {self.images.height} pixels{where}"
        parts = ", ".join(f"{NAMES[part]} {rows}" for part, rows in self.parts.items() if rows)
        aim = f"target {self.target!r}" if self.targets is None else f"targets {listed(map(repr, self.targets))}"
        return [f"{read}; {self.task} {aim}; {parts}", *self.notes]


def summarise(
    source: Source,
    task: Task,
    columns: list[Column],
    classes: npt.NDArray[np.int64] | None,
    parts: Split,
    drift: list[Drift],
    mismatch: list[Drift],
) -> Summary:
    """Sum up what `prepare` found.

    Args:
        source: the data as they were read.
        task: what is to be learned.
        columns: the columns and their kinds.
        classes: class of every row with a target, None for a regression.
        parts: places of the three parts among the rows with a target.
        drift: findings of `find_drift`.
        mismatch: findings of `find_mismatch`.
    """
    rows = len(source.target)
    without = rows - sum(len(part) for part in (parts.train, parts.dev, parts.test))
    counts = None if classes is None else np.bincount(classes, minlength=len(task.classes or []))
    return Summary(
        source=source.name,
        target=task.target,
        task=task.name,
        rows=rows,
        rows_without_target=without,
        columns=columns,
        left_out=[LeftOut(column.name, column.note) for column in columns if not column.used],
        parts={"train": len(parts.train), "dev": len(parts.dev), "test": len(parts.test)},
        classes=None
        if counts is None
        else [ClassRows(name, int(held)) for name, held in zip(task.classes or [], counts, strict=True)],
        imbalance=None if counts is None else float(counts.max() / counts.min()),
        drift=drift,
        mismatch=mismatch,
        images=_images(source),
        notes=[*source.notes, *_notes(source, task, columns, classes, parts, without, drift), *_apart(mismatch)],
        targets=task.targets,
    )


def _apart(mismatch: list[Drift]) -> list[str]:
    """Say that the choice is made on rows of another kind than the test score is about."""
    names = [repr(one.column) for one in mismatch]
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


def _images(source: Source) -> ImageSummary | None:
    if not source.images or not isinstance(source.features, np.ndarray):
        return None
    _, channels, height, width = source.features.shape
    given = [] if source.parts is None else [PARTS[part] for part in np.unique(source.parts)]
    mapped = is_mapped(source.features)
    return ImageSummary(channels, height, width, source.features.nbytes, mapped, source.broken, given)


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
        if missing and rows.size:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            notes.append(f"The {part} set has no row of class {', '.join(missing[:5])}{more}, {follows}.")
    return notes


def _notes(
    source: Source,
    task: Task,
    columns: list[Column],
    classes: npt.NDArray[np.int64] | None,
    parts: Split,
    without: int,
    drift: list[Drift],
) -> list[str]:
    notes = []
    if without:
        lack = "no target" if task.targets is None else "not all targets"
        notes.append(f"{without} {'row has' if without == 1 else 'rows have'} {lack} and are left out.")
    notes += [f"Column {column.name!r} is left out: {column.note}." for column in columns if not column.used]
    if classes is not None and task.classes is not None:
        if pd.api.types.is_numeric_dtype(source.target) and task.name == "multiclass" and not source.images:
            notes.append(f"The {len(task.classes)} whole numbers of the target are read as classes.")
        counts = np.bincount(classes, minlength=len(task.classes))
        ratio = counts.max() / counts.min()
        if ratio >= IMBALANCED:
            large, small = task.classes[int(counts.argmax())], task.classes[int(counts.argmin())]
            usual = f": always naming {large!r} is right in {100 * counts.max() / counts.sum():.3g} % of the rows"
            also = ", average_precision says how well the rare one is found" if task.name == "binary" else ""
            notes.append(
                f"Class {large!r} has {ratio:.0f} times the rows of class {small!r}"
                f"{usual if counts.max() > COMMON * counts.sum() else ''}. --metric balanced_accuracy weighs all "
                f"classes alike{also}."
            )
        notes += _absent(task.classes, classes, parts)
    if len(parts.dev) < FEW_DEV_ROWS:
        notes.append(f"The dev set has {len(parts.dev)} rows only, so that scores on it are coarse.")
    if source.parts is not None:
        notes.append(_given(source))
    for part in ("dev", "test"):
        names = [repr(one.column) for one in drift if one.part == part]
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            notes.append(f"The {part} set is distributed otherwise than the training set in {shown}.")
    return notes
