"""Small studies that were never trained, a server of them, and a browser without a window."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ikura.study.record.store import Store
from ikura.web.server import Server
from tests.web.runs_on_disk import make_run


@dataclass
class Client:
    """Asks a server as a browser does that has the cookie, unless told otherwise."""

    server: Server
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.putrequest(method, path, skip_host="Host" in given or "host" in given)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def take_in(self) -> Client:
        """Exchange the token for the cookie."""
        status, headers, _ = self(self.server.url.split(str(self.server.port), 1)[1])
        assert status == 200
        self.headers["cookie"] = headers["set-cookie"].partition(";")[0]
        return self


@contextmanager
def serving() -> Iterator[Callable[..., Client]]:
    """Serves folders, each to a client that has the cookie."""
    servers: list[Server] = []

    def serve(folder: Path | str, **options: Any) -> Client:
        server = Server(folder, **options).__enter__()
        servers.append(server)
        return Client(server).take_in()

    yield serve
    for one in servers:
        one.__exit__()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Serve a folder, by default the test's own; returns a client that has the cookie."""
    with serving() as serve:
        yield lambda folder=None, **options: serve(folder or tmp_path, **options)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a folder with one run, `penguins`, which nothing changes, beside one that is not served."""
    folder = tmp_path_factory.mktemp("looked-at")
    make_run(folder / "outside").close()
    with closing(make_run(folder / "runs" / "penguins")), serving() as serve:
        yield serve(folder / "runs")


@pytest.fixture
def client(looked_at: Client) -> Client:
    """A client of one's own of `looked_at`."""
    return replace(looked_at, headers=dict(looked_at.headers))


@pytest.fixture
def make() -> Iterator[Callable[..., Store]]:
    """Makes run folders; the stores are closed at the end."""
    stores: list[Store] = []

    def made(*arguments: Any, **options: Any) -> Store:
        stores.append(make_run(*arguments, **options))
        return stores[-1]

    yield made
    for one in stores:
        one.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as session:
        found = session.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


SLOW = 60_000
"""Milliseconds that a page may take on a machine that does much else."""


def is_complaint(message: Any) -> bool:
    """Whether a browser says that something is wrong, other than that a request was refused or names nothing."""
    refused = any(one in message.text for one in ("400 (Bad Request)", "503 (Service Unavailable)"))
    missing = "404 (Not Found)" in message.text and "/api/" in (message.location or {}).get("url", "")
    return message.type == "error" and not refused and not missing


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page of a server with its key; what the browser complains about fails the test."""
    contexts: list[Any] = []
    said: list[str] = []

    def opened(client: Any, path: str = "/", **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.on("console", lambda message: said.append(message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(client.server.url.replace("/?token", f"{path}{'&' if '?' in path else '?'}token"))
        page.wait_for_selector("h1")
        return page

    yield opened
    for one in contexts:
        one.close()
    assert said == []
