"""One run of a contender: a process of its own on two cores, watched until it reaches a score or its time is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.process import tree
from benchmarks.runs import Run

__all__ = ["CONTENDERS", "Contender", "contender", "end", "run", "trace_of"]

EVERY = 0.02


@dataclass(frozen=True)
class Contender:
    """A search that takes part.

    Attributes:
        name: its name.
        module: the module in `benchmarks.contenders` that runs it.
        label: its name for readers.
        needs: package it needs beside ikura's own dependencies.
        options: further arguments.
    """

    name: str
    module: str
    label: str
    needs: str = ""
    options: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether it is ikura."""
        return self.module == "ikura_study"


CONTENDERS: dict[str, Contender] = {
    one.name: one
    for one in (
        Contender("ikura", "ikura_study", "ikura"),
        Contender("ikura-random", "ikura_study", "ikura, random", options=("--search", "random")),
        Contender("optuna", "optuna_hyperband", "Optuna TPE + Hyperband", "optuna"),
        Contender("ray", "ray_asha", "Ray Tune ASHA", "ray"),
        Contender("sklearn", "sklearn_halving", "HalvingRandomSearchCV"),
    )
}
"""Name to contender, those that take part by default."""


def contender(name: str) -> Contender:
    """Find a contender; `ikura:SEARCH:SCHEDULE` is ikura with another search and schedule.

    Raises:
        ValueError: there is none of that name.

    Example:
        >>> contender("ikura:tpe:racing").options
        ('--search', 'tpe', '--schedule', 'racing')
    """
    if name in CONTENDERS:
        return CONTENDERS[name]
    first, *rest = name.split(":")
    if first != "ikura" or not 1 <= len(rest) <= 2 or not all(rest):
        raise ValueError(f"no contender {name!r}: choose from {', '.join(CONTENDERS)} or ikura:SEARCH:SCHEDULE")
    options = [
        word for option, value in zip(("--search", "--schedule"), rest, strict=False) for word in (option, value)
    ]
    return Contender(name, "ikura_study", f"ikura, {', '.join(rest)}", options=tuple(options))


def trace_of(lines: Iterable[str], begun: float) -> tuple[list[tuple[float, float]], dict[str, float]]:
    """Read a contender's log.

    Args:
        lines: its lines; a last one without its end is left out.
        begun: time at which the process was started.

    Returns:
        (seconds, score) whenever the best score of all its processes rose, and the first time of each event.
    """
    entries = sorted((json.loads(line) for line in lines if line.endswith("\n")), key=lambda entry: entry["at"])
    trace: list[tuple[float, float]] = []
    events: dict[str, float] = {}
    for entry in entries:
        at = entry["at"] - begun
        if "event" in entry:
            events.setdefault(entry["event"], at)
        elif not trace or entry["score"] > trace[-1][1]:
            trace.append((at, entry["score"]))
    return trace, events


def end(process: subprocess.Popen[Any]) -> None:
    """Kill a process and all its descendants, sessions of their own included, and wait until they are gone."""
    known: set[int] = set()
    for _ in range(100):
        known |= set(tree(process.pid)) if process.poll() is None else set()
        for pid in list(known):
            known |= set(tree(pid))
        alive = [pid for pid in known if _alive(pid)]
        if not alive and process.poll() is not None:
            return
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.poll()
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def run(who: Contender, task: str, seed: int, data: Path, limit: float, score: float | None, purpose: str) -> Run:
    """Run a contender.

    Args:
        who: the contender.
        task: name of the task.
        seed: of draws and networks; the split is the same for all.
        data: folder with the prepared tasks.
        limit: seconds after which it is ended.
        score: dev score at which it is ended; None to let it go on.
        purpose: "reference" or "timed".

    Returns:
        What it reached, and when.
    """
    with tempfile.TemporaryDirectory(prefix="s", ignore_cleanup_errors=True) as place:
        work, log, errors = Path(place) / "w", Path(place) / "log", Path(place) / "errors"
        work.mkdir()
        log.touch()
        words = [sys.executable, "-m", f"benchmarks.contenders.{who.module}", task, "--data", str(data)]
        words += ["--work", str(work), "--log", str(log), "--seed", str(seed), *who.options]
        ended = False
        with errors.open("wb") as stream, log.open(encoding="utf-8") as lines:
            begun = time.monotonic()
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                cwd=ROOT,
                start_new_session=True,
            )
            try:
                text = ""
                while not ended and time.monotonic() - begun < limit:
                    time.sleep(EVERY)
                    ended = process.poll() is not None
                    text += lines.read()
                    whole = text[: text.rfind("\n") + 1]
                    found = [json.loads(line) for line in whole.splitlines() if '"score"' in line]
                    text = text[len(whole) :]
                    if score is not None and any(entry["score"] >= score for entry in found):
                        break
                seconds = time.monotonic() - begun
            finally:
                end(process)
        trace, events = trace_of(log.read_text(encoding="utf-8").splitlines(keepends=True), begun)
        failure = errors.read_text(encoding="utf-8", errors="replace").strip()[-2000:] or "it ended by itself"
    return Run(task, who.name, seed, purpose, limit, seconds, trace, events, failure if ended else "")
