"""What a PostgreSQL server's errors mean: whether a connection was lost, and what to say in one line."""

from __future__ import annotations

import re
from typing import Any

from ikura.wording import one_line

__all__ = ["advice", "is_lost", "may_pass", "reason", "wants_password"]

GONE = ("57P01", "57P02", "57P03", "57P05", "08")
"""How the codes begin of connections that ended, and of a server that is starting or ending."""
AGAIN = ("40001", "40P01", "53300")
"""Codes of transactions that were given up for others, and of too many connections."""
NO_PASSWORD = "no password supplied"
WRONG_PASSWORD = "password authentication failed"
HEAD = re.compile(
    r"^(connection failed: )?(connection to server (at|on socket) .*? failed: )?((FATAL|ERROR|fe_sendauth): +)?"
)
REFUSED = (NO_PASSWORD, WRONG_PASSWORD, "does not exist", "pg_hba.conf", "permission denied", "failed to resolve")
"""What a server or a name says that will say the same in a moment."""


def code_of(error: BaseException) -> str:
    """The SQLSTATE of an error, empty where it has none."""
    return str(getattr(_original(error), "sqlstate", None) or "")


def is_lost(error: BaseException) -> bool:
    """Whether a connection ended, or none could be made: what was under way may be done again on a new one."""
    original, code = _original(error), code_of(error)
    if code:
        return code.startswith(GONE)
    if getattr(error, "connection_invalidated", False):
        return True
    return type(original).__name__ == "OperationalError" and not _refused(original)


def may_pass(error: BaseException) -> bool:
    """Whether the same may work in a moment."""
    return is_lost(error) or code_of(error) in AGAIN


def wants_password(error: BaseException) -> bool:
    """Whether a server asked for a password, and there was none."""
    return NO_PASSWORD in str(error)


def reason(error: BaseException) -> str:
    """What a server says, as part of one line."""
    lines = [line for line in str(_original(error)).splitlines() if line.strip()]
    return one_line(HEAD.sub("", lines[-1] if _many(lines) else lines[0]) if lines else type(error).__name__)


def advice(error: BaseException) -> str:
    """What to do about an error, behind a semicolon; empty where there is nothing to say."""
    text, code = str(_original(error)), code_of(error)
    if NO_PASSWORD in text:
        return "; set PGPASSWORD, or write it into ~/.pgpass"
    if WRONG_PASSWORD in text:
        return "; give the right one in the URL, in PGPASSWORD or in ~/.pgpass"
    if code == "42501":
        if " for database " in text:
            return "; ask who runs the server for GRANT CREATE ON DATABASE"
        if " for table interventions" in text or " for sequence " in text:
            return (
                "; to steer it, ask who began the study for GRANT INSERT on its table interventions, and USAGE on the "
                "sequence of that"
            )
        return "; only who began the study may do that"
    return ""


def _refused(original: Any) -> bool:
    """Whether the same will be said again."""
    return any(one in str(original) for one in REFUSED)


def _many(lines: list[str]) -> bool:
    """Whether several addresses were tried, each with a line."""
    return len(lines) > 1 and lines[0].startswith("Multiple")


def _original(error: BaseException) -> Any:
    return getattr(error, "orig", None) or error
