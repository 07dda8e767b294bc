"""Whatever is thrown at the page while a study trains: each is refused in a line, and the study's bits are its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.cli import main
from ikura.web import server as server_module

Served = Callable[..., Any]
STUDY = [
    "tune", "digits", "--trials", "24", "--epochs", "30", "--schedule", "none", "--finalists", "1", "--jobs", "1",
    "--no-checks", "--no-baselines", "--ensemble", "none", "--quiet",
]  # fmt: skip
MANY = 1000


def begin(out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "ikura", *STUDY, "--out", str(out)], stdout=subprocess.DEVNULL)


def refused_requests(client: Any) -> list[tuple[int, bytes]]:
    """Ask for what nobody may have, in many ways; status and body of each answer."""
    origin = f"http://127.0.0.1:{client.server.port}"
    form = json.dumps({"run": "b", "action": "stop", "trial": 0}).encode()
    change = {"content_type": "application/json", "origin": origin}
    asked: list[tuple[str, str, bytes | None, dict[str, str | None]]] = [
        ("/api/ask", "POST", form, {**change, "cookie": None}),
        ("/api/ask", "POST", form, {**change, "cookie": "ikura=wrong"}),
        ("/api/ask", "POST", form, {**change, "origin": "http://evil.example"}),
        ("/api/ask", "POST", form, {**change, "origin": "null"}),
        ("/api/ask", "POST", form, {**change, "host": "evil.example"}),
        ("/api/ask", "POST", form, {"origin": origin, "content_type": "text/plain"}),
        ("/api/ask", "POST", b"{" * 60_000, change),
        ("/api/ask", "POST", b"\xff" * 100, change),
        ("/api/ask", "POST", b" " * 70_000, change),
        ("/api/ask", "PUT", form, change),
        ("/api/ask", "DELETE", None, change),
        ("/static/../../b/study.db", "GET", None, {}),
        ("/static/%2e%2e/%2e%2e/b/study.db", "GET", None, {}),
        ("/static/..%2f..%2fb%2fstudy.db", "GET", None, {}),
        ("/api/study?run=../b", "GET", None, {}),
        ("/api/study?run=%2e%2e%2fb", "GET", None, {}),
        ("/api/study?run=/etc", "GET", None, {}),
        ("/api/trial?run=b&trial=<script>", "GET", None, {}),
        ("/api/trial?run=b&trial=1e999", "GET", None, {}),
    ]
    found = []
    for path, method, body, headers in asked:
        status, _, text = client(path, method, body, **headers)
        found.append((status, text))
    return found


def crowd(port: int) -> list[socket.socket]:
    """Connections that say nothing, half a head, or a body that never comes."""
    started = b"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n{"
    openings = (b"", b"GET / HTTP/1.1\r\nHo", started)
    held = []
    for number in range(MANY):
        with suppress(OSError):
            one = socket.create_connection(("127.0.0.1", port), timeout=2)
            held.append(one)
            one.sendall(openings[number % len(openings)])
    return held


def test_training_is_undisturbed(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", 1.0)
    runs = tmp_path / "runs"
    runs.mkdir()
    assert main([*STUDY, "--out", str(tmp_path / "a")]) == 0
    client = served(runs)
    training = begin(runs / "b")
    try:
        while not (runs / "b" / "study.db").exists():
            assert training.poll() is None
            time.sleep(0.05)
        rounds = 0
        while training.poll() is None:
            for status, text in refused_requests(client):
                assert status in (400, 401, 403, 404, 405, 413, 415, 421), text
                assert text.count(b"\n") == 0
                assert b"Traceback" not in text
            rounds += 1
            if rounds == 1:
                held = crowd(client.server.port)
                assert len(held) > MANY // 2
                for one in held:
                    one.close()
                time.sleep(0.1)
        assert training.wait() == 0
    finally:
        training.kill()
    assert rounds > 1
    alone, attacked = ikura.open_study(tmp_path / "a"), ikura.open_study(runs / "b")
    assert [str(one.state) for one in attacked.interventions] == []
    for trial in range(24):
        np.testing.assert_array_equal(attacked.curve(trial).to_numpy(), alone.curve(trial).to_numpy())
    assert attacked.best.number == alone.best.number
    assert client("/api/study?run=b")[0] == 200
