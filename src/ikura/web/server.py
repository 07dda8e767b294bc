"""The server of the page: one address, a key to it, and limits that hold whoever connects."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import threading
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from ikura.errors import RunError, StorageError, UsageError
from ikura.files import shown
from ikura.web.answers import Answers
from ikura.web.app import application
from ikura.web.gate import EVERYWHERE, NAMES, Guests
from ikura.web.run_folders import RunFolders
from ikura.web.server_studies import ServerStudies

__all__ = ["SHORTEST_TOKEN", "Server"]

SHORTEST_TOKEN = 16
PATIENCE = 10.0
"""Seconds in which a connection must have sent the head of a request."""
MOST_CONNECTIONS = 128
MOST_OF_A_HEAD = 32_768
START_SECONDS = 30.0
NEXT_PORTS = 20
"""Ports that are tried behind one that is taken."""


class ImpatientProtocol(H11Protocol):
    """A connection that is closed when it says nothing for too long, or when there are too many."""

    _timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()
            return
        self._timer = self.loop.call_later(PATIENCE, self._give_up)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class Server:
    """Serves the page in a thread of its own, from entering a `with` block to leaving it.

    Args:
        folder: a run folder, or one with run folders below it; or the URL of a database with studies.
        host: the address to listen on.
        port: the port; 0 for any that is free.
        token: the key in the address; None for one made by chance.
        read_only: whether nothing can be asked of a study.
        strict: whether a port that is taken is an error; otherwise one of the next is used.

    Raises:
        RunError: there is no such folder.
        UsageError: other machines could come in, and no token, or a short one, was given.
        StorageError: the address cannot be listened on.
    """

    def __init__(
        self,
        folder: Path | str,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        read_only: bool = False,
        strict: bool = False,
    ) -> None:
        if isinstance(folder, Path) and not folder.is_dir():
            raise RunError(f"no such folder: {shown(folder)}; name a run folder or one with runs below it")
        self.open = host not in NAMES and not _loops_back(host)
        if self.open and token is None:
            raise UsageError(
                f"--host {host} lets other machines in: say with --token what they must know, of at least "
                f"{SHORTEST_TOKEN} characters; or leave --host out and use ssh -L"
            )
        if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
            raise UsageError(f"--token must be at least {SHORTEST_TOKEN} printable ASCII characters long")
        self.answers = Answers(RunFolders(folder) if isinstance(folder, Path) else ServerStudies(folder), read_only)
        self._socket = _listening(host, port, strict)
        self.port = int(self._socket.getsockname()[1])
        self.guests = Guests(token or secrets.token_urlsafe(32), host, self.port)
        config = uvicorn.Config(
            application(self.answers, self.guests),
            http=ImpatientProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=1,
            limit_concurrency=2 * MOST_CONNECTIONS,
            h11_max_incomplete_event_size=MOST_OF_A_HEAD,
            backlog=256,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="ikura serve", daemon=True)

    @property
    def url(self) -> str:
        """The address with the key."""
        from urllib.parse import quote

        host = "127.0.0.1" if self.guests.host in EVERYWHERE else self.guests.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/?token={quote(self.guests.token, safe='')}"

    def __enter__(self) -> Self:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise StorageError(f"cannot serve on port {self.port}")
            time.sleep(0.01)
        threading.Thread(target=self.answers.warm, name="first look", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self.answers.close()
        self._socket.close()

    def wait(self) -> None:
        """Wait until the server ends, which it does of itself only after an error."""
        while self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _loops_back(host: str) -> bool:
    """Whether an address is this machine's own, of which 127.0.0.1 is one."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int, strict: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tries = range(port, min(port + (1 if strict or not port else NEXT_PORTS), 65_536))
    for one in tries:
        try:
            found.bind((host, one))
            return found
        except OSError as error:
            problem = error
    found.close()
    raise StorageError(f"cannot listen on {host}:{port}: {problem.strerror or problem}")
