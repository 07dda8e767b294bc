"""Signals that end a command: the first one lets it wind up, the next one ends it at once; one line is said."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from ikura.cli.exit_code import ending
from ikura.cli.session import Session

__all__ = ["Signals"]

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
SHOWN_AGAIN = b"\r\x1b[2K\x1b[?25h"
"""To a terminal: clear the line, show the cursor that a live display has hidden."""
SOON = 0.05


class _State(Enum):
    WORKING = auto()
    WINDING_UP = auto()
    TELLING = auto()
    OVER = auto()


class Signals:
    """Ctrl-C, a request to end, and a terminal that goes away.

    The first signal raises `KeyboardInterrupt` in the main thread: what is in work is saved. The next one, if saving
    takes too long for somebody, ends the process on the spot, which is as safe as `kill -9` is. A signal that is
    ignored when the command begins, as under nohup, stays ignored.

    Args:
        session: is told the number of the first signal.
        last: whether the process ends with the command; otherwise all is put back then.
    """

    def __init__(self, session: Session, last: bool) -> None:
        self.session, self.last = session, last
        self._state = _State.WORKING
        self._code = 0
        self._before: dict[int, Any] = {}
        self._hook: Any = None

    def watch(self) -> None:
        """Take the signals over, in the main thread; elsewhere they are not this command's."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in ENDING:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self._arrived)
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        if self.last:
            # At its very end the interpreter takes handlers away, but leaves what is ignored ignored.
            atexit.register(self._put, signal.SIG_IGN)

    def telling(self) -> None:
        """Let nothing disturb the last line."""
        self._state = _State.TELLING

    def over(self, code: int) -> None:
        """The command has ended with a code; a signal from now on ends the process with the same."""
        self._state, self._code = _State.OVER, code
        if not self.last and self._hook is not None:
            self._put(None)
            sys.unraisablehook = self._hook

    def _put(self, handler: Any) -> None:
        """Give all signals one handler; None for those that they had before."""
        for number, before in self._before.items():
            signal.signal(number, before if handler is None else handler)

    def _arrived(self, number: int, frame: Any) -> None:
        if self._state is _State.WORKING:
            self._state, self.session.ended_by = _State.WINDING_UP, number
            raise KeyboardInterrupt
        if self._state is _State.WINDING_UP:
            line, code = ending(self.session)
            with suppress(OSError, ValueError, AttributeError):
                begin = SHOWN_AGAIN if sys.stderr.isatty() else b""
                os.write(sys.stderr.fileno(), begin + f"{line}\n".encode())
            os._exit(code)
        if self._state is _State.OVER:
            os._exit(self._code)

    def _unraisable(self, found: Any) -> None:
        """Where the interrupt came in a place that cannot pass it on, such as a destructor, it comes again soon."""
        if not issubclass(found.exc_type, KeyboardInterrupt):
            self._hook(found)
        elif self._state is _State.WINDING_UP:
            self._state = _State.WORKING
            again = threading.Timer(SOON, os.kill, (os.getpid(), self.session.ended_by))
            again.daemon = True
            again.start()
