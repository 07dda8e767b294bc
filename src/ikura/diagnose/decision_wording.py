"""Decisions of an autopilot in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ikura.study.record.decision import Decision, EndRecord

__all__ = ["change_in_words", "decision_in_words"]


def range_in_words(table: Mapping[str, Any] | float | None) -> str:
    """Write what a hyperparameter may be.

    Example:
        >>> range_in_words({"scale": "log", "low": 1e-4, "high": 1.0}), range_in_words({"choices": ["a", "b"]})
        ('0.0001 to 1', 'a or b')
        >>> range_in_words({"value": 0.5}), range_in_words(None), range_in_words(200)
        ('0.5', 'its default', '200')
    """
    if table is None:
        return "its default"
    if not isinstance(table, Mapping):
        return _short(table)
    if "low" in table:
        return f"{_short(table['low'])} to {_short(table['high'])}"
    return " or ".join(map(_short, table["choices"])) if "choices" in table else _short(table["value"])


def change_in_words(name: str, before: Any, after: Any) -> str:
    """Write one change.

    Example:
        >>> change_in_words("epochs", 100, 200)
        'epochs 200 (was 100)'
        >>> change_in_words("units", {"low": 8, "high": 64}, {"low": 32, "high": 128})
        'units 32 to 128 (was 8 to 64)'
    """
    return f"{name} {range_in_words(after)} (was {range_in_words(before)})"


def decision_in_words(decision: Decision) -> str:
    """Write a decision in a few sentences: the diagnosis, what follows from it, and what that builds on."""
    assert decision.diagnosis is not None
    found = f"After search {decision.after}: {decision.diagnosis.sentence}"
    if isinstance(decision, EndRecord):
        return f"{found} The autopilot ends here: {decision.reason}."
    assert decision.plan is not None
    changes = [change_in_words(name, *pair) for name, pair in decision.changes.items()]
    what = f": {'; '.join(changes)}" if changes else ""
    builds = f"{decision.trials} trials, {decision.known} known beforehand; {decision.weights}"
    next_ = f"Next, {decision.name}{decision.against_gap}{what}."
    return f"{found} {next_} Search {decision.plan.number} has {builds}."


def _short(value: Any) -> str:
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
