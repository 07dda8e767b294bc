"""Runs of contenders: what is written down of one, what is known from all, and what is still to run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Book", "Run", "best_known", "pending", "target"]

WITHIN = 0.01


@dataclass
class Run:
    """What a run left behind; seconds are counted from the start of the process.

    Attributes:
        task, contender, seed: what ran.
        purpose: "reference" (to find out what can be reached) or "timed".
        limit: seconds after which it was ended at the latest.
        seconds: when it was ended.
        trace: (seconds, score) whenever the best dev score rose.
        events: name to seconds: "imported" and what else the contender noted.
        failure: what it said when it ended by itself, which none should; "" otherwise.
    """

    task: str
    contender: str
    seed: int
    purpose: str
    limit: float
    seconds: float
    trace: list[tuple[float, float]] = field(default_factory=list)
    events: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def best(self) -> float | None:
        """The best dev score."""
        return self.trace[-1][1] if self.trace else None

    def reached(self, score: float) -> float | None:
        """Seconds until a dev score, None if it was not reached."""
        return next((at for at, found in self.trace if found >= score), None)

    def settled(self, score: float) -> bool:
        """Whether it is known when the score was reached, or that it was not within the limit."""
        return bool(self.failure) or self.seconds >= self.limit or self.reached(score) is not None

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    @classmethod
    def of(cls, form: dict[str, Any]) -> Run:
        """The run that `as_dict` described."""
        return cls(**{**form, "trace": [(at, score) for at, score in form["trace"]]})


def target(best: float) -> float:
    """The dev score that is within 1 % of the best one.

    Example:
        >>> round(target(0.9), 4)
        0.891
    """
    return best - WITHIN * abs(best)


def best_known(runs: Sequence[Run], task: str) -> float:
    """Find the best dev score of a task; NaN if there is none yet."""
    return max((one.best for one in runs if one.task == task and one.best is not None), default=float("nan"))


def pending(
    runs: Sequence[Run], tasks: Sequence[str], seeds: int, contenders: Sequence[str], limit: float
) -> list[tuple[str, int, str]]:
    """List task, seed and contender of what is still to run: what has not run, and what was ended too early.

    Seed by seed, so that an interrupted benchmark holds whole seeds, and the contenders in turns.
    """
    done = {
        (one.task, one.seed, one.contender)
        for one in runs
        if one.purpose == "timed" and one.limit >= limit and one.settled(target(best_known(runs, one.task)))
    }
    wanted = [
        (task, seed, contenders[(i + seed) % len(contenders)])
        for seed in range(seeds)
        for task in tasks
        for i in range(len(contenders))
    ]
    return [one for one in wanted if one not in done]


class Book:
    """The runs, in a file of JSON lines; a run that is repeated takes the place of the earlier one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "runs.jsonl"
        self.runs: list[Run] = []
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]
            if len(whole) < len(lines):
                self.path.write_text("".join(whole), encoding="utf-8")
            for line in whole:
                self._keep(Run.of(json.loads(line)))

    def _keep(self, found: Run) -> None:
        def key(one: Run) -> tuple[Any, ...]:
            return one.task, one.contender, one.seed, one.purpose

        self.runs = [one for one in self.runs if key(one) != key(found)] + [found]

    def add(self, found: Run) -> None:
        """Write a run down."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found.as_dict()) + "\n")
        self._keep(found)
