"""How far a study's training has come, in epochs of its trials, as the command line counts them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ikura.json_values import Json, JsonObject
from ikura.trial_state import State
from ikura.web.database_reader import Reader
from ikura.web.run_setting import RunSetting
from ikura.web.trial_columns import OPEN, TrialColumns

__all__ = [
    "Work", "counted_epochs", "in_states", "is_word", "known_stages", "made_by_hand", "work_of_stage", "work_of_study",
]  # fmt: skip

TILES = """
    SELECT segment.tile, segment.trial FROM segments AS segment JOIN trials ON trials.number = segment.trial
    WHERE trials.state IN ('waiting', 'running') AND segment.since = trials.epochs
"""
MADE = "SELECT made FROM interventions WHERE made IS NOT NULL"
BY_HAND = " AND rule = ''"
SEARCH, FINALISTS = "search", "finalists"


@dataclass(frozen=True)
class Work:
    """How much of a training is done.

    Attributes:
        name: what is trained: the search, a stage, the finalists.
        done: epochs of its trials that were trained, or saved by ending early.
        total: epochs of all its trials.
    """

    name: str
    done: float
    total: float


def counted_epochs(connection: Reader, trials: TrialColumns) -> np.ndarray:
    """To which epoch each trial has come; one that ended early in a tile that trains on, to the tile's.

    Args:
        connection: to the database of the study.
        trials: of the study, with the epochs that have just passed.

    Returns:
        Epochs, float64 of shape (trials,).
    """
    found: np.ndarray = np.nan_to_num(trials["epochs"].values)
    open_ = in_states(trials, OPEN) & ~in_states(trials, (State.PAUSED,))
    tiles: dict[Any, list[int]] = {}
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError, ValueError, TypeError, OverflowError):
        for tile, trial in connection.execute(TILES).fetchall():
            place = trials.place(int(trial))
            if place is not None and open_[place]:
                tiles.setdefault(tile, []).append(place)
    for places in tiles.values():
        found[places] = found[places].max()
    return found


def made_by_hand(connection: Reader) -> frozenset[int]:
    """The numbers of the trials that a hand made, which are none of those that the search planned."""
    for query in (MADE + BY_HAND, MADE):
        # Databases of an earlier ikura do not have the column, or the table.
        with suppress(sqlite3.OperationalError):
            return frozenset(one for (one,) in connection.execute(query).fetchall() if type(one) is int)
    return frozenset()


def known_stages(recorded: Json) -> list[JsonObject]:
    """The stages that have begun, as far as what is recorded of them can be read."""
    return [
        one
        for one in (recorded if isinstance(recorded, list) else [])
        if isinstance(one, dict)
        and {"stage", "name"} <= one.keys()
        and all(type(one.get(name)) is int and one[name] >= 0 for name in ("trials", "epochs"))
    ]


def work_of_stage(stage: Mapping[str, Any], trials: TrialColumns, counted: np.ndarray, made: frozenset[int]) -> Work:
    """How much of a stage is done. A trial that has ended saves what it did not train.

    Args:
        stage: as it is recorded.
        trials: of the study.
        counted: as of `counted_epochs`.
        made: trials that a hand made, which are trained beside the stage.
    """
    numbers, stages, parents = (trials[name].values for name in ("number", "stage", "parent"))
    own = is_word(trials, "purpose", "search") & (stages == stage["stage"])
    if made:
        own &= ~np.isin(numbers, list(made))
    # A copy that a schedule made takes the place of a trial that it dropped.
    copied = parents[own & np.isfinite(parents)]
    copies = int(np.isin(copied, numbers[own]).sum()) if len(copied) else 0
    return _work(str(stage["name"]), stage["trials"], stage["epochs"], own, copies, trials, counted)


def work_of_study(
    setting: RunSetting, recorded: Json, trials: TrialColumns, counted: np.ndarray, made: frozenset[int]
) -> Work:
    """How much of the search is done, stages that have not begun included; once there are finalists, of these.

    Args:
        setting: what the study was begun with.
        recorded: its stages as they are recorded.
        trials, counted, made: as for `work_of_stage`.
    """
    finalists = is_word(trials, "purpose", "finalist")
    if finalists.any():
        return _work(FINALISTS, int(finalists.sum()), setting.epochs, finalists, 0, trials, counted)
    stages = known_stages(recorded)
    parts = [work_of_stage(one, trials, counted, made) for one in stages]
    left = max(0, setting.trials - sum(one["trials"] for one in stages))
    total = sum(one.total for one in parts) + left * _length(setting, len(stages))
    return Work(SEARCH, sum(one.done for one in parts), total)


def _work(
    name: str, many: int, epochs: int, own: np.ndarray, copies: int, trials: TrialColumns, counted: np.ndarray
) -> Work:
    open_ = in_states(trials, OPEN)
    ended = int((own & ~open_).sum()) - copies
    total = float(many) * epochs
    done = float(epochs) * ended + float(np.minimum(counted, epochs)[own & open_].sum())
    return Work(name, min(max(done, 0.0), total), total)


def _length(setting: RunSetting, begun: int) -> float:
    """Epochs of a trial of the stages that have not begun, on average."""
    if setting.about.get("search") == "coarse-to-fine" and setting.trials > 0 and setting.epochs > 0:
        # The other searches train all their trials in full.
        from ikura.search.coarse_to_fine import CoarseToFine
        from ikura.space import Space

        rest = CoarseToFine(Space(), 0).stages(setting.trials, setting.epochs)[begun:]
        if rest:
            return sum(one.trials * one.epochs for one in rest) / sum(one.trials for one in rest)
    return float(setting.epochs)


def is_word(trials: TrialColumns, column: str, word: str) -> np.ndarray:
    """Which trials have a word in a column, bool of shape (trials,)."""
    found = trials[column]
    code = found.options.index(word) if word in found.options else -1
    same: np.ndarray = found.values == code
    return same


def in_states(trials: TrialColumns, states: Sequence[str]) -> np.ndarray:
    """Which trials are in one of some states, bool of shape (trials,)."""
    found: np.ndarray = np.any([is_word(trials, "state", word) for word in states], axis=0)
    return found
