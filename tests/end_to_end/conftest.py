"""The command line as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        code: its exit code; below 0 for the signal that ended it.
        out, err: what it wrote.
    """

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr besides what tells the progress of reading."""
        lines = [line for line in self.err.splitlines() if ": reading " not in line and ": resuming " not in line]
        assert len(lines) == 1, self.err
        assert self.out == ""
        return lines[0]


@dataclass
class Command:
    """A command at work."""

    shell: Shell
    number: int
    out: Path
    err: Path

    def kill(self) -> Done:
        """End it as `kill -9` does."""
        os.kill(self.number, signal.SIGKILL)
        return self.wait()

    def wait(self) -> Done:
        code = self.shell.ask({"wait": self.number})
        return Done(code, self.out.read_text(), self.err.read_text())


class Shell:
    """Runs commands; see `warm.py`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        )

    def ask(self, request: dict[str, Any]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def begin(self, *arguments: Any, folder: Path, file_size: int = 0) -> Command:
        self.count += 1
        out, err = (self.folder / f"{self.count}.{name}" for name in ("out", "err"))
        request = {"arguments": [str(a) for a in arguments], "folder": str(folder), "out": str(out), "err": str(err)}
        return Command(self, self.ask(request | {"file_size": file_size}), out, err)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("shell"))
    yield shell
    shell.close()


@pytest.fixture
def begin(shell: Shell, tmp_path: Path) -> Callable[..., Command]:
    """Begin `ikura …` in the test's own folder."""

    def call(*arguments: Any, **limits: int) -> Command:
        return shell.begin(*arguments, folder=tmp_path, **limits)

    return call


@pytest.fixture
def ikura(begin: Callable[..., Command]) -> Callable[..., Done]:
    """Run `ikura …` in the test's own folder to its end."""

    def call(*arguments: Any, **limits: int) -> Done:
        return begin(*arguments, **limits).wait()

    return call


def trials_done(run: Path) -> int:
    """How many trials of a run at work have ended, as seen from outside."""
    return counted(run, "trials where state not in ('waiting', 'running')")


def rounds_decided(run: Path) -> int:
    """How many rounds of a run at work have been decided, as seen from outside."""
    return counted(run, "rounds")


def counted(run: Path, what: str) -> int:
    """Rows of a run's store; none as long as there is no store."""
    try:
        connection = sqlite3.connect(f"file:{run / 'study.db'}?mode=ro", uri=True, timeout=5)
        try:
            [[count]] = connection.execute(f"select count(*) from {what}")
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0
    return int(count)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < until, "waited for a minute"
            time.sleep(0.005)

    return wait


@pytest.fixture(scope="session")
def penguins() -> Path:
    return PENGUINS
