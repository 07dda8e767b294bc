"""One invocation of the command line: how loud it is, which run it works on, and who may write where."""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import TextIO

from typing_extensions import override

from ikura.study.record.address import ask_by
from ikura.wording import clean, one_line

__all__ = ["Session", "TolerantStream"]


@dataclass
class Session:
    """What all commands share: data go to stdout, everything else to stderr.

    Attributes:
        quiet: stderr gets nothing but errors.
        verbose: stderr also gets log lines, and the traceback of an error.
        run: the run folder the command works on, None as long as it is not known.
        working: whether the command is past reading its options.
        ended_by: number of the signal that ends the command; 0 as long as there is none.
    """

    quiet: bool = False
    verbose: bool = False
    run: Path | None = None
    working: bool = False
    ended_by: int = 0
    _redirected: _StdoutToStderr | None = field(default=None, repr=False)

    @property
    def resumable(self) -> bool:
        """Whether there is a run that `ikura resume` can take up."""
        return self.run is not None and (self.run / "config.toml").exists()

    def say(self, line: str) -> None:
        """Tell the user something on stderr, in one line, unless the session is quiet."""
        if not self.quiet:
            self.complain(one_line(line))

    def complain(self, line: str) -> None:
        """Write to stderr even when the session is quiet; a closed or full stderr is no reason to stop.

        The line is written at once with its end: an interrupt between the two would put another line behind it.
        """
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def emit(self, text: str, *, styled: bool = False) -> None:
        """Write text for people to stdout; what its encoding lacks becomes a question mark.

        Args:
            text: the text. What would steer a terminal is written as its code.
            styled: whether colours stand in the text, which its maker has cleaned.
        """
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self.emit_bytes((text if styled else clean(text)).encode(encoding, "replace"))

    def emit_bytes(self, content: bytes) -> None:
        """Write data to stdout exactly as they are, and all of them: an unbuffered stdout may take them in parts."""
        sys.stdout.flush()
        stream, rest = sys.stdout.buffer, memoryview(content)
        while rest:
            rest = rest[stream.write(rest) :]
        stream.flush()

    @contextmanager
    def work(self) -> Iterator[None]:
        """Carry out the call below the command: log lines, warnings and stray prints all go to stderr."""
        logger = logging.getLogger("ikura")
        handler, level = _Voice(self), logger.level
        self.working = True
        self._redirected = redirected = _StdoutToStderr()
        ask_by(_password)
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR if self.quiet else logging.DEBUG if self.verbose else logging.WARNING)
        try:
            with warnings.catch_warnings(), redirected:
                if self.quiet:
                    warnings.simplefilter("ignore")
                if not self.verbose:
                    warnings.showwarning = self._warn
                yield
        finally:
            self._redirected = None
            logger.removeHandler(handler)
            logger.setLevel(level)
        self.working = False

    @contextmanager
    def aloud(self) -> Iterator[None]:
        """Let stdout be stdout for a while, in the middle of `work`."""
        with nullcontext() if self._redirected is None else self._redirected.lifted():
            yield

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        self.say(f"ikura: warning: {message}")


class TolerantStream(io.TextIOBase):
    """A stream for people that may be lost, as a terminal is that was closed: what is written then goes nowhere.

    Args:
        stream: the stream.

    Example:
        >>> closed = io.StringIO()
        >>> closed.close()
        >>> TolerantStream(closed).write("nobody reads it")
        15
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    @override
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.stream, "encoding", None) or "utf-8"

    @override
    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self.stream.write(text)
        return len(text)

    @override
    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self.stream.flush()

    @override
    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self.stream.isatty()
        return False

    @override
    def fileno(self) -> int:
        return self.stream.fileno()

    @override
    def writable(self) -> bool:
        return True


class _Voice(logging.Handler):
    """Hands log records to the session, which looks up stderr anew each time: a live display may have replaced it.

    What a progress was told too is shown there.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "told", False):
            return
        self.session.complain(one_line(f"ikura: {record.levelname.lower()}: {self.format(record)}"))


def _password(question: str) -> str | None:
    """Ask for a password where there is a terminal to ask in."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    with suppress(EOFError, OSError):
        return getpass(question)
    return None


class _StdoutToStderr:
    """Sends what is printed to stdout to stderr, also from child processes and compiled code."""

    def __enter__(self) -> None:
        try:
            self.out = sys.stdout.fileno()
            sys.stdout.flush()
            self.kept: int | None = os.dup(self.out)
        except (OSError, ValueError, AttributeError):
            self.kept = None
        self._turn()

    def __exit__(self, *_: object) -> None:
        self._turn_back()
        if self.kept is not None:
            os.close(self.kept)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Send it to stdout for a while."""
        self._turn_back()
        try:
            yield
        finally:
            self._turn()

    def _turn(self) -> None:
        if self.kept is not None:
            try:
                os.dup2(sys.stderr.fileno(), self.out)
            except (OSError, ValueError, AttributeError):
                os.close(self.kept)
                self.kept = None
        self.python = redirect_stdout(TolerantStream(sys.stderr))
        self.python.__enter__()

    def _turn_back(self) -> None:
        self.python.__exit__(None, None, None)
        if self.kept is not None:
            os.dup2(self.kept, self.out)
