"""A study whose cluster loses its head ends in one line, and goes on with another cluster."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ikura

from ...study.comparing import assert_same
from .conftest import ENVIRONMENT

pytestmark = [pytest.mark.sweep, pytest.mark.timeout(600)]
WORDS = ["digits", "--trials", "32", "--epochs", "4000", "--finalists", "0", "--no-checks", "--ensemble", "none"]
STUDY: dict[str, Any] = {"trials": 32, "epochs": 4000, "finalists": 0, "checks": False, "ensemble": "none"}


class Head:
    """The head of a cluster, a process of its own."""

    def __init__(self, folder: str) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as one:
            self.port = one.getsockname()[1]
        self.environment = os.environ | ENVIRONMENT | {"RAY_TMPDIR": folder, "RAY_AUTH_MODE": "disabled"}
        words = f"start --head --port {self.port} --num-cpus 2 --include-dashboard false --block".split()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", *words],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def server(self) -> int:
        """The process that is the head proper."""
        port = f"--gcs_server_port={self.port}".encode()
        commands = {one: _read(one) for one in Path("/proc").glob("[0-9]*/cmdline")}
        found = [one for one, words in commands.items() if port in words and b"gcs_server" in words]
        return int(found[0].parent.name)

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def folder() -> Iterator[str]:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    made = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_the_head_is_lost(how: int, folder: str, tmp_path: Path) -> None:
    whole = ikura.tune("digits", **STUDY, out=tmp_path / "whole")
    head = Head(f"{folder}/1")
    engine = ["--engine", "ray", "--address", f"127.0.0.1:{head.port}"]
    command = [sys.executable, "-m", "ikura", "tune", *WORDS, "--out", "run", *engine]
    try:
        _wait_for(head.port)
        with subprocess.Popen(
            command, cwd=tmp_path, env=head.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            # Long before the study ends, which takes longer than it takes to see that the head is lost.
            while not _trains(tmp_path / "run") and process.poll() is None:
                time.sleep(0.1)
            os.kill(head.server, how)
            out, err = process.communicate(timeout=120)
    finally:
        head.close()
    assert (process.returncode, out) == (2, ""), err
    line = err.splitlines()[-1]
    assert line.startswith("ikura: error: the head of the Ray cluster at ")
    assert line.endswith("`ikura resume run --engine ray` goes on")
    assert not [one for one in err.splitlines() if "raylet" in one.lower() or "Traceback" in one or "GCS" in one]
    head = Head(f"{folder}/2")
    try:
        _wait_for(head.port)
        engine[-1] = f"127.0.0.1:{head.port}"
        subprocess.run(
            [sys.executable, "-m", "ikura", "resume", "run", *engine], cwd=tmp_path, env=head.environment, check=True
        )
    finally:
        head.close()
    with closing(ikura.open_study(tmp_path / "run")) as study:
        assert_same(study, whole)


def _trains(run: Path) -> bool:
    """Whether a curve has come to the driver."""
    if not (run / "config.toml").exists():
        return False
    with closing(ikura.open_study(run)) as study:
        return bool(study.store.live_epochs() or study.store.scores())


def _wait_for(port: int) -> None:
    from ikura.engine.cluster.question import status_of

    while not status_of(f"127.0.0.1:{port}", None, 1.0):
        time.sleep(0.2)
    time.sleep(3.0)
