"""How far a study's training has come, in epochs of its trials, as the command line counts them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ikura.json_values import Json, JsonObject
from ikura.study.record.intervention import Action
from ikura.trial_state import State
from ikura.web.database_reader import Reader
from ikura.web.run_setting import RunSetting
from ikura.web.trial_columns import OPEN, TrialColumns

__all__ = [
    "Made", "Work", "counted_epochs", "in_states", "is_word", "known_stages", "made_by_hand", "work_of_stage",
    "work_of_study",
]  # fmt: skip

TILES = """
    SELECT segment.tile, segment.trial FROM segments AS segment JOIN trials ON trials.number = segment.trial
    WHERE trials.state IN ('waiting', 'running') AND segment.since = trials.epochs
"""
MADE = "SELECT made, trial, action, content, applied FROM interventions WHERE made IS NOT NULL"
BY_HAND = " AND rule = ''"
SEARCH, FINALISTS, HAND = "search", "finalists", "trials made by hand"


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


@dataclass(frozen=True)
class Made:
    """A trial that a hand made.

    Attributes:
        since: epochs that it has of the trial that it goes on from; 0 of one that begins afresh.
        epochs: to how many it was asked to train, or the trial that it goes on from; 0 where nobody said.
    """

    since: int
    epochs: int = 0


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


def made_by_hand(connection: Reader) -> dict[int, Made]:
    """The trials that a hand made by their numbers, which are none of those that the search planned."""
    for query in (MADE + BY_HAND, MADE):
        # Databases of an earlier ikura do not have the column, or the table.
        with suppress(sqlite3.OperationalError):
            found: dict[int, Made] = {}
            # What a trial goes on from was made before it.
            rows = [row for row in connection.execute(query).fetchall() if type(row[0]) is int]
            for number, parent, action, content, since in sorted(rows, key=lambda row: int(row[0])):
                asked = _asked_epochs(content) if action == Action.LONGER else 0
                before = found.get(parent, Made(0))
                begun = since if type(since) is int and type(parent) is int else 0
                found[number] = Made(begun, asked or before.epochs)
            return found
    return {}


def _asked_epochs(content: Any) -> int:
    with suppress(ValueError, TypeError, RecursionError, AttributeError):
        epochs = json.loads(content).get("epochs")
        return epochs if type(epochs) is int else 0
    return 0


def known_stages(recorded: Json) -> list[JsonObject]:
    """The stages that have begun, as far as what is recorded of them can be read."""
    return [
        one
        for one in (recorded if isinstance(recorded, list) else [])
        if isinstance(one, dict)
        and {"stage", "name"} <= one.keys()
        and all(type(one.get(name)) is int and one[name] >= 0 for name in ("trials", "epochs"))
    ]


def work_of_stage(
    stage: Mapping[str, Any], trials: TrialColumns, counted: np.ndarray, made: Mapping[int, Made]
) -> Work:
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
    setting: RunSetting, recorded: Json, trials: TrialColumns, counted: np.ndarray, made: Mapping[int, Made]
) -> Work:
    """How much of the search is done, stages that have not begun included; once there are finalists, of these.

    Where the search has nothing to train, but a hand's trials are there to be trained, how much of these is done.

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
    goes_on = in_states(trials, OPEN) & ~in_states(trials, (State.PAUSED,))
    by_hand = np.isin(trials["number"].values, list(made))
    if made and not left and (goes_on & by_hand).any() and not (goes_on & ~by_hand).any():
        return _work_of_hand({one["stage"]: one["epochs"] for one in stages}, setting, trials, counted, made)
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


def _work_of_hand(
    lengths: Mapping[Any, int], setting: RunSetting, trials: TrialColumns, counted: np.ndarray, made: Mapping[int, Made]
) -> Work:
    """How much is done of what a hand made: of each the epochs behind those of the trial that it goes on from."""
    done, total = 0.0, 0.0
    stages, open_ = trials["stage"].values, in_states(trials, OPEN)
    for number, one in made.items():
        place = trials.place(number)
        if place is not None:
            own = max(one.epochs, lengths.get(stages[place], setting.epochs)) - one.since
            total += max(own, 0)
            done += min(max(counted[place] - one.since, 0), max(own, 0)) if open_[place] else max(own, 0)
    return Work(HAND, float(done), float(total))


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
