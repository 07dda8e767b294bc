"""The command line: a thin layer over `ikura.tune`, `ikura.check` and the other public calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ikura.cli.exit_code import ExitCode, explain_error
from ikura.cli.session import Session
from ikura.cli.signals import Signals
from ikura.process_state import ends_at_once

__all__ = ["ExitCode", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line once.

    Args:
        arguments: what follows the program's name; None takes them from the process.

    Returns:
        The exit code, see `ExitCode`.

    Example:
        >>> main(["--version"])
        ikura ...
        0
    """
    if arguments is None:
        _need_unicode()
    _open_missing_streams()
    session = Session()
    signals = Signals(session, last=arguments is None)
    try:
        signals.watch()
        code = _invoke(list(sys.argv[1:] if arguments is None else arguments), session)
        sys.stdout.flush()
    except BaseException as error:
        signals.telling()
        code = explain_error(error, session)
        _settle_stdout()
    signals.over(code)
    if arguments is None and ends_at_once():
        sys.stderr.flush()
        os._exit(code)
    return code


def _need_unicode() -> None:
    """Begin again in Python's UTF-8 mode where the locale knows ASCII only: other names could not be said or kept."""
    if sys.getfilesystemencoding().lower() in ("ascii", "us-ascii", "ansi_x3.4-1968", "646") and sys.orig_argv:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _invoke(arguments: list[str], session: Session) -> int:
    """Parse the arguments and carry the command out; errors pass through."""
    import typer

    from ikura.cli.app import command

    root = command()
    try:
        with root.make_context("ikura", arguments, obj=session) as context:
            result = root.invoke(context)
    except typer.Exit as end:
        return int(end.exit_code)
    return int(result or ExitCode.DONE)


def _open_missing_streams() -> None:
    """Stand in for a stdout or stderr that the caller closed, before another file gets its descriptor."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _settle_stdout() -> None:
    """Flush stdout, or point it at nothing when that fails, so that the interpreter's own flush cannot fail later."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        try:
            descriptor = sys.stdout.fileno()
        except (OSError, ValueError):
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, descriptor)
        os.close(nothing)
