"""Who is let in, and who is not: every refusal is one line, and nothing of a run is in it."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikura.errors import UsageError
from ikura.study.record.store import Store
from ikura.web import server as server_module
from ikura.web.server import Server

Make = Callable[..., Store]
Served = Callable[..., Any]


def test_the_key_becomes_a_cookie_that_scripts_and_other_pages_do_not_get(client: Any) -> None:
    status, headers, body = client(f"/study?run=penguins&token={client.server.guests.token}", cookie=None)
    assert status == 200
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]
    assert client.server.guests.token not in headers["set-cookie"]
    assert b"url=/study?run=penguins" in body
    assert client.server.guests.token.encode() not in body


@pytest.mark.parametrize(
    "path", ["/", "/api/runs", "/static/main.js", "/api/changes", "/api/study?run=penguins", "/nothing"]
)
def test_without_the_key_nothing_is_told(client: Any, path: str) -> None:
    status, _, body = client(path, cookie=None)
    assert status == 401
    assert body.count(b"\n") == 0
    assert b"penguins" not in body


@pytest.mark.parametrize("token", ["", "x", "%00", "%C3%A9", "a" * 5000])
def test_a_wrong_key_is_refused(client: Any, token: str) -> None:
    status, headers, _ = client(f"/?token={token}", cookie=None)
    assert status == 401
    assert "set-cookie" not in headers


@pytest.mark.parametrize("cookie", ["ikura-{port}=wrong", "ikura-{port}=", "other=1", ";;;=", "ikura-1={session}"])
def test_a_wrong_cookie_is_refused(client: Any, cookie: str) -> None:
    guests = client.server.guests
    assert client("/api/runs", cookie=cookie.format(port=guests.port, session=guests.session))[0] == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "127.0.0.2",
        "127.0.0.1:80.evil.example", "127.0.0.1:evil.example", "evil@127.0.0.1", "127.0.0.1/evil.example", "localhost:",
        "[::1]evil.example", "[::1", "localhost?.evil.example", "localhost#.evil.example", "localhost:80:80",
    ],
)  # fmt: skip
def test_another_host_is_refused(client: Any, host: str) -> None:
    status, _, body = client("/api/runs", host=host)
    assert (status, body.count(b"\n")) == (421, 0)


def test_this_machine_has_several_names(client: Any) -> None:
    for host in ("localhost", f"127.0.0.1:{client.server.port}", "[::1]:9"):
        assert client("/api/runs", host=host)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://localhost:1"])
def test_another_origin_is_refused(client: Any, origin: str) -> None:
    for path in ("/api/runs", "/api/changes?run=penguins"):
        assert client(path, origin=origin)[0] == 403


def test_what_changes_something_says_where_it_comes_from(client: Any) -> None:
    assert client("/api/runs", "POST", b"{}")[0] == 403
    origin = f"http://127.0.0.1:{client.server.port}"
    assert client("/api/runs", "POST", b"{}", origin=origin, sec_fetch_site="cross-site")[0] == 403
    assert client("/api/runs", "POST", b"{}", origin=origin)[0] == 405


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(client: Any, method: str) -> None:
    status, _, body = client("/api/runs", method, origin=f"http://127.0.0.1:{client.server.port}")
    assert status == 405
    assert b"\n" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd", "/static/..%2f..%2fserver.py", "/static/%2e%2e/server.py",
        "/static/%2fetc%2fpasswd",
        "/../../etc/passwd", "/static/main.js%00.png", "//etc/passwd", "/static/%252e%252e/x",
    ],
)  # fmt: skip
def test_no_path_leads_to_another_file(client: Any, path: str) -> None:
    status, _, body = client(path)
    assert status == 404
    assert b"root:" not in body


@pytest.mark.parametrize(
    "run", ["..", "../outside", "..%2Foutside", "%2e%2e/outside", "/tmp", "penguins/..", "penguins/", "", "%00"]
)
def test_only_runs_below_the_folder_are_there(client: Any, run: str) -> None:
    for question in ("study", "trials", "points", "curves", "trial", "rounds"):
        status, _, body = client(f"/api/{question}?run={run}")
        assert (status, body) == (404, b"no such run in the folder that is served")


def test_links_lead_nowhere(make: Make, served: Served, tmp_path: Path) -> None:
    make(tmp_path / "outside")
    runs = tmp_path / "runs"
    make(runs / "inside")
    (runs / "link").symlink_to(tmp_path / "outside")
    (runs / "half").mkdir()
    (runs / "half" / "config.toml").write_text((tmp_path / "outside" / "config.toml").read_text())
    (runs / "half" / "study.db").symlink_to(tmp_path / "outside" / "study.db")
    client = served(runs)
    assert sorted(client.server.answers.folders.all()) == ["inside"]


def test_every_answer_says_what_a_browser_may_do(client: Any) -> None:
    for path in ("/", "/static/main.js", "/api/runs", "/nothing", "/api/trials?run=penguins&sort=nothing"):
        for cookie in ({}, {"cookie": None}):
            _, headers, _ = client(path, **cookie)
            assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"


def test_nothing_is_loaded_from_another_host() -> None:
    from ikura.web.static_files import static_files

    for name, one in static_files().items():
        text = one.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, name
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            'setAttribute("style"',
        ):
            assert word not in text, f"{name}: {word}"


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lets other machines in: say with --token"):
        Server(tmp_path, host="0.0.0.0")
    with pytest.raises(UsageError, match="at least 16 printable"):
        Server(tmp_path, host="0.0.0.0", token="short")
    with Server(tmp_path, host="127.0.0.2") as server:
        assert not server.open


def test_a_head_that_has_no_end_is_refused(client: Any) -> None:
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert client("/api/runs")[0] == 200


def test_who_says_nothing_is_hung_up_on(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", 0.3)
    slow = [socket.create_connection(("127.0.0.1", client.server.port), timeout=20) for _ in range(20)]
    for one in slow[:10]:
        one.sendall(b"GET / HTTP/1.1\r\nHo")
    for one in slow:
        assert one.recv(1000) == b""
        one.close()


def test_a_thousand_connections_do_no_harm(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", 1.0)
    many = []
    for _ in range(1000):
        try:
            many.append(socket.create_connection(("127.0.0.1", client.server.port), timeout=5))
        except OSError:
            break
    for one in many:
        one.close()
    until = time.monotonic() + 20
    while True:
        try:
            if client("/api/runs")[0] == 200:
                break
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < until
        time.sleep(0.1)
