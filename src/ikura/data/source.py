"""Where the data come from: a file, a bundled data set, a frame, or arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.bundled import BUNDLED, load_bundled
from ikura.data.encoder import array_frame
from ikura.data.images import IMAGE_SETS, is_image_data, open_pictures
from ikura.data.images.archive import CHANNELS
from ikura.data.read import read_table
from ikura.data.task import find_target
from ikura.errors import DataError, nearest

__all__ = ["Source", "located", "open_source"]


CLASS = "class"
"""Name of the target of images."""


@dataclass(frozen=True)
class Source:
    """Features and target, still as they were read.

    Args:
        name: path or bundled name; None for data in memory.
        features: table of n rows without the target, or array of shape (n, …) with more than two dimensions.
        target: the target column, n rows.
        kinds: kinds of columns that are known beforehand.
        notes: sentences for the user.
        images: whether the features are images, uint8 of shape (n, channels, height, width).
        resized: whether images of any size are brought to this one.
        broken: image files that could not be read and were skipped.
        parts: part of each row, 0 training, 1 dev, 2 test, where the data come with their own; None otherwise.
    """

    name: str | None
    features: pd.DataFrame | npt.NDArray[Any]
    target: pd.Series
    kinds: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    images: bool = False
    resized: bool = False
    broken: list[str] = field(default_factory=list)
    parts: npt.NDArray[np.int8] | None = None


def open_source(data: Any, target: str | None = None, image_size: int | None = None, broken: str = "refuse") -> Source:
    """Open data of any form that `prepare` takes.

    Args:
        data: path, bundled name (a file of that name comes first), frame, or (x, y).
        target: name of the target column; see `find_target`.
        image_size, broken: see `ikura.data.images.open_pictures`.

    Returns:
        Features and target.

    Raises:
        DataError: there are no such data, or no such target.
    """
    if isinstance(data, tuple):
        return _open_arrays(data, target)
    if isinstance(data, pd.DataFrame):
        return _with_target(None, read_table(data), target)
    if not isinstance(data, (str, os.PathLike)):
        raise DataError(f"data are a path, a bundled name, a DataFrame or (x, y), not {type(data).__name__}")
    name = os.fspath(data)
    if is_image_data(name):
        return _open_images(name, target, image_size, broken)
    if image_size is not None or broken != "refuse":
        raise DataError(f"{name}: an image size, or what to do with broken images, is for folders of images")
    if not Path(name).exists():
        if name in BUNDLED:
            frame, usual = load_bundled(name)
            return _with_target(name, frame, target or usual)
        if Path(name).parent == Path() and (hint := nearest(name, (*BUNDLED, *IMAGE_SETS))):
            raise DataError(f"{name}: no such file or bundled data set{hint}")
    return _with_target(name, read_table(name), target)


@contextmanager
def located(name: str | None) -> Iterator[None]:
    """Put the name of the data before the message of a DataError."""
    try:
        yield
    except DataError as error:
        if name is None:
            raise
        raise DataError(f"{name}: {error}") from None


def _with_target(name: str | None, frame: pd.DataFrame, target: str | None) -> Source:
    with located(name):
        found = find_target(frame.columns, target)
    notes = [] if target else [f"The target is {found!r}, the column of that name."]
    return Source(name, frame.drop(columns=found), frame[found], notes=notes)


def _open_images(name: str, target: str | None, image_size: int | None, broken: str) -> Source:
    pictures = open_pictures(name, image_size, broken)
    features = pictures.pixels
    if features.ndim == 2:
        return replace(_open_arrays((features, pictures.labels), target), name=name, parts=pictures.parts)
    if target not in (None, CLASS):
        raise DataError(f"{name}: images have no columns, so that {target!r} cannot be the target; leave it out")
    return Source(
        name,
        features,
        pd.Series(pictures.labels, name=CLASS),
        notes=pictures.notes,
        images=features.dtype == np.uint8 and features.ndim == 4,
        resized=pictures.resized,
        broken=pictures.broken,
        parts=pictures.parts,
    )


def _open_arrays(data: tuple[Any, ...], target: str | None) -> Source:
    if len(data) != 2:
        raise DataError(f"(x, y) is expected, but there are {len(data)} arrays")
    x, y = data
    outcome = np.asarray(y)
    if outcome.ndim == 2 and outcome.shape[1] == 1:
        outcome = outcome[:, 0]
    if outcome.ndim != 1:
        raise DataError(f"y of shape (n,) is expected, but its shape is {np.shape(y)}")
    kinds: dict[str, str] = {}
    features: pd.DataFrame | npt.NDArray[Any]
    if isinstance(x, pd.DataFrame):
        features = read_table(x)
    else:
        features = np.asarray(x)
        if features.ndim < 2:
            raise DataError(f"x of shape (n, d) is expected, but its shape is {features.shape}")
        if features.ndim == 2:
            numeric = features.dtype.kind in "iuf"
            features = array_frame(features)
            kinds = dict.fromkeys(features.columns, "numeric") if numeric else {}
    if len(features) != outcome.size:
        raise DataError(f"x has {len(features)} rows and y has {outcome.size}; they must have the same number")
    if not len(features):
        raise DataError("x and y have no rows")
    name = target or str(getattr(y, "name", None) or "target")
    if isinstance(features, pd.DataFrame) and name in features.columns:
        raise DataError(f"the target's name {name!r} is also a column of x; name the target otherwise")
    column = y if isinstance(y, pd.Series) else pd.Series(outcome)
    images = isinstance(features, np.ndarray) and features.dtype == np.uint8 and features.ndim == 4
    images = images and features.shape[1] in CHANNELS
    return Source(None, features, column.reset_index(drop=True).rename(name), kinds, images=images)
