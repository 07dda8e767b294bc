"""The gate before the page: who comes in, what may be sent, and what a browser may do with what it gets."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

__all__ = ["HEADERS", "Gate", "Guests"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

READS = ("GET", "HEAD")
NAMES = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself; a page of another name that leads here is somebody else's."""
EVERYWHERE = ("0.0.0.0", "::")
HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
"""A Host header as a whole: a name or an address, and a port."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer tells the browser: only files of this page run, load and speak, and only to this page."""


@dataclass(frozen=True)
class Guests:
    """Who may come in.

    Attributes:
        token: what the address holds that was printed at the start.
        host: the address that is listened on.
        port: the port, which names the cookie.
        session: what the cookie holds instead of the token.
    """

    token: str
    host: str
    port: int
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """Name of the cookie: browsers keep one set for all ports of a host."""
        return f"ikura-{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server.

        Example:
            >>> here = Guests("token", "127.0.0.1", 8710)
            >>> [here.knows(host) for host in ("127.0.0.1:8710", "localhost", "[::1]:8710", "evil.example:8710")]
            [True, True, True, False]
        """
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = (found[1] or found[2]).lower()
        if name in NAMES or name == self.host.lower():
            return True
        return self.host in EVERYWHERE and (_is_address(name) or name == socket.gethostname().lower())

    def is_token(self, text: str) -> bool:
        """Whether a text is the token; takes as long whatever it is."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def is_session(self, header: str) -> bool:
        """Whether a Cookie header holds the session."""
        try:
            found = SimpleCookie(header).get(self.cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.session.encode())


class Gate:
    """Lets through what comes from the page itself, and adds the headers that every answer needs.

    Args:
        app: what is behind the gate.
        guests: who may come in.
    """

    def __init__(self, app: App, guests: Guests) -> None:
        self.app, self.guests = app, guests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refusal(scope["method"], headers)
        if refused is not None:
            await _answer(send, *refused)
        elif (given := dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")) is not None:
            await self._take_in(scope, given, send)
        elif not self.guests.is_session(headers.get("cookie", "")):
            await _answer(send, 401, "open the address that ikura serve printed: it holds the key to this page")
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Why a request is refused whoever sends it: status and reason."""
        host = headers.get("host", "")
        if not self.guests.knows(host):
            return 421, "the Host header names another server"
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return 403, "the request comes from another page"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and method not in READS:
            return 403, "the request comes from another page"
        if method not in READS and origin is None:
            return 403, "a request that changes something must say where it comes from (Origin)"
        return None

    async def _take_in(self, scope: Scope, token: str, send: Send) -> None:
        """Exchange the token for a cookie, and send the browser to the address without it.

        The page sends itself on: where the address was opened from another page, a browser keeps a strict cookie back
        from a redirect.
        """
        if scope["method"] not in READS or not self.guests.is_token(token):
            await _answer(
                send, 401, "this token is not the one of this start; open the address that ikura serve printed"
            )
            return
        rest = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "token"]
        path = quote("/" + scope["path"].lstrip("/\\"))
        target = path + (f"?{urlencode(rest)}" if rest else "")
        cookie = f"{self.guests.cookie}={self.guests.session}; Path=/; HttpOnly; SameSite=Strict"
        body = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={escape(target)}">'
        await _answer(send, 200, body, {"content-type": "text/html; charset=utf-8", "set-cookie": cookie})


async def _answer(send: Send, status: int, text: str, more: Mapping[str, str] | None = None) -> None:
    body = text.encode()
    given = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store", **HEADERS, **(more or {})}
    given["content-length"] = str(len(body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
