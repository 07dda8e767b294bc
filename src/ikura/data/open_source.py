"""Opening data of any form."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikura.data.arrays import is_arrow, plain_features, plain_pair
from ikura.data.bundled import BUNDLED, load_bundled
from ikura.data.encoder import array_frame
from ikura.data.entry import check_entry
from ikura.data.frame import plain_frame
from ikura.data.images import IMAGE_SETS, is_image_data, open_pictures
from ikura.data.images.layout import CHANNELS, arrange
from ikura.data.located import located
from ikura.data.parts import joined
from ikura.data.read import open_table
from ikura.data.source import CLASS, Source
from ikura.data.task import find_target
from ikura.errors import DataError, nearest

__all__ = ["ignored_by", "open_source"]


def open_source(
    data: Any,
    target: str | None = None,
    image_size: int | None = None,
    broken: str = "refuse",
    channels: str | None = None,
    dev: Any = None,
    test: Any = None,
    ignored: Sequence[str] = (),
) -> Source:
    """Open data of any form that `prepare` takes; the cells of a text file are still text.

    Args:
        data: path, bundled name (a file of that name comes first), frame, or (x, y).
        target: name of the target column; see `find_target`.
        image_size, broken, channels: see `ikura.data.images.open_pictures`.
        dev, test: dev and test set, as data are given; None where they are taken from the data.
        ignored: columns that are left out, whatever they hold.

    Returns:
        Features and target.

    Raises:
        DataError: there are no such data, or no such target.
    """
    source = _open(data, target, image_size, broken, channels, ignored)
    named = target if source.images or not isinstance(source.features, pd.DataFrame) else str(source.target.name)
    others = [
        (part, _open(one, named, image_size, broken, channels, ignored))
        for part, one in ((1, dev), (2, test))
        if one is not None
    ]
    if not others:
        return source
    return joined(source, others)


def _open(
    data: Any,
    target: str | None,
    image_size: int | None,
    broken: str,
    channels: str | None,
    ignored: Sequence[str],
) -> Source:
    if isinstance(data, tuple):
        return _open_arrays(data, target, channels, ignored)
    if is_arrow(data):
        data, _ = plain_features(data)
    if isinstance(data, pd.DataFrame):
        return _with_target(None, open_table(data, ignored), target)
    if not isinstance(data, (str, os.PathLike)):
        raise DataError(f"data are a path, a bundled name, a DataFrame or (x, y), not {type(data).__name__}")
    name = str(check_entry(data))
    if is_image_data(name):
        return _open_images(name, target, image_size, broken, channels)
    if channels is not None:
        raise DataError(f"{name}: channels is for arrays of images; leave it out")
    if image_size is not None or broken != "refuse":
        raise DataError(f"{name}: an image size, or what to do with broken images, is for folders of images")
    if not Path(name).exists():
        if name in BUNDLED:
            frame, usual = load_bundled(name)
            return _with_target(name, frame, target or usual)
        if Path(name).parent == Path() and (hint := nearest(name, (*BUNDLED, *IMAGE_SETS))):
            raise DataError(f"{name}: no such file or bundled data set{hint}")
    return _with_target(name, open_table(name, ignored), target)


def ignored_by(kinds: Mapping[str, str] | None) -> list[str]:
    """The columns that are left out as told."""
    return [name for name, kind in (kinds or {}).items() if kind == "ignore"]


def _with_target(name: str | None, frame: pd.DataFrame, target: str | None) -> Source:
    with located(name):
        found = find_target(frame.columns, target)
    notes = [] if target else [f"The target is {found!r}, the column of that name."]
    return Source(name, frame.drop(columns=found), frame[found], notes=notes)


def _open_images(name: str, target: str | None, image_size: int | None, broken: str, channels: str | None) -> Source:
    pictures = open_pictures(name, image_size, broken, channels)
    features = pictures.pixels
    if features.ndim == 2:
        with located(name):
            return replace(_open_arrays((features, pictures.labels), target, None, ()), name=name, parts=pictures.parts)
    if target not in (None, CLASS):
        raise DataError(f"{name}: images have no columns, so that {target!r} cannot be the target; leave it out")
    return Source(
        name,
        features,
        pd.Series(pictures.labels, name=CLASS),
        notes=pictures.notes,
        images=features.dtype == np.uint8 and features.ndim == 4 and features.shape[1] in CHANNELS,
        resized=pictures.resized,
        broken=pictures.broken,
        parts=pictures.parts,
        channels_last=pictures.channels_last,
    )


def _open_arrays(data: tuple[Any, ...], target: str | None, channels: str | None, ignored: Sequence[str]) -> Source:
    if len(data) != 2:
        raise DataError(
            f"(x, y) is expected, but there are {len(data)} arrays; a dev and a test set are given as dev=(x, y), "
            "test=(x, y)"
        )
    pair = plain_pair(*data)
    notes, kinds = list(pair.notes), dict[str, str]()
    features, images, last = pair.x, False, False
    if isinstance(features, pd.DataFrame):
        features = open_table(features, ignored)
    elif features.ndim == 2:
        numeric = features.dtype.kind in "iuf"
        features = plain_frame(array_frame(features))
        kinds = dict.fromkeys(features.columns, "numeric") if numeric else {}
    else:
        found = arrange(features, channels)
        features, images, last = found.array, found.images, found.last
        notes += [found.note] if found.note else []
    if isinstance(features, pd.DataFrame) and channels is not None:
        raise DataError("channels is for arrays of images; leave it out")
    name = target or pair.name or "target"
    if isinstance(features, pd.DataFrame) and name in features.columns:
        raise DataError(f"the target's name {name!r} is also a column of x; name the target otherwise")
    column = pd.Series(pair.y, name=name)
    return Source(None, features, column, kinds, notes, images=images, channels_last=last)
