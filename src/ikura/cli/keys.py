"""Keys of a terminal, one by one as they are pressed."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["in_foreground", "pressed_keys", "single_keys"]

MOST_BYTES = 4096
LOCAL = 3
"""Place of the flags among what a terminal is set to that say whether it waits for whole lines."""
SEQUENCE = re.compile(r"\x1b+(?:\[[0-?]*[ -/]*[@-~]|O[0-9;]*[ -~]|[^\x1b])")
"""What a terminal sends for an arrow, a function key, or a key that is pressed together with alt."""


def single_keys(text: str) -> str:
    r"""Leave out what is sent for keys that are no character, whose letters nobody has pressed.

    Example:
        >>> single_keys("a\x1bOPb\x1b[1;2Ac\x1bxd\x1b")
        'abcd\x1b'
    """
    return SEQUENCE.sub("", text)


def in_foreground(stream: int) -> bool:
    """Whether this process may read a terminal and set its mode; one in the background is stopped when it tries.

    Args:
        stream: file descriptor of the terminal.
    """
    try:
        return os.tcgetpgrp(stream) == os.getpgrp()
    except OSError:
        # It is no terminal that a shell gives to one job after another.
        return True


@contextmanager
def pressed_keys() -> Iterator[Callable[[float], str]]:
    """Read keys one by one within the block; yields a function that waits some seconds for what is pressed.

    A shell that stopped the process, and let it go on, leaves the terminal in its own mode. In the background no key is
    read.
    """
    import termios
    import tty

    stream = sys.stdin.fileno()
    before = termios.tcgetattr(stream)
    decoder = getincrementaldecoder("utf-8")(errors="ignore")
    tty.setcbreak(stream)

    def pressed(seconds: float) -> str:
        if not in_foreground(stream):
            time.sleep(seconds)
            return ""
        if termios.tcgetattr(stream)[LOCAL] & termios.ICANON:
            tty.setcbreak(stream, termios.TCSADRAIN)
        ready, _, _ = select.select([stream], [], [], seconds)
        return single_keys(decoder.decode(os.read(stream, MOST_BYTES))) if ready else ""

    try:
        yield pressed
    finally:
        if in_foreground(stream):
            termios.tcsetattr(stream, termios.TCSADRAIN, before)
