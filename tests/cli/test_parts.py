"""Durations, the summary."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.cli.duration_text import format_duration, parse_duration
from ikura.cli.result_summary import summary
from ikura.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("1h30m", 5400), (" 2M ", 120), (".5s", 0.5), ("1.", 1)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "10 minutes", "-5", "-5m", "1e3", "nan", "inf", "0", "0h", "10m5", "٣m", "1.5.2s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        parse_duration(text)


@given(st.integers(min_value=10, max_value=10**6))
def test_a_written_duration_reads_back_within_its_unit(seconds: int) -> None:
    written = format_duration(seconds).replace(" min", "m").replace(" ", "")
    # Below an hour seconds are written, above it whole minutes: rounding takes at most half of one.
    assert abs(parse_duration(written) - seconds) <= (0 if seconds < 3600 else 30)


def test_the_summary_ranks_the_trained_search_trials_and_says_what_next(calls: dict[str, Any]) -> None:
    text = summary(calls["study"])
    table = text[text.index("Best trials") : text.index("Best hyperparameters")]
    rows = [line.split() for line in table.splitlines()[2:] if line.strip() and line.split()[0].isdigit()]
    assert rows == [["1", "0.5", "16", "0.97"], ["0", "0.01235", "64", "0.91"]]
    assert "(1 complete, 1 stopped, 1 diverged, 1 pruned)" in text
    assert "optimizer" in text
    assert "0.97 (95 % interval 0.93 to 0.99)" in text
    assert "0.96 (95 % interval 0.92 to 0.98), for having been picked" in text
    assert "Better than the next, trial 0, beyond chance." in text
    assert "Time           42 s" in text
    assert f"ikura predict '{calls['study'].run}' new.csv" in text


def test_the_summary_of_a_loss_ranks_the_smallest_first(calls: dict[str, Any]) -> None:
    calls["study"].metric.greater_is_better = False
    calls["study"].test = None
    text = summary(calls["study"])
    assert text.index("0.01235") < text.index("0.5")
    assert "measured once" not in text
