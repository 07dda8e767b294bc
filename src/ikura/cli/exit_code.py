"""Exit codes, and the one line on stderr that goes with each kind of error."""

from __future__ import annotations

import errno
import shlex
import signal
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from enum import IntEnum
from typing import Any

from ikura.cli.session import Session
from ikura.errors import IkuraError, UsageError, listed, nearest
from ikura.files import shown
from ikura.wording import clean, one_line

__all__ = ["ExitCode", "ending", "explain_error"]

CLOSE = 0.9
"""From which likeness on an option is taken for a slip, and not for one of another command."""
DISK_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class ExitCode(IntEnum):
    """What the exit code of the command line says."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    CHECK_FAILED = 3
    HUNG_UP = 129
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


ENDED = {
    signal.SIGINT: ("interrupted", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("terminated", ExitCode.TERMINATED),
    getattr(signal, "SIGHUP", 1): ("the terminal was closed", ExitCode.HUNG_UP),
}


def explain_error(error: BaseException, session: Session) -> ExitCode:
    """Say in one line on stderr what went wrong.

    Args:
        error: what ended the command.
        session: what is known about the command.

    Returns:
        The exit code that the error deserves.
    """
    # A library that is interrupted while it is imported may make another error of it.
    if isinstance(error, KeyboardInterrupt) or session.ended_by:
        line, code = ending(session)
        session.complain(line)
        return code
    if not session.working and (_is_closed_pipe(error) or _is_closed_pipe(error.__context__)):
        return ExitCode.CLOSED_PIPE
    line, code = _sentence(error, session)
    if code is ExitCode.ERROR and session.verbose:
        session.complain(clean("".join(traceback.format_exception(error)).rstrip()))
    session.complain(f"ikura: error: {one_line(line)}")
    return code


def ending(session: Session) -> tuple[str, ExitCode]:
    """What is said of a command that a signal ends, and its exit code.

    Example:
        >>> ending(Session(ended_by=signal.SIGTERM))
        ('ikura: terminated', <ExitCode.TERMINATED: 143>)
    """
    what, code = ENDED.get(session.ended_by, ENDED[signal.SIGINT])
    if session.resumable:
        return f"ikura: {what}; {_continues(session)}", code
    return f"ikura: {what}" + " before anything was recorded" * session.working, code


def _is_closed_pipe(error: BaseException | None) -> bool:
    """Whether nobody reads stdout any more: a pipe that was closed, or a terminal."""
    return isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.EIO)


def _sentence(error: BaseException, session: Session) -> tuple[str, ExitCode]:
    if isinstance(error, UsageError):
        return str(error), ExitCode.USAGE
    if hasattr(error, "format_message"):
        return _parsing_sentence(error), ExitCode.USAGE
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        where = f": {error.filename}" if error.filename else ""
        rest = f"; {_continues(session)}" if session.resumable else ""
        return f"the disk is full or the file too large ({error.strerror}{where}){rest}", ExitCode.USAGE
    if isinstance(error, IkuraError):
        return str(error), ExitCode.ERROR
    pointer = "" if session.verbose else " (-v shows the traceback)"
    return f"{type(error).__name__}: {error}{pointer}", ExitCode.ERROR


def _parsing_sentence(error: BaseException) -> str:
    """Turn an error of the option parser into ikura's own wording, with the nearest name."""
    context = getattr(error, "ctx", None)
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and option and context:
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        return f"no such option {option!r}{_meant(option, known, _takers(context, option))}{_help(context)}"
    message: str = error.format_message()  # type: ignore[attr-defined]
    if message.startswith("No such command") and context:
        commands = list(context.command.commands)
        name = message.split("'")[1]
        return f"no such command {name!r}{nearest(name, commands) or ', known are ' + ', '.join(commands)}"
    message = message[0].lower() + message[1:].rstrip(".")
    return f"{message}{_help(context)}" if context else message


def _takers(context: Any, option: str) -> list[str]:
    """Names of the commands that take an option."""
    commands = getattr(getattr(context.parent, "command", None), "commands", {})
    return [name for name, one in commands.items() if any(option in parameter.opts for parameter in one.params)]


def _meant(option: str, known: Sequence[str], takers: Sequence[str]) -> str:
    """Say which option was meant, or where the hyperparameter is given that was taken for one."""
    from ikura.space.argument_names import hyperparameter_of
    from ikura.space.terms import option_of, term_of

    term, name = term_of(option), hyperparameter_of(option)
    if term is not None and option_of(term.here) in known:
        return f": here it is {option_of(term.here)}" + (f" ({term.note})" if term.note else "")
    if name is not None and "--set" in known:
        return f": {name!r} is a hyperparameter, write --set {name}=VALUE"
    if name is not None and "--space" in known:
        how = f"write it into a space file, [{name}] and below it value = …, and give that by --space FILE.toml"
        return f": {name!r} is a hyperparameter, {how}"
    if takers and not get_close_matches(option, known, 1, CLOSE):
        return f"; {listed(takers)} {'take' if len(takers) > 1 else 'takes'} it"
    return nearest(option, [*known, "--help"])


def _help(context: object) -> str:
    return f" (see {getattr(context, 'command_path', 'ikura')} --help)"


def _continues(session: Session) -> str:
    return f"`ikura resume {shlex.quote(shown(session.run or ''))}` continues where it stopped"
