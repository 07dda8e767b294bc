"""The trials of a study as columns of numbers, renewed from its database as it grows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ikura.json_values import Json
from ikura.trial_state import State
from ikura.web.database_reader import Reader

__all__ = ["OPEN", "Column", "TrialColumns"]

RECORDED = (
    "number", "parent", "stage", "dev_score", "dev_loss", "train_score", "train_loss", "epochs", "best_epoch", "seconds"
)  # fmt: skip
NUMBERS = (*RECORDED, "kept_score")
WORDS = ("state", "purpose")
STATE = len(NUMBERS)
"""Where the state stands in a row."""
KEPT_SCORE = "CASE WHEN best_epoch IS NULL THEN NULL ELSE dev_score END"
"""The dev score of the best epoch on record, also of a trial that trains on."""
QUERY = (
    f"SELECT {', '.join((*RECORDED, KEPT_SCORE, *WORDS, 'hyperparameters'))} FROM trials "
    "WHERE number >= ? ORDER BY number"
)
REACHED = [NUMBERS.index(name) for name in ("dev_score", "dev_loss", "train_loss", "epochs")]
"""Where in a row what a trial in training has come to stands."""
OF_BEST = [NUMBERS.index(name) for name in ("train_score", "best_epoch")]
"""Where in a row what is only known of the best epoch on record stands."""
EPOCHS = NUMBERS.index("epochs")
OPEN = tuple(str(one) for one in State if not one.ended)
"""States of trials of which more becomes."""
TRAINING = """
    SELECT point.trial, point.dev_score, point.dev_loss, point.train_loss, point.epoch FROM live_curves AS point
    JOIN (SELECT trial, max(epoch) AS epoch FROM live_curves GROUP BY trial) AS last
    ON point.trial = last.trial AND point.epoch = last.epoch
"""
STANDING = """
    SELECT trial, applied FROM interventions AS pause WHERE action = 'pause' AND state = 'applied' AND NOT EXISTS (
        SELECT 1 FROM interventions AS later WHERE later.trial = pause.trial AND later.state = 'applied'
        AND (later.action = 'stop' OR (later.action = 'go-on' AND later.number > pause.number))
    )
"""
EXACT_POWER = 22
MOST_NAMES = 200
"""Hyperparameters that get a column."""


@dataclass(frozen=True)
class Column:
    """One value for each trial.

    Attributes:
        values: numbers, NaN where there is none; of words the index of the option, float64 of shape (trials,).
        options: the words; empty where values are numbers.
    """

    values: np.ndarray
    options: tuple[str, ...] = ()

    def shown(self, places: np.ndarray, digits: int = 6) -> list[Json]:
        """Values at some places, fit for JSON."""
        if self.options:
            return [None if code != code else self.options[int(code)] for code in self.values[places].tolist()]
        return [None if value != value else value for value in _shortened(self.values[places], digits).tolist()]


class TrialColumns:
    """What is known of each trial of a study, a column for each name."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.hyperparameters: tuple[str, ...] = ()
        self._known: list[tuple[Any, ...]] = []
        self._given: list[Mapping[str, Any]] = []

    @classmethod
    def of(cls, other: TrialColumns) -> TrialColumns:
        """A copy to be renewed, while others go on reading the first."""
        found = cls()
        found.columns, found.hyperparameters = other.columns, other.hyperparameters
        found._known, found._given = list(other._known), list(other._given)
        return found

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def refresh(self, connection: Reader, whole: bool = False) -> None:
        """Read the trials that were not at their end when they were last read, and those that have come since.

        Args:
            connection: to the database of the study.
            whole: whether to read all trials anew.
        """
        unsettled = (i for i, row in enumerate(self._known) if whole or row[STATE] in OPEN)
        settled = next(unsettled, len(self._known))
        least = self._known[settled - 1][0] + 1 if settled else 0
        found = _as_they_stand(connection.execute(QUERY, (least,)).fetchall(), connection)
        given = _parsed([row[-1] for row in found])
        self._known[settled:] = [row[:-1] for row in found]
        self._given[settled:] = given
        self._lay_out()

    def configuration(self, place: int) -> Mapping[str, Any]:
        """The hyperparameters of the trial at a place."""
        return self._given[place]

    def place(self, number: int) -> int | None:
        """The place of the trial of a number; None where there is none."""
        found = int(np.searchsorted(self["number"].values, number))
        return found if found < len(self) and self["number"].values[found] == number else None

    def _lay_out(self) -> None:
        columns = list(zip(*self._known, strict=True)) or [()] * (len(NUMBERS) + len(WORDS))
        self.columns = {name: Column(_numbers(column)) for name, column in zip(NUMBERS, columns, strict=False)}
        for name, column in zip(WORDS, columns[len(NUMBERS) :], strict=True):
            self.columns[name] = _words(column)
        names = list(dict.fromkeys(name for one in self._given for name in one))[:MOST_NAMES]
        self.hyperparameters = tuple(names)
        for name in names:
            key = f"hp:{name}"
            self.columns[key] = _column([one.get(name) for one in self._given])


def _as_they_stand(rows: list[tuple[Any, ...]], connection: Reader) -> list[tuple[Any, ...]]:
    """Rows of trials: those that train are running, as far as they have come, those that stand still are paused."""
    points: dict[Any, tuple[Any, ...]] = {}
    paused: dict[Any, Any] = {}
    # Databases of an earlier ikura have no such tables.
    with suppress(sqlite3.OperationalError):
        points = {row[0]: row[1:] for row in connection.execute(TRAINING).fetchall()}
    with suppress(sqlite3.OperationalError):
        paused = dict(connection.execute(STANDING).fetchall())

    def standing(row: tuple[Any, ...]) -> tuple[Any, ...]:
        if row[STATE] not in OPEN or not (row[0] in points or row[0] in paused):
            return row
        values = list(row)
        if row[0] in points:
            for place, value in zip(REACHED, points[row[0]], strict=True):
                values[place] = value
            for place in OF_BEST:
                values[place] = None
        # One that trains again is on its way to the epoch after which it paused.
        if row[0] in paused and _is_past(values[EPOCHS], paused[row[0]]):
            values[STATE] = str(State.PAUSED)
        elif row[0] in points:
            values[STATE] = str(State.RUNNING)
        return tuple(values)

    return [standing(row) for row in rows]


def _is_past(epochs: Any, end: Any) -> bool:
    return type(epochs) is int and type(end) is int and epochs >= end


def _shortened(values: np.ndarray, digits: int) -> np.ndarray:
    """Round to so many significant digits; what is not finite becomes NaN.

    A whole number over or times a power of ten is the float that is nearest to the decimal number.
    """
    with np.errstate(all="ignore"):
        power = np.clip(digits - 1 - np.floor(np.log10(np.abs(values))), -300, 300)
        up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)
        found = np.where(power >= 0, np.round(values * up) / up, np.round(values / down) * down)
    found = np.where(values == 0, 0.0, found)
    # Beyond 10^22 powers of ten are no floats.
    for place in np.flatnonzero((np.abs(power) > EXACT_POWER) & np.isfinite(values) & (values != 0)):
        found[place] = float(f"%.{digits}g" % values[place])
    return np.where(np.isfinite(found), found, np.nan)


def _parsed(texts: Sequence[str]) -> list[Mapping[str, Any]]:
    """Parse hyperparameters, all texts together, which is many times as fast as one by one."""
    try:
        given = json.loads(f"[{','.join(texts)}]")
        if len(given) == len(texts) and all(type(one) is dict for one in given):
            return list(given)
    except (ValueError, TypeError, RecursionError):
        pass
    return [_one(text) for text in texts]


def _one(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _numbers(column: Sequence[Any]) -> np.ndarray:
    try:
        return np.array(column, np.float64)
    except (ValueError, TypeError, OverflowError):
        return np.array([float(one) if type(one) in (int, float) else np.nan for one in column])


def _words(column: Iterable[Any]) -> Column:
    codes: dict[str, int] = {}
    values = [np.nan if one is None else codes.setdefault(_text(one), len(codes)) for one in column]
    return Column(np.array(values, np.float64), tuple(codes) or ("",))


def _column(column: Sequence[Any]) -> Column:
    if all(one is None or type(one) is float or type(one) is int for one in column):
        return Column(_numbers(column))
    return _words(column)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
