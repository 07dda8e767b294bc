"""Requests to a study that trains: as they come from the page, and the log of what became of them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ikura.errors import UsageError
from ikura.json_values import Json, JsonObject
from ikura.web.database_reader import Reader, reading
from ikura.web.located import Run

__all__ = ["ACTIONS", "interventions", "request_of", "touched"]

ACTIONS = (
    "set", "stop", "fork", "rewind", "pause", "go-on", "longer", "pin", "unpin", "prioritise", "note",
    "inject", "range", "add", "ban", "budget", "stop-worst", "end",
)  # fmt: skip
"""What the page can ask for."""
UNTOUCHED = ("pause", "go-on", "note", "prioritise")
"""Actions to which no trial owes anything."""
MOST_WORDS, MOST_VALUES = 500, 100
MOST_LISTED, MOST_TOUCHED = 1_000, 100_000
COLUMNS = ("number", "trial", "action", "content", "at", "who", "time", "why", "state", "reason", "applied", "made")
RULE = "rule"
"""A further column, which a database of an earlier ikura does not have."""
EARLIER = f"""
    SELECT DISTINCT CASE WHEN made IS NULL THEN trial ELSE made END FROM interventions
    WHERE state = 'applied' AND action NOT IN ({", ".join(f"'{one}'" for one in UNTOUCHED)})
"""
"""Reads the trials that a hand changed or made from a database whose rules asked for nothing."""
BY_HAND = f"""
    WITH RECURSIVE owing(number, since) AS (
        SELECT trial, applied FROM interventions WHERE state = 'applied' AND {RULE} = '' AND action = 'set'
        UNION SELECT made, 0 FROM interventions WHERE state = 'applied' AND {RULE} = '' AND made IS NOT NULL
        UNION SELECT copy.made, 0 FROM interventions AS copy
            JOIN owing ON copy.trial = owing.number AND copy.applied >= owing.since
            WHERE copy.{RULE} != '' AND copy.made IS NOT NULL
    )
    SELECT number FROM owing UNION {EARLIER} AND {RULE} = ''
"""
"""Reads them together with the copies that a rule made of them: since when they owe it to a hand, and the copies do."""
LARGEST = 2**53
LARGEST_VALUE = 1e308


def request_of(form: Json) -> JsonObject:
    """Check a request as it comes from outside, but for what only the study knows.

    Args:
        form: action, and where they are needed trial, values, at and why.

    Raises:
        UsageError: naming what is wrong.

    Example:
        >>> request_of({"action": "set", "trial": 3, "values": {"learning_rate": 0.1}})["values"]
        {'learning_rate': 0.1}
    """
    if not isinstance(form, dict):
        raise UsageError("a request must be an object")
    if unknown := form.keys() - {"run", "action", "trial", "values", "at", "why"}:
        raise UsageError(f"a request has no field {sorted(map(str, unknown))[0][:80]!r}")
    action, values, why = form.get("action"), form.get("values", {}), form.get("why", "")
    if action not in ACTIONS:
        raise UsageError(f"action must be one of {', '.join(ACTIONS)}")
    if not isinstance(values, dict) or len(values) > MOST_VALUES or not all(_is_value(one) for one in values.values()):
        raise UsageError("values must be an object of numbers, texts and truth values")
    if not isinstance(why, str) or len(why) > MOST_WORDS or not _is_text(why):
        raise UsageError(f"why must be a text of at most {MOST_WORDS} characters")
    for name in ("trial", "at"):
        if not _is_count(form.get(name)):
            raise UsageError(f"{name} must be a whole number, at least 0")
    return {"action": action, "trial": form.get("trial"), "values": values, "at": form.get("at"), "why": why}


def interventions(run: Run, trial: int | None = None) -> list[JsonObject]:
    """Read what was asked of a study, the last first; of one trial where it is named.

    Raises:
        RunError: the database cannot be read.
    """
    with reading(run) as connection:
        known = _columns(connection)
        columns = [name for name in (*COLUMNS, RULE) if name in known]
        query = f"SELECT {', '.join(columns)} FROM interventions"
        values: tuple[int, ...] = ()
        if trial is not None:
            query, values = f"{query} WHERE trial = ? OR made = ?", (trial, trial)
        query = f"{query} ORDER BY number DESC LIMIT {MOST_LISTED}"
        rows = connection.execute(query, values).fetchall() if known else []
        return [_told(dict(zip(columns, row, strict=True))) for row in rows]


def touched(run: Run) -> set[int]:
    """The numbers of the trials that owe something to a hand, as `Interventions.touched` tells them."""
    with reading(run) as connection:
        known = _columns(connection)
        query = f"{BY_HAND if RULE in known else EARLIER} LIMIT {MOST_TOUCHED}"
        rows = connection.execute(query).fetchall() if known else []
        return {one for (one,) in rows if type(one) is int}


def _columns(connection: Reader) -> set[str]:
    """The columns that the table of interventions has; none where an ikura wrote it that knew no interventions."""
    try:
        return {one[0] for one in connection.execute("SELECT * FROM interventions LIMIT 0").description}
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return set()
        raise


def _told(found: JsonObject) -> JsonObject:
    try:
        content = json.loads(found.pop("content"))
    except (ValueError, TypeError, RecursionError):
        content = {}
    return {**found, "values": content if isinstance(content, dict) else {}}


def _is_value(value: Any) -> bool:
    """Whether it is a text without halves of characters, a truth value, or a number that is no infinity."""
    if isinstance(value, str):
        return _is_text(value)
    return isinstance(value, bool) or (type(value) in (int, float) and -LARGEST_VALUE < value < LARGEST_VALUE)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in value)


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < LARGEST)
