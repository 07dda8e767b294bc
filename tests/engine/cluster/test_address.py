"""An address that is none, or where nothing of Ray answers, is refused in one line and soon."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ikura.engine.cluster import address
from ikura.engine.cluster.address import answering, check_address
from ikura.errors import UsageError


@pytest.mark.parametrize("text", ["auto", "local", "head:6379", "10.0.0.1:6379", "[::1]:6379", "ray://head:10001"])
def test_an_address_is_taken(text: str) -> None:
    assert check_address(text) == text


@pytest.mark.parametrize(
    "text", ["", "head", "head:", ":6379", "head:0", "head:65536", "head:six", "http://head:80", "ray://", "a b:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"address must be auto, local, HOST:PORT or ray://HOST:PORT, but is "):
        check_address(text)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as made:
        yield made


def place(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_closed_port_is_refused_at_once(server: socket.socket) -> None:
    there = place(server)
    server.close()
    with pytest.raises(UsageError, match=f"no Ray cluster answers at {there}: Connection refused"):
        answering(there)


def test_a_silent_port_is_given_up(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "SECONDS_TO_ANSWER", 0.3)
    with pytest.raises(UsageError, match=r"no Ray cluster answers at .*: nothing came within 0.3 seconds"):
        answering(f"ray://{place(server)}")


def test_a_variable_that_names_no_running_cluster_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with pytest.raises(
        UsageError, match=r"RAY_ADDRESS is 'local', which names no running cluster; say address='local'"
    ):
        answering("auto")


def test_another_service_is_told_apart(server: socket.socket) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with closing(connection):
            connection.sendall(b"220 mail.example.org ESMTP\r\n")

    threading.Thread(target=answer).start()
    with pytest.raises(UsageError, match="what is there is not Ray"):
        answering(place(server))


def test_no_cluster_on_this_machine_is_said_with_how_to_begin_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UsageError, match="no Ray cluster runs on this machine; `ray start --head` begins one"):
        answering("auto")


def test_the_latest_cluster_of_this_machine_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: socket.socket
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(place(server))
    assert address.running_cluster() == place(server)
    monkeypatch.setenv("RAY_ADDRESS", "head:1234")
    assert address.running_cluster() == "head:1234"
