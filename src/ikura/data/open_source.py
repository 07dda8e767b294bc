"""Opening data of any form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.built_in import BUNDLED, IMAGE_SETS
from ikura.data.arrays import is_arrow, plain_features
from ikura.data.bundled import load_bundled
from ikura.data.encoder import array_frame
from ikura.data.error_location import located
from ikura.data.file_limits import check_entry
from ikura.data.frame import plain_frame
from ikura.data.images import is_image_data, open_images
from ikura.data.images.archive import inputs_of_archive
from ikura.data.images.channel_layout import CHANNELS, arrange, check_layout
from ikura.data.input_arrays import pair_of
from ikura.data.join_parts import join_parts
from ikura.data.network_inputs import NetworkInputs
from ikura.data.options import DataOptions
from ikura.data.read import open_table
from ikura.data.source import CLASS, Source
from ikura.data.target_names import as_one_table, column_names, one_name
from ikura.data.task import find_targets
from ikura.data.torch_dataset import is_item_source, read_items
from ikura.errors import DataError, listed, nearest

__all__ = ["open_source"]


def open_source(data: Any, options: DataOptions | None = None) -> Source:
    """Open data of any form that `prepare` takes; the cells of a text file are still text.

    Args:
        data: path, bundled name (a file of that name comes first), frame, or (x, y).
        options: the target, what is to be known of images, a dev and a test set, columns that are left out.

    Returns:
        Features and target.

    Raises:
        DataError: there are no such data, or no such target.
    """
    options = options or DataOptions()
    source = _open(data, options)
    if not source.images and isinstance(source.features, pd.DataFrame):
        options = replace(options, target=source.names or [str(source.target.name)])
    given = ((1, options.dev), (2, options.test))
    others = [(part, _open(one, options)) for part, one in given if one is not None]
    return join_parts(source, others) if others else source


def _open(data: Any, options: DataOptions) -> Source:
    target = options.target
    if isinstance(data, tuple):
        together = as_one_table(*data, target) if len(data) == 2 else None
        if together is None:
            return _open_arrays(data, options)
        data, target = together
    if is_item_source(data):
        x, y, notes = read_items(data, one_name(target))
        source = _open_arrays((x, y), options)
        return replace(source, notes=[*notes, *source.notes])
    if is_arrow(data):
        data, _ = plain_features(data)
    if isinstance(data, pd.DataFrame):
        return _with_target(None, open_table(data, options.ignored), target)
    if not isinstance(data, (str, os.PathLike)):
        raise DataError(f"data are a path, a bundled name, a DataFrame, (x, y) or a Dataset, not {type(data).__name__}")
    name = str(check_entry(data))
    if Path(name).suffix.lower() == ".npz" and Path(name).is_file() and (several := inputs_of_archive(Path(name))):
        return _open_inputs(name, several, options)
    if is_image_data(name):
        return _open_images(name, options)
    if options.channels is not None:
        raise DataError(f"{name}: channels is for arrays of images; leave it out")
    if options.image_size is not None or options.broken != "refuse":
        raise DataError(f"{name}: an image size, or what to do with broken images, is for folders of images")
    if not Path(name).exists():
        if name in BUNDLED:
            frame, usual = load_bundled(name)
            return _with_target(name, frame, target or usual)
        if Path(name).parent == Path() and (hint := nearest(name, (*BUNDLED, *IMAGE_SETS))):
            raise DataError(f"{name}: no such file or bundled data set{hint}")
    return _with_target(name, open_table(name, options.ignored), target)


def _with_target(name: str | None, frame: pd.DataFrame, target: str | Sequence[str] | None) -> Source:
    with located(name):
        found = find_targets(frame.columns, target)
    features = frame.drop(columns=found)
    if len(found) > 1:
        # Their means take this place when they have been read.
        nothing = pd.Series(np.nan, frame.index, name=", ".join(found))
        return Source(name, features, nothing, columns=frame[found], names=found)
    notes = [] if target else [f"The target is {found[0]!r}, the column of that name."]
    return Source(name, features, frame[found[0]], notes=notes)


def _open_images(name: str, options: DataOptions) -> Source:
    images = open_images(name, options.image_size, options.broken, options.channels)
    features = images.pixels
    if features.ndim == 2:
        with located(name):
            pair = (features, images.labels)
            return replace(_open_arrays(pair, DataOptions(options.target)), name=name, parts=images.parts)
    if options.target not in (None, CLASS, [CLASS]):
        raise DataError(
            f"{name}: images have no columns, so that {options.target!r} cannot be the target; leave it out"
        )
    return Source(
        name,
        features,
        pd.Series(images.labels, name=CLASS),
        notes=images.notes,
        images=features.dtype == np.uint8 and features.ndim == 4 and features.shape[1] in CHANNELS,
        resized=images.resized,
        broken=images.broken,
        parts=images.parts,
        channels_last=images.channels_last,
    )


def _open_inputs(name: str, several: dict[int, tuple[NetworkInputs, npt.NDArray[Any]]], options: DataOptions) -> Source:
    """The parts of a file of several inputs."""
    with located(name):
        parts = {part: _open_arrays(pair, options) for part, pair in several.items()}
        training = parts.pop(0)
        return replace(join_parts(training, list(parts.items())) if parts else training, name=name)


def _open_arrays(data: tuple[Any, ...], options: DataOptions) -> Source:
    if len(data) != 2:
        raise DataError(
            f"(x, y) is expected, but there are {len(data)} arrays; a dev and a test set are given as dev=(x, y), "
            "test=(x, y)"
        )
    pair = pair_of(*data)
    notes, kinds = list(pair.notes), dict[str, str]()
    features, images, last = pair.x, False, False
    if isinstance(features, NetworkInputs):
        last = _check_channels(features, options.channels)
    elif isinstance(features, pd.DataFrame):
        features = open_table(features, options.ignored)
    elif features.ndim == 2:
        numeric = features.dtype.kind in "iuf"
        features = plain_frame(array_frame(features))
        kinds = dict.fromkeys(features.columns, "numeric") if numeric else {}
    else:
        found = arrange(features, options.channels)
        features, images, last = found.array, found.images, found.last
        notes += [found.note] if found.note else []
    if isinstance(features, pd.DataFrame) and options.channels is not None:
        raise DataError("channels is for arrays of images; leave it out")
    values = pair.y if pair.y.ndim > 1 else None
    names: list[str] | None = None
    if values is not None and values.ndim == 2:
        names = column_names(options.target, values.shape[1]) or pair.names
    name = ", ".join(names) if names else one_name(options.target) or pair.name or "target"
    if isinstance(features, pd.DataFrame) and (both := [one for one in names or [name] if one in features.columns]):
        raise DataError(f"the target's name {both[0]!r} is also a column of x; name the target otherwise")
    column = pd.Series(pair.y if values is None else values.reshape(len(values), -1).mean(1), name=name)
    return Source(None, features, column, kinds, notes, images=images, channels_last=last, values=values, names=names)


def _check_channels(inputs: NetworkInputs, channels: str | None) -> bool:
    """Whether channels are said to be last; refuses that where no input has channels."""
    check_layout(channels)
    if channels is not None and not any(one.array.ndim == 4 for one in inputs.inputs):
        shapes = listed(
            f"{label} of shape {one.array.shape}" for label, one in zip(inputs.labels, inputs.inputs, strict=True)
        )
        raise DataError(f"channels={channels!r} is for arrays of four dimensions, but there is {shapes}; leave it out")
    return channels == "last"
