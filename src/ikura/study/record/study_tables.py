"""What a study reads from its store: the table of trials, its front, the rounds, the choice and the test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index

import numpy as np
import pandas as pd

from ikura.errors import UsageError
from ikura.study.record.facts import BEST, COSTS
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger
from ikura.study.record.pareto import cost, front
from ikura.study.record.result import Best
from ikura.study.record.store import ABOUT, RESULTS, Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State
from ikura.wording import shortened

__all__ = [
    "RoundSummary",
    "best_of",
    "cut_by_hand",
    "front_of",
    "live_row_of",
    "rounds_of",
    "row_of",
    "seconds_until_told",
    "trials_of",
    "trials_there",
]

LARGEST = 2**53
"""Numbers of trials are below it."""
SCORES = ("dev_score", "dev_loss", "train_score", "train_loss")


@dataclass(frozen=True)
class Dropped:
    """A trial that a round dropped: its number, its epochs until then, and why."""

    number: int
    epochs: int
    why: str


@dataclass(frozen=True)
class RoundSummary:
    """What a round decided.

    Attributes:
        stage: index of its stage.
        round: its index there.
        epochs: those that it trains to.
        going_on, begun, copied: numbers of trials.
        dropped: trials that end.
    """

    stage: int
    round: int
    epochs: list[int]
    going_on: int
    begun: int
    copied: int
    dropped: list[Dropped]


def seconds_until_told(spent: Mapping[str, float]) -> dict[str, float]:
    """The seconds of the stages that a report can know: all but those of its own writing.

    Example:
        >>> seconds_until_told({"read": 0.5, "coarse": 41.2, "report": 1.5})
        {'read': 0.5, 'coarse': 41.2}
    """
    return {name: one for name, one in spent.items() if name != "report" and math.isfinite(one)}


def row_of(store: Store, number: int) -> Trial:
    """Read one trial.

    Raises:
        UsageError: there is no such trial.
    """
    try:
        found = None if isinstance(number, bool | np.bool_) else index(number)
    except TypeError:
        found = None
    row = None if found is None or not 0 <= found < LARGEST else store.trial(found)
    if row is None:
        shown = shortened(repr(number) if found is None or abs(found) < LARGEST else "of so many digits")[1:-1]
        raise UsageError(f"no trial {shown}: {trials_there(store)}")
    return row


def trials_there(store: Store) -> str:
    """Which trials a study has, as part of one line.

    Example:
        >>> trials_there(Store(":memory:", create=True))
        'the study has no trials yet'
    """
    count = store.count()
    return f"the study has trials 0 to {count - 1}" if count else "the study has no trials yet"


def live_row_of(store: Store, number: int) -> Trial:
    """Read one trial as it stands while it trains: its state, and the epochs that are not on record yet.

    Raises:
        UsageError: there is no such trial.
    """
    # Read before the record, in which the epochs are when they are not live any more.
    live = store.live_epochs([row_of(store, number).number])
    row = row_of(store, number)
    if row.state.ended:
        return row
    epochs = max(row.epochs, live.get(row.number, 0))
    still = Interventions(store).paused().get(row.number)
    if still is not None and epochs >= still:
        return replace(row, state=State.PAUSED, epochs=epochs)
    return replace(row, state=State.RUNNING if row.number in live else row.state, epochs=epochs)


def trials_of(store: Store, names: Sequence[str], objectives: Sequence[str]) -> pd.DataFrame:
    """Read the table of trials, as `Study.trials`.

    Args:
        store: the study's store.
        names: hyperparameters that may have a column.
        objectives: what else than the dev score trials are compared by.
    """
    made = store.once(("trials", *names, *objectives), lambda: _table(store, names, objectives))
    return made.copy(deep=False)


def _table(store: Store, names: Sequence[str], objectives: Sequence[str]) -> pd.DataFrame:
    # Read before the record, in which the epochs are when they are not live any more.
    live = store.live_epochs()
    frame = store.table()
    if objectives:
        rows, costs = store.trials(), store.fact(COSTS) or {}
        frame = frame.assign(**{name: [cost(row, name, costs) for row in rows] for name in objectives})
    measures = store.measures()
    touched = Interventions(store).touched()
    others = [name for name in measures if name not in frame]
    frame = frame.join(measures[others], on="number")
    frame["state"], frame["epochs"] = _as_they_stand(store, frame, live)
    frame = frame[[*ABOUT, *(name for name in names if name in frame), *RESULTS, *others, *objectives]]
    if touched:
        frame["touched"] = frame["number"].isin(touched) | (
            (frame["purpose"] == Purpose.FINALIST) & frame["parent"].isin(touched)
        )
    return frame.astype(dict.fromkeys(SCORES, np.float64) | {"parent": "Int64", "best_epoch": "Int64"})


def _as_they_stand(store: Store, frame: pd.DataFrame, live: Mapping[int, int]) -> tuple[pd.Series[str], pd.Series[int]]:
    """The states and epochs of trials, as `live_row_of` reads them of one."""
    states, still = frame["state"], Interventions(store).paused()
    unended = states.isin([one for one in State if not one.ended])
    states = states.mask(unended & frame["number"].isin(live), State.RUNNING)
    # Epochs of one whose neighbours train on are not recorded yet; one that trains again is on its way to the pause.
    reached = frame["number"].map(live).fillna(0).astype(np.int64)
    epochs = frame["epochs"].mask(unended & (reached > frame["epochs"]), reached)
    return states.mask(unended & (epochs >= frame["number"].map(still)), State.PAUSED), epochs


def front_of(store: Store, names: Sequence[str], objectives: Sequence[str], sign: float) -> pd.DataFrame:
    """Read the trials on the Pareto front, as `Study.pareto`.

    Args:
        store: the study's store.
        names: hyperparameters that may have a column.
        objectives: what else than the dev score trials are compared by.
        sign: 1 if a greater dev score is better, -1 otherwise.
    """
    rows = front(store.trials(), sign, objectives, store.fact(COSTS) or {})
    trials = trials_of(store, names, objectives).set_index("number", drop=False).loc[[row.number for row in rows]]
    present = [name for name in names if name in trials]
    best = store.fact(BEST)
    trials = trials[["number", "dev_score", *objectives, *present]].reset_index(drop=True)
    return trials.assign(chosen=trials["number"] == (best and best.number))


def cut_by_hand(store: Store) -> set[int]:
    """Read which trials a hand cut short: those that it stopped, and those left when it ended the search.

    What was cut short in stages before the one in which the search ended, the time limit ended.
    """
    interventions, rows = Interventions(store), store.trials(purpose=Purpose.SEARCH)
    if not rows:
        return set()
    asked = interventions.stopped()
    stopped = {row.number for row in rows if row.number in asked and row.state.trained}
    if not interventions.ended():
        return stopped
    last = max(row.stage for row in rows)
    return stopped | {row.number for row in rows if row.stage == last and row.state.cut_short}


def rounds_of(store: Store) -> list[RoundSummary]:
    """Read what the schedule decided."""
    rounds = Ledger(store).rounds()
    epochs = store.epochs() if any(one.drop for one in rounds) else {}
    return [
        RoundSummary(
            one.stage, one.round, sorted(set(one.until.values())), len(one.train) + len(one.kept), len(one.fresh),
            len(one.copies),
            [Dropped(number, epochs[number], why) for number, why in one.drop.items()],
        )
        for one in rounds
    ]  # fmt: skip


def best_of(store: Store) -> Best | None:
    """Read the chosen trial; None before the end, or when every trial failed."""
    found = store.fact(BEST)
    if found is None:
        return None
    value, interval = (found.corrected.value, found.corrected.interval) if found.corrected else (None, None)
    changed = Interventions(store).changed(found.number)
    return Best(
        found.number, found.hyperparameters, found.dev, found.interval, value, interval, found.next, found.note, changed
    )
