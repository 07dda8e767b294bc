"""A cluster that asks for a token is entered where the user has it, and told in one line and soon where not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from filelock import FileLock

from ikura.engine.cluster import token
from ikura.engine.cluster.token import asks_for_token
from ikura.errors import UsageError

TOKEN = "a1" * 70
"""Longer than what HTTP/2 has one byte for."""
OWN, OTHER = f"Bearer {TOKEN}".encode(), b"Bearer "


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user that has the token."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(TOKEN + "\n")
    return tmp_path


@pytest.fixture
def begin() -> Iterator[Callable[[bytes | None], str]]:
    """Begins what answers as Ray's head does where the question holds certain bytes, and refuses otherwise."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve(wanted: bytes | None) -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with closing(connection):
                        known = wanted is not None and wanted in connection.recv(4096)
                        status = b"\x00\x0bgrpc-status" + (b"\x010" if known else b"\x0216")
                        connection.sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
                        connection.sendall(len(status).to_bytes(3, "big") + b"\x01\x05\x00\x00\x00\x01" + status)

        def begin(wanted: bytes | None) -> str:
            threading.Thread(target=serve, args=(wanted,), daemon=True).start()
            return f"127.0.0.1:{server.getsockname()[1]}"

        yield begin
        # A thread that waits for a connection is not woken when the socket is closed.
        with suppress(OSError), closing(socket.create_connection(server.getsockname(), timeout=1.0)):
            server.close()


def test_a_cluster_without_tokens_asks_for_none(home: Path, begin: Callable[[bytes | None], str]) -> None:
    assert not asks_for_token(begin(b"GetClusterId"), found_here=False)


def test_a_ray_client_server_is_asked_what_it_knows(home: Path, begin: Callable[[bytes | None], str]) -> None:
    assert not asks_for_token(f"ray://{begin(b'RayletDriver')}", found_here=False)


def test_the_token_is_sent_unasked_on_this_machine_only(
    home: Path, begin: Callable[[bytes | None], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = begin(OWN)
    assert asks_for_token(there, found_here=True)
    with pytest.raises(UsageError, match=rf"^the Ray cluster at {there} asks for a token: export RAY_AUTH_MODE=token"):
        asks_for_token(there, found_here=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert asks_for_token(there, found_here=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(UsageError, match="export RAY_AUTH_MODE=token"):
        asks_for_token(there, found_here=True)


def test_another_token_is_told_apart(
    home: Path, begin: Callable[[bytes | None], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0f" * 32)
    with pytest.raises(UsageError, match=r"asks for another token than this machine's: bring ~/.ray/auth_token"):
        asks_for_token(begin(OWN), found_here=True)


def test_a_user_without_a_token_is_told_where_it_is(home: Path, begin: Callable[[bytes | None], str]) -> None:
    (home / ".ray" / "auth_token").unlink()
    with pytest.raises(UsageError, match=r"asks for a token: bring ~/.ray/auth_token of its head to this machine, and"):
        asks_for_token(begin(OWN), found_here=True)


def test_silence_is_left_to_ray(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "SECONDS_TO_ANSWER", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        assert not asks_for_token(f"127.0.0.1:{server.getsockname()[1]}", found_here=False)


@pytest.fixture
def cluster_with_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A cluster of `ray start` that asks for the token, the latest one of this machine."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    with (
        FileLock(os.path.join(tempfile.gettempdir(), "ikura-tests-ray.lock")),
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder,
    ):
        monkeypatch.setenv("RAY_TMPDIR", folder)
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        head, client = (str(one.getsockname()[1]) for one in ports)
        for one in ports:
            one.close()
        given = ["--port", head, "--ray-client-server-port", client, "--temp-dir", f"{folder}/ray"]
        given += ["--num-cpus=1", "--object-store-memory=100000000", "--include-dashboard=false", "--block"]
        given += ["--min-worker-port=0", "--max-worker-port=0"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", *given]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        latest = time.monotonic() + 120
        while not Path(folder, "ray", "ray_current_cluster").is_file() and time.monotonic() < latest:
            time.sleep(0.2)
        yield f"127.0.0.1:{head}"
        process.terminate()
        process.wait()


TRIED = """
import sys, time
from ikura.engine.cluster.connection import connect, disconnect
from ikura.errors import UsageError
import ray
began = time.monotonic()
try:
    connect(sys.argv[1], None, False)
except UsageError as error:
    print(error, time.monotonic() - began, sep="|")
else:
    print(ray.get(ray.remote(lambda: 7).remote()))
    disconnect()
"""


def tried(address: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRIED, address], env=os.environ | environment, capture_output=True, text=True, check=True
    )


@pytest.mark.sweep
def test_a_cluster_that_asks_for_a_token_is_entered_or_refused_soon(cluster_with_token: str) -> None:
    assert tried("auto").stdout == "7\n"
    assert tried(cluster_with_token, RAY_AUTH_MODE="token").stdout == "7\n"
    for given in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0f" * 32}):
        refused = tried(cluster_with_token, **given)
        line, seconds = refused.stdout.split("|")
        assert line.startswith(f"the Ray cluster at {cluster_with_token} asks for ")
        assert float(seconds) < 5
        assert refused.stderr == ""
