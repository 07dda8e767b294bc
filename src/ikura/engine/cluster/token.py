"""The token that a cluster may ask for: whether it does, and whether this process would send the right one.

Ray itself tries for twenty seconds, with a line of its log in each, before it says that it found no cluster.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ikura.engine.cluster.question import status_of
from ikura.errors import UsageError
from ikura.wording import one_line

__all__ = ["asks_for_token"]

MODE = "RAY_AUTH_MODE"
SECONDS_TO_ANSWER = 3.0
UNAUTHENTICATED = "16"
"""The status by which a server of gRPC refuses who it does not know."""


def asks_for_token(address: str, found_here: bool) -> bool:
    """Whether a cluster asks for a token, of which this process has the right one.

    Args:
        address: where it answers.
        found_here: whether it is the one of this machine, not named by the caller. Only there Ray sends the token
            unasked, which is a password.

    Raises:
        UsageError: it asks for a token, and this process would send none, or another one.
    """
    if not _refuses(address, None):
        return False
    where, mode = f"the Ray cluster at {one_line(address, 100)} asks for", os.environ.get(MODE)
    bring = "bring ~/.ray/auth_token of its head to this machine"
    token = _own_token()
    if token is None:
        raise UsageError(f"{where} a token: {bring}, and export {MODE}=token")
    if not (found_here if mode is None else mode.lower() == "token"):
        raise UsageError(f"{where} a token: export {MODE}=token sends it that of ~/.ray/auth_token")
    if _refuses(address, token):
        raise UsageError(f"{where} another token than this machine's: {bring}")
    return True


def _own_token() -> str | None:
    """The token of this user, where Ray looks for it."""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    with suppress(OSError, UnicodeDecodeError):
        return Path(path).read_text(encoding="utf-8").strip() or None
    return None


def _refuses(address: str, token: str | None) -> bool:
    """Whether a cluster refuses a question with this token, or none; not where it says nothing that is understood."""
    return status_of(address, token, SECONDS_TO_ANSWER) == UNAUTHENTICATED
