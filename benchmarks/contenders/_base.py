"""What every contender does: take the same arguments and write the same log. Imports nothing slow."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path

__all__ = ["Log", "arguments"]


class Log:
    """Lines of JSON with the time (`time.monotonic`, the same clock in all processes) at which they were written.

    Processes of one contender may write to the same file: each line is one write at its end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best = -math.inf
        self._file = -1

    def note(self, event: str) -> None:
        """Write that something has happened."""
        self._write({"event": event})

    def score(self, score: float | None) -> None:
        """Write a dev score down, if it is the best one of this process."""
        if score is not None and score > self.best:
            self.best = float(score)
            self._write({"score": self.best})

    def _write(self, entry: dict[str, object]) -> None:
        if self._file < 0:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(self._file, (json.dumps({"at": time.monotonic(), **entry}) + "\n").encode())

    def __getstate__(self) -> dict[str, object]:
        """Another process opens the file itself."""
        return {"path": self.path, "best": -math.inf, "_file": -1}


def arguments(what: str) -> argparse.Namespace:
    """Read what a contender is told."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("task", help="name of a task")
    parser.add_argument("--data", type=Path, required=True, help="folder with the prepared tasks")
    parser.add_argument("--work", type=Path, required=True, help="folder for whatever it writes")
    parser.add_argument("--log", type=Path, required=True, help="file for its scores")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--search", default="coarse-to-fine", help="ikura's search")
    parser.add_argument("--schedule", default="early-stopping", help="ikura's schedule")
    return parser.parse_args()
