"""An address that is none, or where nothing of Ray answers, is refused in one line and soon."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ikura.cli import main
from ikura.engine.cluster import address
from ikura.engine.cluster.address import answering, check_address
from ikura.engine.cluster.nodes import Nodes
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


SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


def answered(status: bytes) -> bytes:
    """A status of gRPC in the frames of HTTP/2."""
    header = b"\x00\x0bgrpc-status" + bytes((len(status),)) + status
    return SETTINGS + len(header).to_bytes(3, "big") + b"\x01\x05\x00\x00\x00\x01" + header


@pytest.fixture
def answers(server: socket.socket) -> Iterator[Callable[[Callable[[bytes], bytes]], str]]:
    """Answers every connection by a function of what it asks first; its address."""
    held: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(answer: Callable[[bytes], bytes]) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                with suppress(OSError):
                    connection.sendall(answer(connection.recv(4096)))

    def begin(answer: Callable[[bytes], bytes]) -> str:
        threads.append(threading.Thread(target=serve, args=(answer,), daemon=True))
        threads[-1].start()
        return place(server)

    yield begin
    # On a socket that listens this ends the wait for a connection, which closing it does not.
    server.shutdown(socket.SHUT_RDWR)
    for one in threads:
        one.join()
    for one in held:
        one.close()


@pytest.mark.parametrize("said", [SETTINGS, answered(b"12")], ids=["HTTP/2", "gRPC"])
@pytest.mark.parametrize("client", ["", "ray://"])
def test_who_speaks_like_ray_but_is_not_is_told_apart(
    said: bytes, client: str, answers: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "SECONDS_FOR_A_QUESTION", 0.3)
    with pytest.raises(UsageError, match=r"no Ray cluster answers at .*: what is there is not Ray$"):
        answering(client + answers(lambda asked: said))


def test_a_head_and_a_client_server_are_told_apart(answers: Callable[..., str]) -> None:
    there = answers(lambda asked: answered(b"12" if b"RayletDriver" in asked else b"0"))
    assert answering(there) == there
    with pytest.raises(UsageError, match=f"the head of a cluster is there; write {there}$"):
        answering(f"ray://{there}")


def test_before_anything_is_written_the_address_is_looked_at(
    answers: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    there = answers(lambda asked: answered(b"12"))
    for out in ([], ["--out", "run"]):
        assert main(["tune", "iris", "--engine", "ray", "--address", there, *out]) == 2
        lines = [one for one in capsys.readouterr().err.splitlines() if "reading" not in one]
        assert lines == [f"ikura: error: no Ray cluster answers at {there}: what is there is not Ray"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "termin")]
)
def test_a_connection_that_is_not_made_can_be_given_up(
    number: int, code: int, said: str, answers: Callable[..., str], tmp_path: Path
) -> None:
    """What is there answers as a head does, and then says nothing more."""
    asked: list[bytes] = []

    def answer(question: bytes) -> bytes:
        asked.append(question)
        return answered(b"0")

    there = answers(answer)
    words = [sys.executable, "-m", "ikura", "tune", "iris", "--trials", "1", "--engine", "ray", "--address", there]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while len(asked) < 6 and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        _, shown = process.communicate(timeout=30)
    assert process.returncode == code
    assert shown.splitlines()[-1].startswith(f"ikura: {said}")
    assert "SystemExit" not in shown
    assert list(tmp_path.iterdir()) == []


def test_a_head_that_is_gone_is_noticed_without_asking_ray(
    server: socket.socket, answers: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself would wait for it, and end the process."""
    said = [answered(b"0")]
    there = answers(lambda asked: said[-1])
    nodes = Nodes(tmp_path / "run", None, False, said.append, there)
    monkeypatch.setattr("ikura.engine.cluster.nodes.SECONDS_TO_ANSWER", 0.2)
    monkeypatch.setattr("ikura.engine.cluster.nodes.SECONDS_WITHOUT_HEAD", 0.3)
    monkeypatch.setattr(Nodes, "_alive", lambda self: {"a": {"CPU": 0.0}})
    assert nodes.is_there("a")
    monkeypatch.setattr(Nodes, "_alive", lambda self: pytest.fail("Ray was asked"))
    said.append(SETTINGS)
    nodes.look()
    assert nodes.silent
    assert not nodes.is_there("a")
    time.sleep(0.3)
    line = (
        rf"the head of the Ray cluster at {there} has not answered for 0.3 seconds, .*`ikura resume .*run --engine ray"
    )
    with pytest.raises(UsageError, match=line):
        nodes.is_there("a")
    assert nodes.lost
    nodes.close()
