"""Data of any form, their types found and their values read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.column_schema import Schema, read_schema
from ikura.data.columns import Column
from ikura.data.notation import Hints, Notation
from ikura.data.options import DataOptions
from ikura.data.row_numbers import with_counters
from ikura.data.source import Source
from ikura.data.target_columns import TargetColumns, read_target_columns
from ikura.data.target_values import read_target
from ikura.errors import DataError, nearest

__all__ = ["Reading", "read_source"]


@dataclass(frozen=True)
class Reading:
    """Data whose types are known.

    Args:
        source: features and target as values.
        columns: the columns and their kinds; empty for arrays of more than two dimensions.
        schema: the columns' types; None for such arrays.
        group, time: the columns that the rows are split by, if any.
        targets: several target columns, read; None for one, or none with names.
    """

    source: Source
    columns: list[Column]
    schema: Schema | None = None
    group: pd.Series | None = None
    time: pd.Series | None = None
    targets: TargetColumns | None = None

    def with_counters(
        self, rows: npt.NDArray[np.int64], target: npt.NDArray[Any], classes: bool
    ) -> tuple[Reading, list[str]]:
        """Keep columns that number the rows where the target follows them; see `ikura.data.row_numbers.with_counters`.

        Returns:
            The reading, and what is to be said of them.

        Raises:
            DataError: no column is left to learn from.
        """
        if self.schema is None:
            return self, []
        columns, notes = with_counters(self.columns, self.schema.frame, rows, target.astype(np.float64), classes)
        if not any(column.used for column in columns):
            reasons = "; ".join(f"{column.name}: {column.note}" for column in columns[:5])
            raise DataError(f"no column is left to learn from ({reasons or 'the target is the only one'})")
        return replace(self, columns=columns), notes


def read_source(source: Source, options: DataOptions) -> Reading:
    """Find the types of data and read their values.

    Args:
        source: the data as they were opened.
        options: what was said of the task, of columns and of how values are written.

    Raises:
        DataError: a column or a value cannot be what it is said to be; the message names row and column.
    """
    hints, group, time, kinds = options.hints, options.group, options.time, options.kinds
    if not isinstance(source.features, pd.DataFrame):
        for name, what in ((group, "group"), (time, "time")):
            if name is not None:
                raise DataError(f"arrays have no {what} column {name!r}; give a table")
        if kinds:
            raise DataError("kinds is for the columns of a table; these data are an array")
        if source.images:
            return Reading(source, [])
        outcome = read_target(source.target, options.task, hints)
        return Reading(replace(source, target=outcome.values, notes=[*source.notes, *outcome.notes]), [])
    frame = source.features
    for name, what in ((group, "group"), (time, "time")):
        _check_role(source, frame, name, what)
    asked = {**source.kinds, **(kinds or {})}
    for name in source.names or [str(source.target.name)]:
        if name in asked:
            raise DataError(f"kinds names the target {name!r}; say what it is by task")
    roles = {group: "group"} | ({} if time is None or time in asked else {time: "time"})
    asked |= {name: "ignore" for name in roles if name is not None}
    schema = read_schema(frame, asked, hints, source.parts, source.part_names)
    columns = [
        Column(one.name, "ignore", one.missing, one.distinct, f"it is the {roles[one.name]} column")
        if one.name in roles
        else one
        for one in schema.columns
    ]
    when = None if time is None else schema.frame[time]
    if time is not None and time in roles:
        when = _times(frame[[time]], hints)
        schema = replace(schema, frame=schema.frame.assign(**{time: when}))
    decimals, targets = _decimals(schema.notations), None
    if source.columns is not None:
        targets = read_target_columns(source.columns, options.task, hints, decimals, options.positive)
        means = pd.Series(targets.values.mean(axis=1), name=targets.task.target)
        source = replace(source, target=means, values=targets.values, notes=[*source.notes, *targets.notes])
    else:
        outcome = read_target(source.target, options.task, hints, decimals)
        source = replace(source, target=outcome.values, notes=[*source.notes, *outcome.notes])
    read = replace(source, features=schema.frame, notes=[*source.notes, *schema.notes])
    return Reading(read, columns, schema, None if group is None else schema.frame[group], when, targets)


def _check_role(source: Source, frame: pd.DataFrame, name: str | None, what: str) -> None:
    if name is None:
        return
    if name in (source.names or [str(source.target.name)]):
        raise DataError(f"the {what} column {name!r} is the target; name another column")
    if name not in frame.columns:
        raise DataError(f"no {what} column {name!r}{nearest(name, frame.columns)}")


def _times(frame: pd.DataFrame, hints: Hints) -> pd.Series:
    """The column of times as numbers or datetimes."""
    name = frame.columns[0]
    found = read_schema(frame, None, hints)
    values = found.frame[name]
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    return read_schema(frame, {name: "datetime"}, hints).frame[name]


def _decimals(notations: Mapping[str, Notation]) -> set[str]:
    return {mark for mark in (getattr(one, "decimal", "") for one in notations.values()) if mark == ","}
