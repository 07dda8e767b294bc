"""How an autopilot divides trials and time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.diagnose.search_budget import FEWEST, MOST, SearchBudget, search_budget
from ikura.study.record.search_plans import SHARE_OF_SEARCH, SearchPlan
from ikura.study.record.trial import Purpose, Trial


def setting(trials: int, limit: float | None = None, unbounded: bool = False, jobs: int = 1) -> Any:
    return SimpleNamespace(trials=trials, time_limit=limit, jobs=jobs, autopilot=SimpleNamespace(unbounded=unbounded))


def made(*trials: int) -> list[SearchPlan]:
    return [SearchPlan(i + 1, i, {}, count, 10, 1.0, [], []) for i, count in enumerate(trials)]


def rows(seconds: float, epochs: int = 10, count: int = 5) -> list[Trial]:
    return [Trial(n, Purpose.SEARCH, 0, 0, {}, seconds=seconds, epochs=epochs) for n in range(count)]


def test_half_of_the_trials_left_and_at_last_all() -> None:
    searches = made(64)
    counts = []
    while (part := search_budget(setting(128), searches, rows(1.0), 0.0, 10, [])) is not None:
        counts.append(part.trials)
        searches = made(64, *counts)
    assert counts == [32, 16, 8, 8]


@given(st.integers(FEWEST, 1000))
def test_all_trials_are_spent_and_no_more(trials: int) -> None:
    counts = [max(trials // 2, FEWEST)]
    while (part := search_budget(setting(trials), made(*counts), rows(1.0), 0.0, 10, [])) is not None:
        assert part.trials >= FEWEST
        counts.append(part.trials)
    assert trials - FEWEST < sum(counts) <= trials


@given(st.floats(1.0, 1e5), st.floats(1e-4, 10.0), st.floats(0.0, 0.8), st.integers(1, 8))
def test_time_is_never_promised_twice(limit: float, each: float, used: float, jobs: int) -> None:
    """Each search ends later than now, not beyond the share of all searches, and searches come to an end."""
    seconds = used * limit
    for _ in range(64):
        part = search_budget(setting(128, limit, True, jobs), made(64), rows(each), seconds, 10, [])
        if part is None:
            return
        assert FEWEST <= part.trials <= MOST
        assert seconds / limit < part.until <= SHARE_OF_SEARCH
        seconds = part.until * limit
    raise AssertionError("the searches never end")


def test_larger_networks_and_longer_training_get_fewer_trials() -> None:
    def trials(epochs: int = 10, opened: tuple[str, ...] = ()) -> int:
        part = search_budget(setting(128, 100.0, True), made(64), rows(1.0), 10.0, epochs, opened)
        assert part is not None
        return part.trials

    assert trials() == int(0.8 * 65 / 2)
    assert trials(opened=("units",)) == trials(opened=("units_1",)) == trials(epochs=20) == trials() // 2
    assert trials(opened=("l2",)) == trials()


def test_two_jobs_train_twice_the_trials() -> None:
    one, two = (search_budget(setting(128, 100.0, True, jobs), made(64), rows(1.0), 10.0, 10, []) for jobs in (1, 2))
    assert one is not None
    assert two is not None
    assert two.trials == 2 * one.trials


@pytest.mark.parametrize("seconds", [74.9, 75.0, 200.0])
def test_no_search_is_begun_without_time(seconds: float) -> None:
    assert search_budget(setting(128, 100.0, True), made(64), rows(1.0), seconds, 10, []) is None


def test_the_last_one_takes_everything() -> None:
    assert search_budget(setting(128), made(64), rows(1.0), 0.0, 10, [], last=True) == SearchBudget(64, 1.0)
    assert search_budget(setting(128, 100.0, True), made(64), rows(0.1), 25.0, 10, [], last=True) == SearchBudget(
        400, 0.75
    )


def test_a_bounded_study_minds_both() -> None:
    assert search_budget(setting(128, 1000.0), made(64), rows(0.1), 10.0, 10, []) == SearchBudget(32, 0.38)
    assert search_budget(setting(128, 1000.0), made(64, 64), rows(0.1), 10.0, 10, []) is None
