"""One run as the page sees it: kept in memory, renewed when its database changes, never more often than it can bear."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np

from ikura.errors import RunError, UsageError
from ikura.json_values import Json, JsonObject
from ikura.study.record.address import Address
from ikura.web.database_reader import Reader, Stamp, facts, reading, stamp
from ikura.web.kinship import made_as, parted, since
from ikura.web.located import CONFIG, Run, address_of
from ikura.web.run_folders import is_live
from ikura.web.run_setting import RunSetting, read_setting
from ikura.web.study_work import Made, Work, counted_epochs, made_by_hand, work_of_study
from ikura.web.trial_columns import TrialColumns

__all__ = ["MOST_STUDIES", "Snapshot", "StudyReader", "StudyReaders", "begun", "is_held"]

FACTS = ("best", "test", "done", "stages", "seconds", "summary", "decisions", "replayed")
MOST_STUDIES = 4
"""Studies whose trials are kept in memory."""
REST = 12.0
"""For so many times as long as reading took, a study is left alone."""
SECONDS_BETWEEN_WHOLE = 30.0
POINTS = 300
"""Points of a curve that are sent at most."""
HELD = """
    SELECT action FROM interventions
    WHERE trial IS NULL AND action IN ('pause', 'go-on')
    AND NOT EXISTS (SELECT 1 FROM interventions WHERE action = 'end' AND state != 'refused')
    AND NOT EXISTS (SELECT 1 FROM trials WHERE purpose = 'finalist') ORDER BY number DESC LIMIT 1
"""
STEPS = """
    SELECT step.epoch, CASE WHEN size.value > 0 THEN step.value / size.value END, gradient.value
    FROM epoch_values AS step
    JOIN epoch_values AS size ON size.trial = step.trial AND size.epoch = step.epoch AND size.name = 'weight_norm'
    LEFT JOIN epoch_values AS gradient
    ON gradient.trial = step.trial AND gradient.epoch = step.epoch AND gradient.name = 'gradient_norm'
    WHERE step.trial = :trial AND step.name = 'update_norm' ORDER BY step.epoch
"""
MOST_CURVES = 12
MOST_ROUNDS = 2_000
MOST_LOOKS = 60
"""Looks back from which the time left is told."""


@dataclass(frozen=True)
class Snapshot:
    """A study at one moment.

    Attributes:
        version: another one means that something has changed.
        setting: what it was begun with.
        facts: what is recorded of it.
        trials: its trials by column.
        live: whether a process works on it.
        held: whether a hand lets it stand still.
        counted: to which epoch each trial has come, float64 of shape (trials,), see `counted_epochs`.
        made: the trials that a hand made, by number.
        read: when it was read, in seconds since the epoch.
    """

    version: int
    setting: RunSetting
    facts: JsonObject
    trials: TrialColumns
    live: bool
    held: bool
    counted: np.ndarray
    made: Mapping[int, Made]
    read: float

    @property
    def work(self) -> Work:
        """How far its training has come."""
        return work_of_study(self.setting, self.facts.get("stages"), self.trials, self.counted, self.made)


@dataclass
class StudyReader:
    """The study of a run.

    Args:
        run: the run folder.
    """

    run: Run
    _lock: Lock = field(default_factory=Lock)
    _found: Snapshot | None = None
    _stamp: Stamp = ()
    _trials: TrialColumns = field(default_factory=TrialColumns)
    _next: float = 0.0
    _whole: float = 0.0
    pace: list[tuple[float, Work]] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        """Return the study as it stands, at most as old as reading it may be frequent.

        Raises:
            RunError: its files cannot be read, or are not a study's.
        """
        with self._lock:
            now, live = time.monotonic(), is_live(self.run)
            found = self._found
            if found is not None and now < self._next and found.live == live:
                return found
            current = stamp(self.run)
            if found is not None and current == self._stamp and found.live == live:
                return found
            self._found = self._read(live)
            self._stamp = current
            took = time.monotonic() - now
            self._next = time.monotonic() + REST * took
            return self._found

    @property
    def stale(self) -> bool:
        """Whether the database holds more than was read last."""
        return self._found is None or stamp(self.run) != self._stamp

    def _read(self, live: bool) -> Snapshot:
        setting = read_setting(self.run)
        whole = time.monotonic() - self._whole > SECONDS_BETWEEN_WHOLE
        trials = TrialColumns.of(self._trials)
        with reading(self.run) as connection:
            trials.refresh(connection, whole)
            known = facts(connection, *FACTS)
            setting = _with_budget(setting, connection)
            held = is_held(connection)
            counted, made = counted_epochs(connection, trials), made_by_hand(connection)
        if whole:
            self._whole = time.monotonic()
        self._trials = trials
        version = 1 if self._found is None else self._found.version + 1
        found = Snapshot(version, setting, known, trials, live, held, counted, made, time.time())
        self._note_pace(found)
        return found

    def _note_pace(self, study: Snapshot) -> None:
        """Remember how far the training had come, for the time that is left; from a rest on it is told anew."""
        work = study.work
        if study.held or not study.live or (self.pace and self.pace[-1][1].name != work.name):
            self.pace.clear()
        self.pace.append((time.monotonic(), work))
        del self.pace[:-MOST_LOOKS]

    def curves(self, numbers: Sequence[int]) -> dict[int, JsonObject]:
        """Return the curves of a few trials, with epochs that have just passed, thinned to what a screen shows."""
        points = "SELECT epoch, train_loss, dev_loss, dev_score FROM {} WHERE trial = :trial"
        with reading(self.run) as connection:
            # Files of an earlier ikura have no curves of trials in training.
            tables_of = "SELECT 1 FROM sqlite_master WHERE name = 'live_curves'"
            live = address_of(self.run) or connection.execute(tables_of).fetchone()
            tables = ("curves", "live_curves") if live else ("curves",)
            query = " UNION ALL ".join(points.format(table) for table in tables) + " ORDER BY epoch"
            return {
                one: _thinned(connection.execute(query, {"trial": one}).fetchall()) | _step_sizes(connection, one)
                for one in numbers[:MOST_CURVES]
            }

    def rounds(self) -> list[JsonObject]:
        """Return what the schedule decided, round by round: how many went on, began and were dropped."""
        with reading(self.run) as connection:
            query = "SELECT stage, round, time, content FROM rounds ORDER BY stage DESC, round DESC LIMIT ?"
            found = connection.execute(query, (MOST_ROUNDS,)).fetchall()
        return [one for row in reversed(found) if (one := _round(row)) is not None]

    def family(self, number: int) -> list[JsonObject]:
        """Return a trial with those that it came from and those that came from it, as far as they are recorded."""
        trials = self.snapshot().trials
        parents = trials["parent"].values
        numbers = trials["number"].values
        place = trials.place(number)
        if place is None:
            raise UsageError(f"no trial {number}: the study has {len(trials):,} trials")
        root = place
        for _ in range(len(trials)):
            above = None if np.isnan(parents[root]) else trials.place(int(parents[root]))
            if above is None or above >= root:
                break
            root = above
        kept, waiting = [root], [root]
        while waiting and len(kept) < 200:
            below = np.flatnonzero(parents == numbers[waiting.pop(0)]).tolist()
            kept += below
            waiting += below
        with reading(self.run) as connection:
            shown = [int(numbers[one]) for one in kept]
            begun, made = since(connection, shown), made_as(connection, shown)

        def told(place: int) -> JsonObject:
            one = _relative(trials, place)
            kind = "finalist" if one["purpose"] == "finalist" else made.get(one["number"], "copy")
            return one | {"since": begun.get(one["number"], 0), "kind": "" if place == root else kind}

        return [told(one) for one in sorted(kept)]

    def parted(self, a: int, b: int) -> int | None:
        """Return the first epoch in which two trials differ that did the same until then; None where there is none."""
        trials = self.snapshot().trials
        for number in (a, b):
            if trials.place(number) is None:
                raise UsageError(f"no trial {number}: the study has {len(trials):,} trials")
        with reading(self.run) as connection:
            return parted(connection, trials, a, b)


class StudyReaders:
    """The studies that were looked at last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._readers: OrderedDict[Run, StudyReader] = OrderedDict()

    def of(self, run: Run) -> StudyReader:
        """Return the reader of a run; the one that was not asked for longest is forgotten."""
        with self._lock:
            found = self._readers.pop(run, None) or StudyReader(run)
            self._readers[run] = found
            while len(self._readers) > MOST_STUDIES:
                self._readers.popitem(last=False)
            return found


def _with_budget(setting: RunSetting, connection: Reader) -> RunSetting:
    """The setting with the trials and epochs that a hand gave the search since."""
    query = "SELECT content FROM interventions WHERE action = 'budget' AND state = 'applied' ORDER BY number"
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError, ValueError, TypeError, AttributeError):
        for (content,) in connection.execute(query).fetchall():
            sizes = json.loads(content)
            trials, epochs = sizes.get("trials", setting.trials), sizes.get("epochs", setting.epochs)
            setting = replace(setting, trials=int(trials), epochs=int(epochs))
    return setting


def is_held(connection: Reader) -> bool:
    """Whether a hand lets the whole study stand still."""
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError):
        found = connection.execute(HELD).fetchone()
        return found is not None and found[0] == "pause"
    return False


def _some(rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """Rows of epochs thinned to what a screen shows: curves of other lengths keep epochs of the same grid."""
    step = 1
    while len(rows) // step > POINTS:
        step *= 2
    last = len(rows) - 1
    return [row for place, row in enumerate(rows) if (place + 1) % step == 0 or place in (0, last)]


def _thinned(rows: Sequence[tuple[Any, ...]]) -> JsonObject:
    kept = _some(rows)
    names = ("epoch", "train_loss", "dev_loss", "dev_score")
    return {name: [_finite(row[i]) for row in kept] for i, name in enumerate(names)}


def _step_sizes(connection: Reader, trial: int) -> JsonObject:
    """How far each epoch moved the weights, relative to their size, and gradients; nothing where none is recorded."""
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError):
        rows = _some(connection.execute(STEPS, {"trial": trial}).fetchall())
        if rows:
            names = ("epoch", "step", "gradient")
            return {"steps": {name: [_finite(row[i]) for row in rows] for i, name in enumerate(names)}}
    return {}


def _finite(value: Any) -> Json:
    return value if type(value) in (int, float) and np.isfinite(value) else None


def _round(row: tuple[Any, ...]) -> JsonObject | None:
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        content = json.loads(row[3])
        parts = {name: len(content[name]) for name in ("train", "fresh", "copies", "drop")}
        until = sorted({int(one) for name in ("train", "fresh", "copies") for one in content[name].values()})
        return {"stage": row[0], "round": row[1], "time": row[2], **parts, "epochs": until[-3:]}
    return None


def _relative(trials: TrialColumns, place: int) -> JsonObject:
    one = np.array([place])
    names = ("number", "parent", "state", "purpose", "stage", "dev_score", "epochs")
    return {name: trials[name].shown(one)[0] for name in names}


def begun(run: Run) -> float | None:
    """When a run began: its setting was written then."""
    with suppress(OSError, RunError):
        if not isinstance(run, Address):
            return os.stat(run / CONFIG).st_mtime
        with reading(run) as connection:
            return float(connection.execute("SELECT made FROM writer").fetchone()[0])
    return None
