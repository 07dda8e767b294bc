"""What the head of a study's page says: how it stands, what is best, how long it will take, what was searched."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ikura.errors import RunError
from ikura.json_values import Json, JsonObject
from ikura.trial_state import State
from ikura.web.database_reader import Reader, facts, reading
from ikura.web.located import DATABASE, Run, address_of
from ikura.web.run_folders import is_live
from ikura.web.run_setting import RunSetting, read_setting
from ikura.web.server_reader import server_reader
from ikura.web.study_reader import Snapshot, begun, is_held
from ikura.web.study_work import Work, in_states, is_word, known_stages, work_of_stage
from ikura.web.trial_columns import OPEN, TrialColumns

__all__ = ["changed", "overview", "summary"]

NORMAL = 1.959964
"""Standard deviations to either side of the mean that hold 95 % of a normal distribution."""
MOST_OPTIONS = 60
COUNTS = (
    "SELECT state, purpose, count(*), {}(CASE WHEN state != 'diverged' THEN dev_score END) FROM trials GROUP BY 1, 2"
)

TRAINING = (
    f"SELECT count(*) FROM trials WHERE state = '{State.WAITING}' "
    "AND EXISTS (SELECT 1 FROM live_curves WHERE live_curves.trial = trials.number)"
)


def overview(name: str, run: Run) -> JsonObject:
    """Describe a run in the list of runs; one that cannot be read says why."""
    found: JsonObject = {"run": name, "begun": begun(run), "changed": changed(run), "live": is_live(run)}
    try:
        setting = read_setting(run)
        found |= {"metric": setting.metric, "planned": setting.trials, **setting.about}
        with reading(run) as connection:
            known = facts(connection, "done", "best", "test")
            best = "max" if setting.sign > 0 else "min"
            rows = connection.execute(COUNTS.format(best)).fetchall()
            held, training = is_held(connection), _in_training(connection)
    except RunError as error:
        opening = found["live"] or (address_of(run) is None and isinstance(run, Path) and not (run / DATABASE).exists())
        return found | {"state": "opening" if opening else "broken", "reason": str(error)}
    counts: dict[str, int] = {}
    for state, _, count, _ in rows:
        counts[str(state)] = counts.get(str(state), 0) + count
    if training:
        counts[State.WAITING] = counts.get(State.WAITING, 0) - training
        counts[State.RUNNING] = counts.get(State.RUNNING, 0) + training
    searched = [row for row in rows if row[1] == "search"]
    scores = [row[3] for row in searched if isinstance(row[3], int | float)]
    chosen = known.get("best") or {}
    return found | {
        "state": _state(bool(known.get("done")), found["live"], held),
        "counts": {str(state): count for state, count in counts.items() if count},
        "searched": sum(row[2] for row in searched),
        "ended": sum(row[2] for row in searched if str(row[0]) not in (State.WAITING, State.RUNNING)),
        "best": chosen.get("dev") if chosen else (max if setting.sign > 0 else min)(scores, default=None),
        "test": (known.get("test") or {}).get("value"),
    }


def _in_training(connection: Reader) -> int:
    """How many trials train of which nothing is recorded yet."""
    # Databases of an earlier ikura have no such table.
    with suppress(sqlite3.OperationalError):
        return int(connection.execute(TRAINING).fetchone()[0])
    return 0


def summary(name: str, run: Run, study: Snapshot, pace: Sequence[tuple[float, Work]]) -> JsonObject:
    """Describe a study.

    Args:
        name: of the run.
        run: its folder.
        study: as it stands.
        pace: moments and how far the training had come by then.
    """
    trials, setting = study.trials, study.setting
    state = trials["state"]
    codes = state.values[np.isfinite(state.values)].astype(int)
    sizes = np.bincount(codes, minlength=len(state.options))
    counts = {word: int(size) for word, size in zip(state.options, sizes, strict=True) if size}
    searched = is_word(trials, "purpose", "search")
    ended = int((searched & _ended(trials)).sum())
    done, work = bool(study.facts.get("done")), study.work
    return {
        "run": name,
        "version": study.version,
        "state": _state(done, study.live, study.held),
        "live": study.live,
        "metric": setting.metric,
        "greater": setting.sign > 0,
        "objectives": list(setting.objectives),
        **setting.about,
        "planned": setting.trials,
        "epochs": setting.epochs,
        "ended": ended,
        "searched": int(searched.sum()),
        "open": study.live and not done and not is_word(trials, "purpose", "finalist").any(),
        "trials": len(trials),
        "counts": counts,
        "begun": begun(run),
        "changed": changed(run),
        "work": {"of": work.name, "done": work.done, "total": work.total},
        "left": None if done or not study.live or study.held else _left(pace),
        "best": _best(study, searched),
        "test": study.facts.get("test"),
        "stages": _stages(study, searched),
        "seconds": study.facts.get("seconds") or {},
        "hyperparameters": _hyperparameters(setting, trials),
    }


def _state(done: bool, live: bool, held: bool) -> str:
    return "finished" if done else "stopped" if not live else "paused" if held else "training"


def changed(run: Run) -> float | None:
    """When a study changed last; None where that is not known."""
    if address := address_of(run):
        with suppress(RunError):
            found = server_reader(address.url).studies().get(address.study)
            return found.changed if found and found.changed else begun(address)
        return None
    assert isinstance(run, Path)
    times = [(run / name).stat().st_mtime for name in ("study.db", "study.db-wal") if (run / name).exists()]
    return max(times, default=None)


def _ended(trials: TrialColumns) -> np.ndarray:
    found: np.ndarray = ~in_states(trials, OPEN)
    return found


def _left(pace: Sequence[tuple[float, Work]]) -> float | None:
    """Seconds until the training has ended at the pace of late; None where that is not known."""
    if len(pace) < 2:
        return None
    (since, before), (_, now) = pace[0], pace[-1]
    trained, left = now.done - before.done, now.total - now.done
    return (time.monotonic() - since) * left / trained if trained > 0 and left > 0 else None


def _best(study: Snapshot, searched: np.ndarray) -> JsonObject | None:
    """The chosen trial, or the best so far; with an interval where one can be told."""
    chosen = study.facts.get("best")
    if isinstance(chosen, dict) and "dev" in chosen:
        corrected = chosen.get("corrected") or {}
        return {
            "number": chosen.get("number"),
            "dev": chosen["dev"],
            "interval": chosen.get("interval"),
            "corrected": corrected.get("value"),
            "hyperparameters": chosen.get("hyperparameters"),
            "final": True,
        }
    trials = study.trials
    # Of one that trains for the first time no epoch is kept yet.
    scores = study.setting.sign * trials["kept_score"].values
    scores = np.where(searched & np.isfinite(scores) & ~is_word(trials, "state", State.DIVERGED), scores, -np.inf)
    if not len(scores) or not np.isfinite(scores.max()):
        return None
    place = int(np.argmax(scores))
    dev = float(trials["kept_score"].values[place])
    parts = (study.facts.get("summary") or {}).get("parts") or {}
    return {
        "number": int(trials["number"].values[place]),
        "dev": dev,
        "interval": _wilson(dev, parts.get("dev")) if study.setting.metric == "accuracy" else None,
        "hyperparameters": dict(trials.configuration(place)),
        "final": False,
    }


def _wilson(share: float, examples: Any) -> list[float] | None:
    """The Wilson interval of a share of so many examples, 95 %.

    Example:
        >>> [round(end, 3) for end in _wilson(0.9, 100)]
        [0.826, 0.945]
    """
    if not isinstance(examples, int) or examples < 1 or not 0 <= share <= 1:
        return None
    square = NORMAL**2 / examples
    middle = (share + square / 2) / (1 + square)
    half = NORMAL / (1 + square) * math.sqrt(share * (1 - share) / examples + square / (4 * examples))
    return [middle - half, middle + half]


def _stages(study: Snapshot, searched: np.ndarray) -> list[JsonObject]:
    """The stages of the search, each with how far it has come; the finalists last."""
    trials = study.trials
    ended = _ended(trials)
    stages = trials["stage"].values
    found = []
    for one in known_stages(study.facts.get("stages")):
        there = searched & (stages == one["stage"])
        work = work_of_stage(one, trials, study.counted, study.made)
        found.append(
            {"stage": one["stage"], "name": work.name, "epochs": one["epochs"]}
            | {"trials": max(one["trials"], int(there.sum())), "ended": int((there & ended).sum())}
            | {"done": work.done, "total": work.total}
        )
    finalists = is_word(trials, "purpose", "finalist")
    if finalists.any():
        work, many = study.work, int(finalists.sum())
        found.append({"stage": None, "name": "finalists", "epochs": study.setting.epochs, "trials": many})
        found[-1] |= {"ended": int((finalists & ended).sum()), "done": work.done, "total": work.total}
    return found


def _hyperparameters(setting: RunSetting, trials: TrialColumns) -> list[JsonObject]:
    """The hyperparameters that trials have, each with its scale and range, as far as they are known."""
    return [_hyperparameter(name, setting.space.get(name, {}), trials) for name in trials.hyperparameters]


def _hyperparameter(name: str, form: Mapping[str, Any], trials: TrialColumns) -> JsonObject:
    column = trials[f"hp:{name}"]
    found: JsonObject = {"name": name, "column": f"hp:{name}"}
    if column.options:
        return found | {
            "scale": "choice",
            "options": list(column.options[:MOST_OPTIONS]),
            "fixed": _fixed(column.values),
        }
    known = column.values[np.isfinite(column.values)]
    ends: list[Json] = [float(known.min()), float(known.max())] if len(known) else [None, None]
    scale = str(form.get("scale", "choice" if "choices" in form else "linear"))
    if scale == "choice":
        distinct = sorted(set(known.tolist()))
        return found | {"scale": "numbers", "options": distinct[:MOST_OPTIONS], "fixed": len(distinct) < 2}
    low, high = (form.get("low"), form.get("high")) if "low" in form else (None, None)
    whole = scale.startswith("integer")
    return found | {
        "scale": scale if _can_be(scale, ends) else "linear",
        "low": _end(low, ends[0], min),
        "high": _end(high, ends[1], max),
        "whole": whole,
        "fixed": _fixed(column.values),
    }


def _can_be(scale: str, ends: Sequence[Any]) -> bool:
    """Whether all values can stand on a logarithmic scale, if it is one."""
    low, high = ends
    if low is None or "log" not in scale:
        return True
    return bool(high < 1) if scale == "log-complement" else bool(low > 0)


def _end(planned: Any, seen: Any, further: Any) -> Json:
    ends = [one for one in (planned, seen) if type(one) in (int, float) and math.isfinite(one)]
    return further(ends) if ends else None


def _fixed(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return len(known) == 0 or bool((known == known[0]).all())
