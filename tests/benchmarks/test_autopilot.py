"""The race of the autopilot: its tasks, its verdict, its table."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.autopilot import TASKS, _table, verdict


@pytest.mark.parametrize("name", TASKS)
def test_tasks_are_the_same_each_time_and_whole(name: str) -> None:
    make = TASKS[name][1]
    (x, y), (again, _) = make(), make()
    assert np.array_equal(x, again)
    assert len(x) == len(y) >= 300
    assert np.isfinite(x).all()
    assert len(np.unique(y)) >= 2


def test_two_of_each_kind() -> None:
    kinds = [kind for kind, _ in TASKS.values()]
    assert sorted(kinds) == sorted(2 * ["short of capacity", "overfits", "neither"])


def test_the_verdict_is_student_s() -> None:
    from scipy.stats import ttest_1samp

    differences = [0.02, -0.01, 0.03, 0.04, 0.01]
    mean, low, high, word = verdict(differences)
    expected = ttest_1samp(differences, 0.0).confidence_interval()
    assert (mean, low, high) == pytest.approx((0.018, expected.low, expected.high))
    assert word == "even"
    assert verdict([0.02, 0.03, 0.025])[-1] == "lost"
    assert verdict([-0.02, -0.03, -0.025])[-1] == "won"
    assert verdict([-0.5])[-1] == "even"


def test_the_table_pairs_seeds() -> None:
    runs = [
        {
            "task": "digits",
            "seed": seed,
            "auto": auto,
            "dev": 0.1,
            "test": 0.2 - 0.05 * auto + 0.01 * seed,
            "seconds": 9,
        }
        for seed in (0, 1, 2)
        for auto in (False, True)
    ]
    lines = _table(runs, ["digits"]).splitlines()
    assert lines[2].startswith("| digits | neither | 0.1000 | 0.2100 | 9 | 0.1000 | 0.1600 | 9 | -0.0500 (")
    assert lines[2].endswith("| won |")
    assert lines[-1].endswith("-0.0500")
