"""A question that every head of a Ray cluster answers, asked without Ray: whether one is there, and whom it lets in.

Ray itself tries for minutes, with a line of its log now and then, where something else is there.
"""

from __future__ import annotations

import socket
import time
from contextlib import closing, suppress

__all__ = ["CLIENT", "GREETING", "host_and_port", "status_of"]

CLIENT = "ray://"
"""In front of the address of a Ray client server: a driver outside of the cluster's network."""
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How HTTP/2 begins, which Ray speaks: the fixed words and empty settings, to which a server replies with its own."""
METHOD, CLIENT_METHOD = b"/ray.rpc.NodeInfoGcsService/GetClusterId", b"/ray.rpc.RayletDriver/ClusterInfo"
"""What changes nothing, asked of the head of a cluster and of a Ray client server."""
STATUS = b"grpc-status"
HEADERS, DATA = 1, 0
END_STREAM, END_HEADERS = 1, 4


def host_and_port(address: str) -> tuple[str, int] | None:
    """The two parts of an address; None where it has no such parts.

    Example:
        >>> host_and_port("ray://[::1]:10001")
        ('::1', 10001)
    """
    host, colon, port = address.removeprefix(CLIENT).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        return None
    return None if any(letter in "/?#@" or letter.isspace() for letter in host) else (host, int(port))


def status_of(address: str, token: str | None, seconds: float) -> str:
    """The status with which what is at an address answers a question to a Ray cluster.

    Args:
        address: "HOST:PORT" or "ray://HOST:PORT".
        token: that goes with the question; None for none.
        seconds: to wait for an answer.

    Returns:
        A status of gRPC: "0" for an answer, "12" where it does not know such a question, "16" where it asks for
        another token; empty where it says nothing that is understood.
    """
    place = host_and_port(address)
    assert place is not None
    latest, answer = time.monotonic() + seconds, b""
    with suppress(OSError), closing(socket.create_connection(place, timeout=seconds)) as connection:
        connection.sendall(_question(address, token))
        while not (found := _status_in(answer)):
            connection.settimeout(max(latest - time.monotonic(), 0.01))
            more = connection.recv(4096)
            if not more:
                break
            answer += more
        return found
    return ""


def _status_in(answer: bytes) -> str:
    """The value of the status as a header of HTTP/2: behind its name the length of the value, and that."""
    _, name, rest = answer.partition(STATUS)
    if not name or not rest or len(rest) < 1 + rest[0]:
        return ""
    return rest[1 : 1 + rest[0]].decode("ascii", "replace")


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
