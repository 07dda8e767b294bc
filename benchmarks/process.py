"""Processes that are measured from outside: their lines with the times they came at, their memory, their end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Ended", "high_water_mark", "kill", "measure", "start", "tree"]


@dataclass
class Ended:
    """What a process left behind.

    Attributes:
        code: its exit code.
        seconds: from start to end.
        stdout: what it printed.
        lines: lines of stderr and the seconds after the start at which they came.
        peak: most memory of the process tree, in MB: the sum of the high-water marks of the processes alive at once.
        largest: the largest resident set of one of its processes, in MB, as `getrusage` has it: never below what this
            process held when it began the other.
    """

    code: int
    seconds: float
    stdout: str
    lines: list[tuple[float, str]] = field(default_factory=list)
    peak: float = 0.0
    largest: float = 0.0


def start(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, with nothing to read and nobody who listens."""
    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=None if environment is None else dict(environment),
        cwd=cwd,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill a process that `start` started, and its children; False if it had already ended."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants, by /proc; just the process where there is none."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def high_water_mark(pid: int) -> float:
    """Return the most resident memory a process has had, in MB; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def measure(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None, every: float = 0.05
) -> Ended:
    """Run a process to its end and watch it.

    Args:
        arguments: the command.
        environment: its environment; None for this one.
        cwd: where it runs.
        every: seconds between two looks at its memory.

    Returns:
        What it left behind.
    """
    lines: list[tuple[float, str]] = []
    with tempfile.TemporaryFile() as stdout:
        begun = time.perf_counter()
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            cwd=cwd,
        )
        ended = threading.Event()
        peak = 0.0

        def look() -> None:
            nonlocal peak
            while not ended.wait(every):
                peak = max(peak, sum(map(high_water_mark, tree(process.pid))))

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        assert process.stderr is not None
        for line in process.stderr:
            lines.append((time.perf_counter() - begun, line.decode(errors="replace").rstrip()))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watcher.join()
        process.stderr.close()
        stdout.seek(0)
        text = stdout.read().decode(errors="replace")
    return Ended(process.returncode, seconds, text, lines, peak, usage.ru_maxrss / 1024)
