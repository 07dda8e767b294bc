"""Text made fit for people: of unknown origin, so that it does not steer a terminal and has an end; and numbers."""

from __future__ import annotations

import re

__all__ = ["clean", "figure", "one_line", "shortened", "span"]

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and newline, separators of lines, marks that turn the direction, halves of characters."""
LONGEST_LINE, LONGEST_NAME = 1000, 120
WRITTEN_OUT = 1e15
"""Numbers below this have no exponent for being large."""


def clean(text: str) -> str:
    r"""Write what would steer a terminal, turn the direction of writing or cannot be encoded as its code.

    Example:
        >>> clean("a\x1b[31mb\u202ec")
        'a\\x1b[31mb\\u202ec'
    """
    return STEERING.sub(_code, text)


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    r"""Write text as one clean line; of a long one the beginning and the end.

    Example:
        >>> one_line("two\n  lines\a"), one_line("abc" * 9, most=12)
        ('two lines\\x07', 'abcabc … abc')
    """
    line = clean(" ".join(text.split()))
    if len(line) <= most:
        return line
    end = max(most // 4, 1)
    return f"{line[: most - end - 3]} … {line[-end:]}"


def shortened(name: str, most: int = LONGEST_NAME) -> str:
    """Quote a name of any length for a message.

    Example:
        >>> shortened("a" * 500, most=9)
        "'aaaa … aa'"
    """
    return repr(one_line(name, most)) if len(name) > most else repr(name)


def figure(value: float, digits: int = 4) -> str:
    """Write a score or a value in so many significant digits, of a large one with its thousands apart.

    Example:
        >>> figure(0.95238), figure(14437.2), figure(-0.00001234), figure(1e20), figure(512.4, 2)
        ('0.9524', '14,440', '-1.234e-05', '1e+20', '510')
    """
    short = f"{value:.{digits}g}"
    return f"{float(short):,.0f}" if 10**digits <= abs(float(short)) < WRITTEN_OUT else short


def span(ends: tuple[float, float], digits: int = 4) -> str:
    """Write an interval.

    Example:
        >>> span((0.931, 0.98765), 3), span((13040.0, 15861.0))
        ('0.931 to 0.988', '13,040 to 15,860')
    """
    return f"{figure(ends[0], digits)} to {figure(ends[1], digits)}"


def _code(match: re.Match[str]) -> str:
    point = ord(match[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
