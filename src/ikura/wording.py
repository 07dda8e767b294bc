"""Text of unknown origin made fit for people: nothing in it steers a terminal, and it has an end."""

from __future__ import annotations

import re

__all__ = ["clean", "one_line", "shortened"]

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and newline, separators of lines, marks that turn the direction, halves of characters."""
LONGEST_LINE, LONGEST_NAME = 1000, 120


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


def _code(match: re.Match[str]) -> str:
    point = ord(match[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
