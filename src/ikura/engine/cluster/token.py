"""The token that a cluster may ask for: whether it does, and whether this process would send the right one.

Ray itself tries for twenty seconds, with a line of its log in each, before it says that it found no cluster.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing, suppress
from pathlib import Path

from ikura.engine.cluster.address import CLIENT, GREETING, host_and_port
from ikura.errors import UsageError
from ikura.wording import one_line

__all__ = ["asks_for_token"]

MODE = "RAY_AUTH_MODE"
SECONDS_TO_ANSWER = 3.0
METHOD, CLIENT_METHOD = b"/ray.rpc.NodeInfoGcsService/GetClusterId", b"/ray.rpc.RayletDriver/ClusterInfo"
"""What changes nothing, asked of the head of a cluster and of a Ray client server."""
STATUS = b"grpc-status"
UNAUTHENTICATED = STATUS + b"\x0216"
"""The status 16 as a header of HTTP/2: its name, the length of its value, and that."""
HEADERS, DATA = 1, 0
END_STREAM, END_HEADERS = 1, 4


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
    place = host_and_port(address)
    assert place is not None
    latest, answer = time.monotonic() + SECONDS_TO_ANSWER, b""
    with suppress(OSError), closing(socket.create_connection(place, timeout=SECONDS_TO_ANSWER)) as connection:
        connection.sendall(_question(address, token))
        while STATUS not in answer[:-4]:
            connection.settimeout(max(latest - time.monotonic(), 0.01))
            more = connection.recv(4096)
            if not more:
                break
            answer += more
    return UNAUTHENTICATED in answer


def _question(address: str, token: str | None) -> bytes:
    """A call of gRPC with an empty message, in the frames of HTTP/2."""
    headers = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": CLIENT_METHOD if address.startswith(CLIENT) else METHOD,
        b":authority": address.removeprefix(CLIENT).encode(),
        b"te": b"trailers",
        b"content-type": b"application/grpc",
    }
    if token is not None:
        headers[b"authorization"] = f"Bearer {token}".encode()
    listed = b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())
    return GREETING + _frame(HEADERS, END_HEADERS, 1, listed) + _frame(DATA, END_STREAM, 1, bytes(5))


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + body


def _text(value: bytes) -> bytes:
    """A text of a header, its length before it: seven bits, beyond which seven more in each byte."""
    length, more = len(value), bytearray()
    if length < 127:
        return bytes((length,)) + value
    length -= 127
    while length >= 128:
        more.append(length % 128 + 128)
        length //= 128
    return b"\x7f" + bytes(more) + bytes((length,)) + value
