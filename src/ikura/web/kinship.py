"""How trials are related: what each was made as, and where two of them part."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ikura.web.database_reader import Reader
from ikura.web.trial_columns import TrialColumns

__all__ = ["made_as", "parted", "since"]

CURVES = ("curves", "live_curves")
POINTS = "SELECT epoch, train_loss, dev_loss FROM {} WHERE trial = ?"


def since(connection: Reader, numbers: Sequence[int]) -> dict[int, int]:
    """After how many epochs of those that they came from trials began of their own, as far as they have begun."""
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError, ValueError, TypeError):
        query = f"SELECT trial, min(since) FROM segments WHERE trial IN ({_listed(numbers)}) GROUP BY trial"
        return {int(trial): int(epochs) for trial, epochs in connection.execute(query).fetchall()}
    return {}


def made_as(connection: Reader, numbers: Sequence[int]) -> dict[int, str]:
    """By which action trials were made, such as "fork", whoever or whatever rule asked for it."""
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError, ValueError, TypeError):
        query = f"SELECT made, action FROM interventions WHERE made IN ({_listed(numbers)})"
        return {int(made): str(action) for made, action in connection.execute(query).fetchall()}
    return {}


def parted(connection: Reader, trials: TrialColumns, a: int, b: int) -> int | None:
    """The first epoch in which two trials differ that did the same until then.

    Args:
        connection: to the database of the study.
        trials: of the study.
        a, b: numbers of two trials that are there.

    Returns:
        The epoch; None where they never did the same, or never differed as far as both have come.
    """
    one, other = (_points(connection, number) for number in (a, b))
    shared = sorted(one.keys() & other.keys())
    first = next((epoch for epoch in shared if one[epoch] != other[epoch]), None)
    # Of a fork what it has of its parent may not be recorded yet.
    return _branched(connection, trials, a, b) if first is not None and first == shared[0] else first


def _points(connection: Reader, trial: int) -> dict[int, tuple[Any, ...]]:
    found: dict[int, tuple[Any, ...]] = {}
    for table in CURVES:
        # Files of an earlier ikura have no curves of trials in training.
        with suppress(sqlite3.OperationalError):
            found |= {row[0]: tuple(row[1:]) for row in connection.execute(POINTS.format(table), (trial,)).fetchall()}
    return found


def _branched(connection: Reader, trials: TrialColumns, a: int, b: int) -> int | None:
    """The first epoch that two of a family did not share, as it is on record; None where they shared none."""
    lines = [_line(trials, number) for number in (a, b)]
    common = next((number for number in lines[0] if number in lines[1]), None)
    if common is None:
        return None
    branches = [line[line.index(common) - 1] for line in lines if line[0] != common]
    begun = since(connection, branches)
    shared = min((begun.get(number, 0) for number in branches), default=0)
    return shared + 1 if shared else None


def _line(trials: TrialColumns, number: int) -> list[int]:
    """A trial and those that it came from, the nearest first."""
    parents, found = trials["parent"].values, [number]
    while (place := trials.place(found[-1])) is not None and not math.isnan(parents[place]):
        above = int(parents[place])
        if above in found:
            break
        found.append(above)
    return found


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
