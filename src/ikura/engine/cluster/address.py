"""The address of a Ray cluster: what may be written, and whether anything answers there."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing, suppress
from pathlib import Path

from ikura.engine.cluster.question import CLIENT, GREETING, host_and_port, status_of
from ikura.errors import UsageError
from ikura.wording import one_line

__all__ = [
    "AUTO", "LOCAL", "SECONDS_TO_ANSWER", "answering", "check_address", "running_cluster",
]  # fmt: skip

AUTO, LOCAL = "auto", "local"
SECONDS_TO_ANSWER, SECONDS_FOR_A_QUESTION = 5.0, 4.0
"""How long something at an address may take to speak as Ray does, and to answer a question."""
UNKNOWN = "12"
"""The status by which a server of gRPC says that it does not know a question."""
SETTINGS_FRAME = 4


def check_address(address: str) -> str:
    """Refuse what can be no address of a cluster.

    Args:
        address: "auto", "local", "HOST:PORT" or "ray://HOST:PORT".

    Returns:
        The same.

    Raises:
        UsageError: it is none of these.

    Example:
        >>> check_address("ray://head.example.org:10001")
        'ray://head.example.org:10001'
        >>> check_address("head")
        Traceback (most recent call last):
        ikura.errors.UsageError: address must be auto, local, HOST:PORT or ray://HOST:PORT, but is 'head'
    """
    if address not in (AUTO, LOCAL) and host_and_port(address) is None:
        shown = one_line(repr(address), 60)
        raise UsageError(f"address must be auto, local, HOST:PORT or ray://HOST:PORT, but is {shown}")
    return address


def answering(address: str) -> str:
    """Find the cluster that an address means, and see that it answers.

    Args:
        address: "auto", "HOST:PORT" or "ray://HOST:PORT".

    Returns:
        The address without "auto".

    Raises:
        UsageError: there is no cluster, or nothing answers as one does within ten seconds.
    """
    found = running_cluster() if address == AUTO else address
    if found is None:
        raise UsageError(
            "no Ray cluster runs on this machine; `ray start --head` begins one, address='local' needs none, and "
            "HOST:PORT names another machine's"
        )
    if found == LOCAL:
        raise UsageError("RAY_ADDRESS is 'local', which names no running cluster; say address='local', or unset it")
    reason = _silence(found) or _strangeness(found)
    if reason:
        raise UsageError(f"no Ray cluster answers at {one_line(found, 100)}: {reason}")
    return found


def running_cluster() -> str | None:
    """Address of the cluster that `ray start` made known on this machine, or RAY_ADDRESS names; None for none."""
    named = os.environ.get("RAY_ADDRESS", "").strip()
    if named and named != AUTO:
        return check_address(named)
    folder = Path(os.environ.get("RAY_TMPDIR") or "/tmp") / "ray"
    with suppress(OSError, UnicodeDecodeError):
        return (folder / "ray_current_cluster").read_text(encoding="utf-8").strip() or None
    return None


def _silence(address: str) -> str:
    """Why nothing of Ray answers at an address; empty where something does."""
    place = host_and_port(address)
    assert place is not None
    latest = time.monotonic() + SECONDS_TO_ANSWER
    try:
        with closing(socket.create_connection(place, timeout=SECONDS_TO_ANSWER)) as connection:
            connection.sendall(GREETING)
            head = b""
            while len(head) < 9:
                connection.settimeout(max(latest - time.monotonic(), 0.01))
                more = connection.recv(9 - len(head))
                if not more:
                    return "what is there is not Ray"
                head += more
    except TimeoutError:
        return f"nothing came within {SECONDS_TO_ANSWER:g} seconds"
    except OSError as error:
        return error.strerror or str(error)
    return "" if head[3] == SETTINGS_FRAME else "what is there is not Ray"


def _strangeness(address: str) -> str:
    """Why what speaks as Ray does is not what an address says; empty where it is."""
    if status_of(address, None, SECONDS_FOR_A_QUESTION) not in ("", UNKNOWN):
        return ""
    client = address.startswith(CLIENT)
    other = address.removeprefix(CLIENT) if client else f"{CLIENT}{address}"
    if status_of(other, None, SECONDS_FOR_A_QUESTION / 4) in ("", UNKNOWN):
        return "what is there is not Ray"
    what = "the head of a cluster" if client else "a Ray client server"
    return f"{what} is there; write {other}"
