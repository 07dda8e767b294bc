"""How an autopilot divides its budget: what the next search may have of the trials and the time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ikura.study.record.decision import SearchPlan
from ikura.study.record.search_plans import SHARE_OF_SEARCH
from ikura.study.record.setting import Setting
from ikura.study.record.trial import Trial

__all__ = ["FEWEST", "SearchBudget", "search_budget"]

FEWEST, MOST, ENDLESS = 8, 96, 4096
"""Trials of a search: with fewer nothing is learnt between its stages, with more a wrong remedy costs too much, and no
search that has the rest of the time needs more than the last of these."""

UNDIVIDED = 2 * FEWEST
"""Trials left that one search takes altogether."""

LARGER = 2.0
"""How much longer a trial is expected to take in a search of larger networks."""

SURE = 0.8
"""Share of a search's time that its trials are planned to fill."""

SIZES = ("units", "layers", "blocks", "channels")


@dataclass(frozen=True)
class SearchBudget:
    """What the next search may have.

    Attributes:
        trials: how many.
        until: share of the study's time limit at which it ends.
    """

    trials: int
    until: float


def search_budget(
    setting: Setting,
    searches: Sequence[SearchPlan],
    rows: Sequence[Trial],
    seconds: float,
    epochs: int,
    opened: Sequence[str],
    last: bool = False,
) -> SearchBudget | None:
    """Divide what is left: half of it goes to the next search, all of it when half would be too little.

    Without a number of trials a search has as many as are likely to fit its time, but no more than `MOST`.

    Args:
        setting: the study's.
        searches: those made so far.
        rows: trials of the search that the next one builds on.
        seconds: used so far, by everything.
        epochs: of a trial of the next search.
        opened: hyperparameters whose ranges it changes.
        last: whether nothing else is left to try, so that it may have everything.

    Returns:
        The allowance; None when the trials or the time are spent.
    """
    left = setting.trials - sum(one.trials for one in searches)
    trials = left if last or left < UNDIVIDED else max(left // 2, FEWEST)
    most = ENDLESS if last else MOST
    unbounded = setting.autopilot is not None and setting.autopilot.unbounded
    if unbounded:
        trials = most
    if setting.time_limit is None:
        return SearchBudget(trials, 1.0) if trials >= FEWEST else None
    each = _seconds_each(setting, rows, epochs, opened)
    time = SHARE_OF_SEARCH * setting.time_limit - seconds
    share = time if last or time < 2 * UNDIVIDED * each else time / 2
    if trials < FEWEST or share < FEWEST * each:
        return None
    if unbounded:
        trials = min(most, max(FEWEST, int(SURE * share / max(each, 1e-6))))
    return SearchBudget(trials, min((seconds + share) / setting.time_limit, SHARE_OF_SEARCH))


def _seconds_each(setting: Setting, rows: Sequence[Trial], epochs: int, opened: Sequence[str]) -> float:
    """Seconds by the clock that a trial of the next search is expected to take."""
    trained = [row for row in rows if row.epochs]
    mean = sum(row.seconds for row in trained) / max(len(trained), 1)
    longest = max((row.epochs for row in trained), default=epochs)
    grown = LARGER if any(name.split("_")[0] in SIZES for name in opened) else 1.0
    return mean * max(epochs / longest, 1.0) * grown / setting.jobs
