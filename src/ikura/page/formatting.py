"""Numbers, durations and lists as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

__all__ = ["NOTHING", "as_float", "as_words", "count", "duration", "interval", "listed", "number", "plural", "score"]

NOTHING = "–"


def as_float(value: Any) -> float:
    """Take a number out of whatever a table holds; NaN when there is none.

    Example:
        >>> as_float(3), as_float(None), as_float("adam")
        (3.0, nan, nan)
    """
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan


def number(value: Any, digits: int = 4) -> str:
    """Write a value in a table's cell, a number in at most so many significant digits.

    Example:
        >>> [number(value) for value in (0.0123456, 64.0, -3, None, float("nan"), "adam", True)]
        ['0.01235', '64', '−3', '–', '–', 'adam', 'True']
        >>> number(14437.2)
        '14440'
    """
    if type(value) is str:
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if type(value) is float:
        return _shortened(value, digits)
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return str(int(value)).replace("-", "−")
    return _shortened(float(value), digits)


def _shortened(size: float, digits: int) -> str:
    if size.is_integer() and abs(size) < 1e6:
        return f"{size:.0f}".replace("-", "−")
    short = f"{size:.{digits}g}"
    if 10**digits <= abs(size) < 1e6:
        short = f"{float(short):.0f}"
    return short.replace("-", "−").replace("inf", "∞")


def score(value: Any, decimals: int = 4) -> str:
    """Write a score: fixed decimals for what lies about one, significant digits for what does not.

    Example:
        >>> [score(value) for value in (0.97, -0.25, 20.8, 1234.5678, 0.00001234, float("nan"))]
        ['0.9700', '−0.2500', '20.80', '1235', '1.234e−05', '–']
    """
    size = abs(as_float(value))
    if math.isfinite(size) and (size == 0 or 0.001 <= size < 10):
        return f"{as_float(value):.{decimals}f}".replace("-", "−")
    if 10 <= size < 1e6:
        return f"{as_float(value):.{max(0, 3 - math.floor(math.log10(size)))}f}".replace("-", "−")
    return number(as_float(value))


def interval(ends: Sequence[float] | None, decimals: int = 3) -> str:
    """Write an interval, or nothing when its ends are not known.

    Example:
        >>> interval((0.934, 0.9914))
        '0.934 to 0.991'
    """
    if ends is None or not all(math.isfinite(as_float(end)) for end in ends):
        return ""
    return " to ".join(score(end, decimals) for end in ends)


def count(value: Any) -> str:
    """Write a whole number with its thousands apart.

    Example:
        >>> count(1234567)
        '1,234,567'
    """
    return f"{int(value):,}" if math.isfinite(as_float(value)) else NOTHING


def plural(value: int, noun: str, many: str | None = None) -> str:
    """Write a count with its noun.

    Example:
        >>> plural(1, "trial"), plural(1200, "trial"), plural(2, "class", "classes")
        ('1 trial', '1,200 trials', '2 classes')
    """
    return f"{count(value)} {noun if value == 1 else many or noun + 's'}"


def duration(seconds: Any) -> str:
    """Write seconds in at most two units.

    Example:
        >>> [duration(seconds) for seconds in (0.001, 0.042, 0.42, 42, 200, 3900, None)]
        ['< 0.01 s', '0.04 s', '0.4 s', '42 s', '3 min 20 s', '1 h 5 min', '–']
    """
    seconds = as_float(seconds)
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 0.005:
        return "< 0.01 s"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.095 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def listed(words: Sequence[str], most: int = 8) -> str:
    """Write a list as English does, cut off where it grows long.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
        ('a, b and c', 'a, b and 1 more')
    """
    words = list(words)
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most:,} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def as_words(name: str) -> str:
    """Write a metric's or stage's name as words.

    Example:
        >>> as_words("balanced_accuracy"), as_words("roc_auc")
        ('balanced accuracy', 'ROC AUC')
    """
    capitals = {"roc": "ROC", "auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1": "F1", "mcc": "MCC"}
    return " ".join(capitals.get(word, word) for word in str(name).split("_"))
