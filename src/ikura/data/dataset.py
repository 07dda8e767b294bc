"""From a table or arrays to a data set that networks train on."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.array_encoding import (
    ArrayScaling,
    input_encoders,
    input_notes,
    whole_array,
    whole_encoder,
    whole_note,
)
from ikura.data.columns import Column
from ikura.data.drift import find_drift, find_mismatch, image_table, inputs_table
from ikura.data.duplicate_rows import copied_groups, find_copies
from ikura.data.encoder import ArrayEncoder, Encoder, ImageEncoder, PixelStandard
from ikura.data.encoder.array import mean_and_spread
from ikura.data.encoder.number import Standard
from ikura.data.encoder.several_inputs import InputsEncoder
from ikura.data.encoder.table import TableEncoder
from ikura.data.error_location import located
from ikura.data.heavy_tail import tail_note
from ikura.data.images.channel_layout import arrange
from ikura.data.images.pixel_memory import take_rows
from ikura.data.network_inputs import NetworkInputs
from ikura.data.open_source import open_source
from ikura.data.options import DataOptions
from ikura.data.reading import Reading, read_source
from ikura.data.sample_weight import take_weights
from ikura.data.source import Source
from ikura.data.split import Split, split, split_given, times
from ikura.data.summary import Summary, summarise
from ikura.data.target_columns import named_targets, strata
from ikura.data.target_shape import aim_of_values, targets_of_values
from ikura.data.task import Positive, Task, class_codes, detect_task, has_target, with_positive
from ikura.data.values import labels, numbers
from ikura.errors import DataError

__all__ = ["Dataset", "Part", "prepare"]


@dataclass(frozen=True)
class Part:
    """Training, dev or test set: n examples.

    Args:
        x: features, float32, shape (n, d), or (n, …) for arrays, int64 where whole numbers stay as they are; images
            are uint8, not yet standardised, of shape (n, channels, height, width), perhaps mapped from a file; all
            arguments of forward where networks take several inputs, or arrays that stay on disk.
        codes: codes for embeddings, int32, shape (n, c); 0 is unseen or missing.
        y: targets, shape (n,) or (n, …): float32 0 or 1 (binary, multilabel), int64 (multiclass), float64, standardised
            where the loss takes them so (regression), or what was given (own).
        standard: what makes numbers of images when a mini-batch is made; None for other data.
        weights: of the examples in the loss, shape (n,); None for 1 each.
    """

    x: npt.NDArray[np.float32] | npt.NDArray[np.int64] | npt.NDArray[np.uint8] | NetworkInputs
    codes: npt.NDArray[np.int32]
    y: npt.NDArray[np.float32] | npt.NDArray[np.float64] | npt.NDArray[np.int64]
    standard: PixelStandard | None = None
    weights: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def array(self) -> npt.NDArray[Any]:
        """The features where they are one array in memory, or bytes of images."""
        assert isinstance(self.x, np.ndarray)
        return self.x

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of the features of one example; of several inputs that of the first."""
        return self.x.inputs[0].example_shape if isinstance(self.x, NetworkInputs) else self.x.shape[1:]

    @property
    def numbers(self) -> int:
        """How many numbers one example has."""
        if isinstance(self.x, NetworkInputs):
            return sum(prod(one.example_shape) for one in self.x.inputs)
        return prod(self.x.shape[1:])


@dataclass(frozen=True)
class Dataset:
    """What networks train on, are compared on, and are judged on.

    Args:
        task: what is to be learned.
        encoder: turns further examples into the same arrays.
        train, dev, test: the three parts.
        split: rows of the three parts in the source, counted from 0.
        summary: what was found: rows, columns, classes, notes, drift.
        target_mean, target_std: a regression's target is target_mean + target_std · y, in its own units; numbers, or
            one for each of several values; 0 and 1 for classes.
        groups: number of each row's group in the source, shape (rows of the source,); None where no column says.
    """

    task: Task
    encoder: Encoder
    train: Part
    dev: Part
    test: Part
    split: Split
    summary: Summary
    target_mean: Any = 0.0
    target_std: Any = 1.0
    groups: npt.NDArray[np.int64] | None = None

    def with_notes(self, notes: list[str]) -> Dataset:
        """The data set with other sentences for the user."""
        found = copy(self)
        object.__setattr__(found, "summary", replace(self.summary, notes=notes))
        return found


def prepare(
    data: str | os.PathLike[str] | pd.DataFrame | tuple[Any, Any],
    options: DataOptions | None = None,
    *,
    seed: int = 0,
    fitted: Encoder | None = None,
    arrays: ArrayScaling | None = None,
    as_given: bool = False,
) -> Dataset:
    """Read, type, split and normalise data; the same arguments give the same data set.

    Inputs are standardised, x = (v - μ) / σ, with μ and σ of the training set for all three parts. A missing
    value becomes 0 and is marked by a column of its own; rows without a target are dropped. Images stay bytes; their
    standardisation, by channel, is kept for when a mini-batch is made.

    Args:
        data: path of a table, folder of images by class (or of MNIST's or CIFAR's files), .npz file, name of a bundled
            data set, frame, or (x, y): x an array of shape (n, d) or (n, …) or a frame, y of shape (n,).
        options: how they are read, typed and divided.
        seed: number that picks the rows of the parts; parts that the data come with are kept.
        fitted: the encoder of a pretrained network, whose μ and σ are taken for images and arrays of its shape.
        arrays: what becomes of arrays for networks of the caller's, which get them whole; None for others.
        as_given: whether the values to predict stay in their own units, as some losses take them.

    Returns:
        The data set.

    Raises:
        DataError: the data cannot be used as they are; the message names file, row (counted from 1, without the
            header) and column.

    Example:
        >>> dataset = prepare("iris")
        >>> dataset.task.classes, dataset.train.x.shape, dataset.test.x.shape
        (['setosa', 'versicolor', 'virginica'], (90, 4), (30, 4))
    """
    options = options or DataOptions()
    task, positive = options.task, options.positive
    source = open_source(data, options)
    source = take_weights(_for_built_in(source) if arrays is None else whole_array(source, data), options.sample_weight)
    if (options.dev is not None or options.test is not None) and (options.group or options.time):
        raise DataError("group and time choose a dev and a test set, and one is given; leave them or it out")
    with located(source.name):
        reading = read_source(source, options)
        source = reading.source
        if (
            source.images
            and source.values is None
            and task == "auto"
            and not pd.api.types.is_float_dtype(source.target)
        ):
            task = "classification"
        kept = np.flatnonzero(has_target(source.target))
        outcome = source.target.iloc[kept].reset_index(drop=True)
        values = None if source.values is None else source.values[kept]
        classes: npt.NDArray[np.int64] | None = None
        if reading.targets is not None:
            aim = reading.targets.task
        elif values is not None:
            aim = aim_of_values(values, str(source.target.name), task)
            aim = aim if source.names is None else named_targets(aim, source.names)
        else:
            aim = with_positive(detect_task(source.target, task), outcome, positive)
            classes = None if aim.classes is None else class_codes(outcome, aim)
        mixed = strata(values) if values is not None and aim.levels is not None else classes
        if reading.time is not None:
            times(reading.time)
        alike: list[str] = []
        if source.parts is not None:
            parts = split_given(source.parts[kept], mixed, seed, options.test_set)
        else:
            reading, alike = _with_copies(reading, kept, options.copies)
            parts = split(
                kept.size,
                classes=mixed,
                group=None if reading.group is None else reading.group.iloc[kept],
                time=None if reading.time is None else reading.time.iloc[kept],
                seed=seed,
                test=options.test_set,
            )
        rows = Split(kept[parts.train], kept[parts.dev], kept[parts.test])
        if values is None:
            y, mean, std = _targets(outcome, classes, aim, parts, as_given)
        else:
            y, mean, std = targets_of_values(values, aim, parts, as_given)
        single = outcome.to_numpy()[parts.train] if y.ndim > 1 and aim.targets is None else y[parts.train]
        reading, notes = reading.with_counters(rows.train, single, classes is not None)
        columns = reading.columns
        notes = [*_positive(aim, classes, positive), *alike, *_tails(aim, outcome, values), *notes]
        targets = [y[within] for within in (parts.train, parts.dev, parts.test)]
        own = isinstance(source.features, np.ndarray) and not source.images and fitted is None
        if arrays is not None and own:
            encoder, train, dev, test = _whole(source, rows, targets, arrays)
        elif isinstance(source.features, NetworkInputs):
            assert arrays is not None
            encoder, train, dev, test = _several(source.features, rows, targets, arrays, options.channels)
            notes += input_notes(source.features.labels, getattr(encoder, "encoders", [encoder]), arrays)
        else:
            encoder, train, dev, test = (_images if source.images else _encoded)(reading, rows, targets, fitted)
        compared = _compared(reading, columns, classes, aim, rows)
        drift, mismatch = find_drift(*compared), find_mismatch(*compared)
    notes += [*_still(encoder), *(find_copies(source, rows) if source.parts is not None else [])]
    if arrays is not None and own:
        notes.append(whole_note(encoder, arrays))
    source = replace(source, notes=[*source.notes, *notes])
    summary = summarise(source, aim, columns, classes, parts, drift, mismatch)
    if source.weights is not None:
        train, dev, test = (
            replace(part, weights=source.weights[where])
            for part, where in zip((train, dev, test), (rows.train, rows.dev, rows.test), strict=True)
        )
    groups = None if reading.group is None else labels(reading.group)[0]
    return Dataset(aim, encoder, train, dev, test, rows, summary, mean, std, groups)


def _with_copies(reading: Reading, kept: npt.NDArray[np.int64], copies: str) -> tuple[Reading, list[str]]:
    """Let copies of rows be groups, where there are many and nothing else says which rows belong together."""
    features = reading.source.features
    if copies == "apart" or reading.group is not None or reading.time is not None:
        return reading, []
    if not isinstance(features, pd.DataFrame) or (reading.source.values is not None and reading.targets is None):
        return reading, []
    seen = [column.name for column in reading.columns if column.used and column.name in features]
    targets = reading.source.target if reading.targets is None else reading.targets.frame
    found = copied_groups(features[seen], targets, kept) if seen else None
    return (reading, []) if found is None else (replace(reading, group=found[0]), [found[1]])


def _tails(task: Task, outcome: pd.Series, values: npt.NDArray[Any] | None) -> list[str]:
    """Say of which values to predict a few rows make most of the variance."""
    if task.name != "regression" or (values is not None and task.targets is None):
        return []
    named = {task.target: numbers(outcome)} if values is None else dict(zip(task.targets or [], values.T, strict=True))
    return [note for name, one in named.items() if (note := tail_note(one.astype(np.float64), name))]


def _positive(task: Task, classes: npt.NDArray[np.int64] | None, asked: Any) -> list[str]:
    """Say which class is the positive one, where it matters."""
    if asked is None or classes is None or task.classes is None or task.name != "binary":
        return []
    count, (other, name) = int((classes == 1).sum()), task.classes
    how = "the rarer one" if asked is Positive.RARER else "as told"
    return [
        f"The positive class is {name!r}, {how} ({count} of {classes.size} rows); {other!r} would be by --positive "
        f"{other} (positive={other!r})."
    ]


def _still(encoder: Encoder) -> list[str]:
    if not isinstance(encoder, TableEncoder) or not encoder.still:
        return []
    if len(encoder.still) == len(encoder.encodings):
        raise DataError("every column has one value in all training rows; there is nothing to learn from")
    return [
        f"Column {name!r} has one value in all training rows, so that nothing can be learned from it; it counts as 0."
        for name in encoder.still
    ]


def _encoded(
    reading: Reading, rows: Split, targets: list[npt.NDArray[Any]], fitted: Encoder | None
) -> tuple[Encoder, Part, Part, Part]:
    source, encoder = reading.source, _fit(reading, rows, fitted)
    train, dev, test = (
        Part(*encoder.transform(_as_given(source, where)), y)
        for where, y in zip((rows.train, rows.dev, rows.test), targets, strict=True)
    )
    return encoder, train, dev, test


def _whole(
    source: Source, rows: Split, targets: list[npt.NDArray[Any]], arrays: ArrayScaling
) -> tuple[Encoder, Part, Part, Part]:
    assert isinstance(source.features, np.ndarray)
    encoder = whole_encoder(source.features[rows.train], arrays, source.channels_last)
    train, dev, test = (
        Part(*encoder.transform(_as_given(source, where)), y)
        for where, y in zip((rows.train, rows.dev, rows.test), targets, strict=True)
    )
    return encoder, train, dev, test


def _several(
    inputs: NetworkInputs, rows: Split, targets: list[npt.NDArray[Any]], arrays: ArrayScaling, channels: str | None
) -> tuple[Encoder, Part, Part, Part]:
    """Several inputs, or an array that stays on disk: of that nothing is copied."""
    encoders = input_encoders(inputs.taken(rows.train), arrays, channels)
    steps = inputs.inputs[0].array.shape[1] if inputs.sequences else 0
    together = InputsEncoder(encoders, inputs.names, inputs.sequences, steps)
    encoder: Encoder = encoders[0] if len(encoders) == 1 and inputs.names is None else together

    def part(where: npt.NDArray[np.int64], y: npt.NDArray[Any]) -> Part:
        return Part(together.encode(inputs.taken(where)), np.zeros((len(where), 0), np.int32), y)

    train, dev, test = (part(where, y) for where, y in zip((rows.train, rows.dev, rows.test), targets, strict=True))
    return encoder, train, dev, test


def _for_built_in(source: Source) -> Source:
    """Refuse what ikura's own networks do not take; bytes of images on disk are images."""
    features = source.features
    if not isinstance(features, NetworkInputs):
        return source
    if features.sequences:
        lengths = features.inputs[1].read()
        other = int((lengths != lengths[0]).argmax())
        raise DataError(
            f"x: row {other + 1} has {lengths[other]} values and row 1 has {lengths[0]}; networks of ikura's take rows "
            "of one length; a network of your own (network=…) gets them padded, and their lengths"
        )
    [first, *others] = features.inputs
    if others or features.names is not None:
        raise DataError(
            f"x holds {len(features.inputs)} inputs, but networks of ikura's take one; join them to one array, such as "
            "np.hstack([a, b]) for those of shape (n, d), or give a network of your own (network=…) that takes them"
        )
    pixels = np.asarray(first.array)
    if pixels.dtype == np.uint8 and pixels.ndim in (3, 4):
        found = arrange(pixels, "last" if source.channels_last else None)
        if found.images:
            return replace(source, features=found.array, images=True, channels_last=found.last)
    raise DataError(
        f"x lies in a file and takes {first.array.nbytes / 1e9:.3g} GB; networks of ikura's take what fits in a "
        "quarter of memory; give a network of your own (network=…), which reads mini-batches from the file"
    )


def _images(
    reading: Reading, rows: Split, targets: list[npt.NDArray[Any]], fitted: Encoder | None
) -> tuple[Encoder, Part, Part, Part]:
    source = reading.source
    assert isinstance(source.features, np.ndarray)
    taken = [take_rows(source.features, where) for where in (rows.train, rows.dev, rows.test)]
    encoder = ImageEncoder.fit_images(taken[0], source.resized, source.channels_last)
    if isinstance(fitted, ImageEncoder) and fitted.shape == encoder.shape:
        encoder = replace(encoder, standard=fitted.standard)
    train, dev, test = (
        Part(x, np.zeros((len(x), 0), np.int32), y, encoder.standard) for x, y in zip(taken, targets, strict=True)
    )
    return encoder, train, dev, test


def _fit(reading: Reading, rows: Split, fitted: Encoder | None) -> Encoder:
    source = reading.source
    if reading.schema is not None:
        return TableEncoder.fit_schema(replace(reading.schema, columns=reading.columns), rows.train)
    assert isinstance(source.features, np.ndarray)
    ArrayEncoder.check(source.features)
    if isinstance(fitted, ArrayEncoder) and fitted.shape == source.features.shape[1:]:
        return replace(fitted, channels_last=source.channels_last)
    return ArrayEncoder.fit_array(source.features[rows.train], source.channels_last)


def _as_given(source: Source, rows: npt.NDArray[np.int64]) -> Any:
    """Some rows in the form in which users give them."""
    if isinstance(source.features, pd.DataFrame):
        return source.features.iloc[rows]
    assert isinstance(source.features, np.ndarray)
    taken = source.features[rows]
    return np.moveaxis(taken, 1, -1) if source.channels_last else taken


def _targets(
    outcome: pd.Series, classes: npt.NDArray[np.int64] | None, task: Task, parts: Split, as_given: bool
) -> tuple[npt.NDArray[Any], float, float]:
    if classes is not None:
        return (classes.astype(np.float32) if task.name == "binary" else classes), 0.0, 1.0
    values = numbers(outcome)
    if task.name == "own" or as_given:
        whole = pd.api.types.is_integer_dtype(outcome) and task.name == "own"
        return (outcome.to_numpy(np.int64) if whole else values), 0.0, 1.0
    standard = Standard.fit(values[parts.train])
    return standard.apply(values), standard.mean, standard.std


def _compared(
    reading: Reading, columns: list[Column], classes: npt.NDArray[np.int64] | None, task: Task, rows: Split
) -> tuple[pd.DataFrame, list[Column], Split]:
    """A table by which parts are compared, its columns, and the rows of the parts in it."""
    source = reading.source
    kind = "numeric" if classes is None else "category"
    aim = Column(task.target, kind, 0, 0)
    if reading.targets is not None:
        assert isinstance(source.features, pd.DataFrame)
        aims = [Column(name, kind, 0, 0) for name, kind in reading.targets.kinds.items()]
        return pd.concat([source.features, reading.targets.frame], axis=1), [*columns, *aims], rows
    if isinstance(source.features, pd.DataFrame):
        return source.features.assign(**{task.target: source.target}), [*columns, aim], rows
    if isinstance(source.features, NetworkInputs):
        return inputs_table(source.features, source.target, rows, kind)
    if source.images:
        return image_table(source.features, source.target, rows)
    mean, spread = mean_and_spread(source.features)
    frame = pd.DataFrame({"mean of x": mean, "spread of x": spread, task.target: source.target})
    return frame, [*(Column(name, "numeric", 0, 0) for name in frame.columns[:2]), aim], rows
