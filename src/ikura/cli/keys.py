"""Keys of a terminal, one by one as they are pressed."""

from __future__ import annotations

import os
import re
import select
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["pressed_keys", "single_keys"]

MOST_BYTES = 4096
SEQUENCE = re.compile(r"\x1b+(?:\[[0-?]*[ -/]*[@-~]|O[0-9;]*[ -~]|[^\x1b])")
"""What a terminal sends for an arrow, a function key, or a key that is pressed together with alt."""


def single_keys(text: str) -> str:
    r"""Leave out what is sent for keys that are no character, whose letters nobody has pressed.

    Example:
        >>> single_keys("a\x1bOPb\x1b[1;2Ac\x1bxd\x1b")
        'abcd\x1b'
    """
    return SEQUENCE.sub("", text)


@contextmanager
def pressed_keys() -> Iterator[Callable[[float], str]]:
    """Read keys one by one within the block; yields a function that waits some seconds for what is pressed."""
    import termios
    import tty

    stream = sys.stdin.fileno()
    before = termios.tcgetattr(stream)
    decoder = getincrementaldecoder("utf-8")(errors="ignore")
    tty.setcbreak(stream)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([stream], [], [], seconds)
        return single_keys(decoder.decode(os.read(stream, MOST_BYTES))) if ready else ""

    try:
        yield pressed
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, before)
