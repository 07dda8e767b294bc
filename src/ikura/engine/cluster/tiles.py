"""The tiles of one training that are with workers: each attempt by its name, what was lost, what came twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import NamedTuple

from ikura.engine.cluster.messages import Answer, Attempt, Hearing
from ikura.engine.cluster.nodes import Worker
from ikura.engine.cluster.same_bits import difference_of_bits
from ikura.node_facts import differences
from ikura.population.changes import Course
from ikura.population.job import Job
from ikura.population.outcome import Outcome
from ikura.population.packing import fault_of_change
from ikura.population.setup import TrainingSetup

__all__ = ["MOST_DEATHS", "OpenTile", "OpenTiles", "Superseded"]

MOST_DEATHS = 5
"""Workers that a tile may cost before the study ends: the fault is then taken to be the tile's."""


@dataclass(eq=False)
class OpenTile:
    """A tile whose outcomes have not come.

    Attributes:
        job: as it was handed out.
        course: what a hand does to it; only its changes are used here, where nothing trains.
        begun: attempts so far.
        at_work: those that train now, and since when.
        deaths: hosts of the workers that ended over it.
        told: member epochs that it was said to have done.
        over, held: whether its workers were told that its time is over, or that it stands still.
    """

    job: Job
    course: Course
    begun: int = 0
    at_work: dict[Attempt, tuple[Worker, float]] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)
    told: int = 0
    over: bool = False
    held: bool = False

    @property
    def trials(self) -> list[int]:
        """Numbers of its members that train."""
        return [self.job.members[place].number for place in self.job.training]

    @property
    def changed(self) -> bool:
        """Whether a hand has changed it since it was handed out."""
        return len(self.course.changes) > len(self.job.changes)

    def answer(self, hearing: Hearing) -> Answer:
        """Let the listener, here where the store is, say what takes effect now; it is on record when this returns."""
        listener = self.course.listener
        assert listener is not None
        changes = list(listener(hearing.trials, hearing.epoch, self.course.fault_of))
        self.course.changes += changes
        return Answer(hearing.question, changes, listener.next_epoch_of(hearing.trials, hearing.epoch))

    def as_changed(self) -> Job:
        """The job with all that a hand has done to it so far, as another worker is to train it."""
        return replace(self.job, changes=tuple(self.course.changes), listener=None)


class Superseded(NamedTuple):
    """An attempt at a tile whose outcomes have come from another one.

    Attributes:
        worker: that is still at it.
        first: the worker whose outcomes came first.
        outcomes: these.
    """

    worker: Worker
    first: Worker
    outcomes: list[Outcome]


@dataclass
class OpenTiles:
    """The open tiles of one training.

    Attributes:
        setup: what they are trained with.
        stage: number of the training.
        open: by tile.
        lost: tiles that wait for another worker.
        superseded: attempts at tiles whose outcomes have come from another one.
        seconds: that tiles took.
    """

    setup: TrainingSetup
    stage: int
    open: dict[int, OpenTile] = field(default_factory=dict)
    lost: list[OpenTile] = field(default_factory=list)
    superseded: dict[Attempt, Superseded] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def add(self, job: Job) -> OpenTile:
        """Take up a job."""

        def never(members: object) -> None:
            raise AssertionError("nothing trains where tiles are handed out")

        course = Course(job.members, list(job.changes), never, partial(fault_of_change, self.setup), job.listener)  # type: ignore[arg-type]
        self.open[job.number] = OpenTile(job, course)
        return self.open[job.number]

    def begin(self, tile: OpenTile, worker: Worker) -> Attempt:
        """Name the next attempt at a tile, which a worker begins now."""
        attempt = Attempt(self.stage, tile.job.number, tile.begun)
        tile.begun += 1
        tile.at_work[attempt] = worker, time.monotonic()
        worker.attempt = attempt
        return attempt

    def of(self, attempt: Attempt) -> OpenTile | None:
        """The open tile that an attempt trains."""
        tile = self.open.get(attempt.tile)
        return tile if tile is not None and attempt in tile.at_work else None

    def ended(self, attempt: Attempt, outcomes: list[Outcome]) -> OpenTile | None:
        """Take the first outcomes of a tile; None where they have come before, and these are of a second attempt."""
        tile = self.of(attempt)
        if tile is None:
            return None
        first, began = tile.at_work.pop(attempt)
        self.seconds.append(time.monotonic() - began)
        self.superseded |= {other: Superseded(worker, first, outcomes) for other, (worker, _) in tile.at_work.items()}
        del self.open[attempt.tile]
        return tile

    def compared(self, attempt: Attempt, outcomes: Sequence[Outcome]) -> str:
        """Say that the outcomes of a second attempt are not the first ones; empty where they are."""
        worker, first, known = self.superseded.pop(attempt)
        differs = difference_of_bits(known, outcomes)
        if not differs:
            return ""
        one, other = first.facts, worker.facts
        where = f"on {one.host} and on {other.host}" if one.host != other.host else f"both times on {one.host}"
        why = differences(one, other) or "one of the machines computes wrongly"
        return f"tile {attempt.tile} was trained twice, {where}, with different results ({differs}): {why}"

    def died(self, attempt: Attempt, host: str, *, counts: bool) -> OpenTile | None:
        """Let a tile whose worker ended wait for another one; None where another one is at it, or it is done.

        Args:
            attempt: the training that ended.
            host: where.
            counts: whether the fault may be the tile's: not where a whole node is gone.
        """
        self.superseded.pop(attempt, None)
        tile = self.of(attempt)
        if tile is None:
            return None
        del tile.at_work[attempt]
        if counts:
            tile.deaths.append(host)
        if not tile.at_work:
            self.lost.append(tile)
        return tile

    def slow(self, least: float) -> OpenTile | None:
        """The tile that has trained longest, if that is twice as long as usual and at least so many seconds."""
        alone = [
            (began, tile) for tile in self.open.values() if len(tile.at_work) == 1 and not tile.changed
            for _, began in tile.at_work.values()
        ]  # fmt: skip
        if not alone:
            return None
        began, tile = min(alone, key=lambda one: one[0])
        usual = median(self.seconds) if self.seconds else 0.0
        return tile if time.monotonic() - began >= max(least, 2 * usual) else None
