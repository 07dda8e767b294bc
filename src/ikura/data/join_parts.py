"""Dev and test sets that come in files, tables or arrays of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.images._base import PARTS
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
    targets = [training.target]
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
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        names[part] = where
        parts.append(np.full(len(other.target), part, np.int8))
    whole: Any
    if isinstance(training.features, pd.DataFrame):
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
