"""Dev and test sets that come in files, tables or arrays of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.images._base import PARTS
from ikura.data.input_arrays import plain_inputs
from ikura.data.network_inputs import JoinedRows, NetworkInput, NetworkInputs, is_on_disk
from ikura.data.source import Source
from ikura.data.values import booleans, datetimes, label, numbers
from ikura.errors import DataError, listed, nearest

__all__ = ["join_parts"]


def join_parts(training: Source, others: Sequence[tuple[int, Source]]) -> Source:
    """Put a dev or test set of its own behind the training rows.

    The training data decide what a column is: a number there is read as a number here, text as text.

    Args:
        training: the training rows, and dev or test rows if they have some.
        others: part (1 dev, 2 test) and its rows.

    Returns:
        All rows, with the part of each.

    Raises:
        DataError: a part is there already, columns are missing, or values do not fit their column; the message names
            the part's source and the row in it, counted from 1.
    """
    features: list[Any] = [training.features]
    targets, columns = [training.target], [training.columns]
    parts = [np.zeros(len(training.target), np.int8) if training.parts is None else training.parts]
    notes = list(training.notes)
    names = dict(training.part_names)
    for part, other in others:
        where = other.name or f"the {PARTS[part]} set"
        if (parts[0] == part).any():
            raise DataError(f"{where}: the data come with a {PARTS[part]} set of their own; leave {PARTS[part]} out")
        if other.parts is not None:
            raise DataError(f"{where}: it is divided into parts itself; a {PARTS[part]} set is one part only")
        try:
            features.append(_alike(training, other, notes))
            targets.append(_column(training.target, other.target))
            columns.append(_columns(training.columns, other.columns))
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        names[part] = where
        parts.append(np.full(len(other.target), part, np.int8))
    whole: Any
    if any(isinstance(one, NetworkInputs) for one in features):
        whole = _joined([_as_inputs(one) for one in features])
    elif isinstance(training.features, pd.DataFrame):
        whole = pd.concat(features, ignore_index=True)
    else:
        whole = np.concatenate(features)
    target = pd.concat(targets, ignore_index=True)
    values = _joined_values([training, *(other for _, other in others)])
    return replace(
        training,
        features=whole,
        target=target,
        parts=np.concatenate(parts),
        part_names=names,
        notes=notes,
        values=values,
        columns=None if training.columns is None else pd.concat(columns, ignore_index=True),
    )


def _joined_values(sources: Sequence[Source]) -> npt.NDArray[Any] | None:
    """Targets of several values of all parts."""
    shapes = [None if one.values is None else one.values.shape[1:] for one in sources]
    if any(shape != shapes[0] for shape in shapes):
        raise DataError(f"targets of the parts have different shapes: {listed(map(str, shapes))}")
    return None if shapes[0] is None else np.concatenate([one.values for one in sources if one.values is not None])


def _alike(training: Source, other: Source, notes: list[str]) -> Any:
    """The features of a part in the form of the training rows."""
    known, new = training.features, other.features
    if isinstance(known, NetworkInputs) or isinstance(new, NetworkInputs):
        return _inputs_alike(known, new)
    if not isinstance(known, pd.DataFrame) or not isinstance(new, pd.DataFrame):
        if isinstance(known, pd.DataFrame) or isinstance(new, pd.DataFrame):
            raise DataError("the training rows and these are a table and arrays; both must be of one kind")
        if known.shape[1:] != new.shape[1:] or training.images != other.images:
            raise DataError(f"examples are of shape {new.shape[1:]}, but those of training of {known.shape[1:]}")
        return new
    missing = [name for name in known.columns if name not in new.columns]
    if missing:
        unknown = [name for name in new.columns if name not in known.columns]
        offer = nearest(missing[0], unknown) or f" (columns: {listed(new.columns)})"
        raise DataError(f"the table has no column {missing[0]!r}{offer}")
    extra = [name for name in new.columns if name not in known.columns]
    if extra:
        notes.append(f"{other.name or 'A part'} has {listed(map(repr, extra), 5)} besides, which training has not.")
    return pd.DataFrame({name: _column(known[name], new[name]) for name in known.columns})


def _inputs_alike(training: Any, other: Any) -> NetworkInputs:
    """The inputs of a part in the order of the training rows."""
    training, other = _as_array(training), _as_array(other)
    for one, twin in ((training, other), (other, training)):
        several = isinstance(one, NetworkInputs) and (len(one.inputs) > 1 or one.names is not None)
        if (several and not isinstance(twin, NetworkInputs)) or isinstance(twin, pd.DataFrame):
            raise DataError("the training rows and these have other inputs; both must have the same")
    known = _as_inputs(training)
    new = _as_inputs(other)
    if known.sequences and new.sequences:
        return new
    new = plain_inputs(new, known)
    for name, one, twin in zip(known.labels, known.inputs, new.inputs, strict=True):
        if one.array.shape[1:] != twin.array.shape[1:]:
            raise DataError(
                f"{name} has examples of shape {twin.array.shape[1:]}, but those of training are of "
                f"{one.array.shape[1:]}"
            )
        _check_kinds(name, one.array.dtype, twin.array.dtype)
    return new


def _as_array(features: Any) -> Any:
    """A table that was an array as one again."""
    if isinstance(features, pd.DataFrame) and list(features.columns) == [f"x{i}" for i in range(features.shape[1])]:
        array = features.to_numpy()
        return array if array.dtype.kind in "biuf" else features
    return features


def _as_inputs(features: Any) -> NetworkInputs:
    return features if isinstance(features, NetworkInputs) else NetworkInputs((NetworkInput(features),))


def _check_kinds(name: str, known: np.dtype[Any], new: np.dtype[Any]) -> None:
    """Refuse floats where training has whole numbers, and the other way round."""
    kinds = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "floats"}
    if kinds.get(known.kind) != kinds.get(new.kind):
        raise DataError(f"{name} holds {new}, but that of training {known}; give both as {kinds[known.kind]}")


def _joined(parts: list[NetworkInputs]) -> NetworkInputs:
    """Inputs whose rows follow each other; what stays on disk is not copied, sequences are padded to the longest."""
    inputs = []
    for place, one in enumerate(parts[0].inputs):
        arrays = [part.inputs[place].array for part in parts]
        if any(map(is_on_disk, arrays)):
            pieces = [one.arrays if isinstance(one, JoinedRows) else (one,) for one in arrays]
            inputs.append(NetworkInput(JoinedRows(tuple(piece for some in pieces for piece in some))))
            continue
        held = [np.asarray(array) for array in arrays]
        if parts[0].sequences and place == 0:
            steps = max(array.shape[1] for array in held)
            held = [np.pad(a, [(0, 0), (0, steps - a.shape[1]), *[(0, 0)] * (a.ndim - 2)]) for a in held]
            if len({array.shape[1:] for array in held}) > 1:
                raise DataError(f"the parts have steps of different shapes, {listed(a.shape[2:] for a in held)}")
        inputs.append(NetworkInput(np.concatenate(held)))
    return NetworkInputs(tuple(inputs), parts[0].names, parts[0].sequences)


def _columns(known: pd.DataFrame | None, new: pd.DataFrame | None) -> pd.DataFrame | None:
    """Several target columns, read as those of the training rows were."""
    if known is None or new is None:
        return None
    return pd.DataFrame({name: _column(known[name], new[name]) for name in known.columns})


def _column(known: pd.Series, new: pd.Series) -> pd.Series:
    """A column read as that of the training rows was."""
    name, kind = str(known.name), known.dtype
    new = new.rename(name)
    if new.dtype == kind and not isinstance(kind, pd.CategoricalDtype):
        return new
    if isinstance(kind, pd.CategoricalDtype):
        levels = {label(level): level for level in kind.categories}
        return new.astype(object).map(lambda value: levels.get(label(value), value), na_action="ignore")
    if pd.api.types.is_bool_dtype(kind):
        values = booleans(new)
        return pd.Series(np.where(np.isnan(values), None, values == 1), name=name)
    if pd.api.types.is_numeric_dtype(kind):
        return pd.Series(numbers(new), name=name)
    if pd.api.types.is_datetime64_any_dtype(kind):
        when = datetimes(new)
        zoned = isinstance(kind, pd.DatetimeTZDtype)
        return when.dt.tz_localize("UTC").astype(kind) if zoned else when.astype(kind)
    return new.astype(object).map(label, na_action="ignore")
