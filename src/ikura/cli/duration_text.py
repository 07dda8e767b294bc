"""Durations as people write and read them."""

from __future__ import annotations

import re

from ikura.errors import UsageError
from ikura.page.formatting import duration

__all__ = ["format_duration", "parse_duration"]

SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
PARTS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([hms])", re.ASCII)
WHOLE = re.compile(rf"(?:{PARTS.pattern})+", re.ASCII)
BARE = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)


def parse_duration(text: str) -> float:
    """Read a duration such as 90, 90s, 10m, 1.5h or 1h30m.

    Args:
        text: number and unit (h, m or s), possibly several; a bare number means seconds.

    Returns:
        Seconds, more than zero.

    Raises:
        UsageError: the text is not a duration, or is zero.

    Example:
        >>> [parse_duration(text) for text in ("90", "90s", "10m", "1.5h", "1h30m")]
        [90.0, 90.0, 600.0, 5400.0, 5400.0]
    """
    stripped = text.strip().lower()
    if BARE.fullmatch(stripped):
        seconds = float(stripped)
    elif WHOLE.fullmatch(stripped):
        seconds = sum(float(number) * SECONDS[unit] for number, unit in PARTS.findall(stripped))
    else:
        raise UsageError(f"a duration is written like 90, 90s, 10m or 1.5h, but got {text!r}")
    if not seconds > 0:
        raise UsageError(f"a duration must be more than zero, but got {text!r}")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a duration in at most two units.

    Args:
        seconds: zero or more.

    Returns:
        Text such as "0.4 s", "42 s", "3 min 20 s" or "1 h 5 min".

    Example:
        >>> [format_duration(seconds) for seconds in (0.42, 42, 59.7, 200, 3900)]
        ['0.4 s', '42 s', '1 min 0 s', '3 min 20 s', '1 h 5 min']
    """
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)
