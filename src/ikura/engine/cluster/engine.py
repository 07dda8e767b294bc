"""Workers on the nodes of a Ray cluster: for studies that outgrow a machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from operator import length_hint
from typing import Any
from uuid import uuid4

from typing_extensions import override

from ikura.engine._base import SECONDS_BETWEEN_LOOKS, Engine
from ikura.engine.cluster.messages import Attempt, Control, News
from ikura.engine.cluster.nodes import SECONDS_FOR_ALL, Event, Nodes, Worker
from ikura.engine.cluster.placed_setup import place
from ikura.engine.cluster.tiles import MOST_DEATHS, OpenTile, OpenTiles
from ikura.errors import IkuraError
from ikura.population.job import Job, StoppedError, TileProgress
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup

__all__ = ["RayEngine"]

SECONDS_OF_NEWS = 0.5
"""How often a worker tells how far it is, at least that far apart; seldomer where there are many."""
NEWS_A_SECOND = 500
"""How much news the driver takes."""
SECONDS_TO_STOP = 15.0
"""How long workers may take to save their tiles before they are ended."""
SECONDS_TO_WAIT = 30.0
"""How long nobody may be there to train before it is said."""
SLOW = 60.0
"""Seconds after which a tile is begun a second time where a worker has nothing else to do, at least."""


class RayEngine(Engine):
    """Runs each job on a worker of a cluster; what a worker that is lost was at goes to another one.

    Args:
        setup: examples, task, network.
        nodes: of the cluster, with their workers; they stay when the engine is closed.
        note: told of two trainings of a tile that differ, which are a sign of a faulty machine.
    """

    def __init__(self, setup: TrainingSetup, nodes: Nodes, note: Callable[[str], None] = lambda line: None) -> None:
        import ray

        self.setup, self.nodes, self.note = setup, nodes, note
        self.key, self.placed = uuid4().hex, [ray.put(place(setup))]
        self.slow = SLOW
        self.warmed: set[Worker] = set()
        self._began, self._said = time.monotonic(), False

    def warm_up(self) -> None:
        """Wait until workers have begun and hold what they train with; those that are late join later.

        Raises:
            UsageError: something of the caller's, or a file, is not on a node.
        """
        stage, waiting = self.nodes.new_stage(), set[Worker]()
        while True:
            self.nodes.look()
            for worker in self.nodes.workers:
                if worker.ready and worker not in self.warmed:
                    self._warm(worker, Attempt(stage, -1, 0))
                    waiting.add(worker)
            for event in self.nodes.next_events(stage, SECONDS_BETWEEN_LOOKS):
                if event.kind == "fault":
                    raise event.found
                waiting.discard(event.worker)
            waiting.intersection_update(self.nodes.workers)
            warm = len(self.warmed.intersection(self.nodes.workers)) - len(waiting)
            late = time.monotonic() - self._began > SECONDS_FOR_ALL
            if warm and (late or warm == len(self.nodes.workers)):
                return
            if not any(one.ready for one in self.nodes.workers):
                self._wait_for_workers()

    def _warm(self, worker: Worker, attempt: Attempt) -> None:
        self.nodes.when_done("warm", worker, worker.actor.warm_up.remote(self.key, self.placed), attempt)
        self.warmed.add(worker)

    @override
    def run(self, jobs: Iterable[Job | None], tell: Callable[[TileProgress], None]) -> Iterator[list[Outcome]]:
        supply, more, looked = iter(jobs), True, 0.0
        tiles = OpenTiles(self.setup, self.nodes.new_stage())
        try:
            while True:
                self.nodes.look()
                more = self._hand_out(jobs, supply, tiles, more)
                if not tiles.open and not more:
                    return
                if time.monotonic() - looked >= max(SECONDS_OF_NEWS, len(tiles.open) / NEWS_A_SECOND):
                    looked = time.monotonic()
                    self._look_for_requests(tiles)
                for event in self.nodes.next_events(tiles.stage, SECONDS_BETWEEN_LOOKS):
                    outcomes = self._take(event, tiles, tell)
                    if outcomes is not None:
                        yield outcomes
        finally:
            self._stop(tiles)

    @override
    def close(self) -> None:
        self.placed = []

    @property
    def _every(self) -> float:
        """Seconds between two pieces of news of a worker."""
        return max(SECONDS_OF_NEWS, len(self.nodes.workers) / NEWS_A_SECOND)

    def _hand_out(self, jobs: Iterable[Job | None], supply: Iterator[Job | None], tiles: OpenTiles, more: bool) -> bool:
        """Give workers without a tile what is lost, what comes next, or what is slow; whether more comes."""
        idle = list(self.nodes.idle)
        if not idle and not any(one.ready for one in self.nodes.workers):
            self._wait_for_workers()
        for worker in idle:
            if tiles.lost:
                tile = tiles.lost.pop(0)
                # What a hand made of it since is on record, and so is part of what is trained.
                self._begin(tiles, tile, worker)
                continue
            job = next(supply, False) if more else False
            if isinstance(job, Job):
                self._begin(tiles, tiles.add(job), worker)
                continue
            more = more and job is None
            slow = tiles.slow(self.slow)
            if slow is None:
                break
            self._begin(tiles, slow, worker, again=True)
        if not idle and (tiles.lost or length_hint(jobs, 0)):
            for attempt, one in tiles.superseded.items():
                self.nodes.tell(one.worker, Control(attempt, stop=True))
        return more

    def _wait_for_workers(self) -> None:
        """Say once that there is nobody to train."""
        if not self._said and not self.nodes.silent and time.monotonic() - self._began > SECONDS_TO_WAIT:
            self._said = True
            self.nodes.say("no worker of the cluster is free: others use its cores, or it has none; waiting")

    def _begin(self, tiles: OpenTiles, tile: OpenTile, worker: Worker, again: bool = False) -> None:
        """Let a worker train a tile."""
        attempt, facts = tiles.begin(tile, worker), worker.facts
        job = tile.as_changed()
        if job.deadline is not None:
            job = replace(job, deadline=job.deadline + facts.clock)
        if again or not facts.shared:
            job = replace(job, snapshot=None)
        if worker not in self.warmed:
            self._warm(worker, attempt)
        hand = self._requests(tile, attempt)
        result = worker.actor.train.remote(self.key, self.placed, attempt, job, hand, self._every)
        self.nodes.when_done("tile", worker, result, attempt)

    def _take(self, event: Event, tiles: OpenTiles, tell: Callable[[TileProgress], None]) -> list[Outcome] | None:
        """Take what happened to a tile; its outcomes, where these are the first."""
        worker, attempt = event.worker, event.attempt
        if event.kind == "fault":
            stopped = isinstance(event.found, StoppedError)
            if not stopped:
                raise event.found
            tiles.superseded.pop(attempt, None)
        elif event.kind == "lost":
            self._lose(worker, attempt, event.found, tiles, tell)
        elif event.kind == "news":
            self._hear(worker, event.found, tiles, tell)
        elif event.kind == "tile":
            outcomes, progress = event.found
            if attempt in tiles.superseded:
                if line := tiles.compared(attempt, outcomes):
                    self.nodes.say(line)
                    self.note(line)
            elif tiles.ended(attempt, outcomes) is not None:
                tell(progress)
                return [_owned(one) for one in outcomes]
        return None

    def _hear(self, worker: Worker, news: News, tiles: OpenTiles, tell: Callable[[TileProgress], None]) -> None:
        """Take what a worker tells of a tile."""
        tile = tiles.of(news.attempt)
        if tile is None:
            return
        if news.progress is not None and news.attempt == min(tile.at_work):
            tile.told += news.progress.epochs
            tell(news.progress)
        listener = tile.course.listener
        if news.curves is not None and listener is not None and listener.due:
            listener.show(*news.curves)
        if news.hearing is not None:
            self.nodes.tell(worker, Control(news.attempt, answer=tile.answer(news.hearing)))

    def _look_for_requests(self, tiles: OpenTiles) -> None:
        """Let workers know that a hand may want something of their tiles, or that their time is over."""
        for tile in tiles.open.values():
            now = None
            for attempt, (worker, _) in tile.at_work.items():
                control = self._requests(tile, attempt)
                if control is not None and (control.asked or (control.over, control.held) != (tile.over, tile.held)):
                    self.nodes.tell(worker, control)
                    now = control
            if now is not None:
                tile.over, tile.held = now.over, bool(now.held)

    def _requests(self, tile: OpenTile, attempt: Attempt) -> Control | None:
        """Whether a hand may want something of a tile, or its time is over; None where nobody listens."""
        listener = tile.course.listener
        if listener is None:
            return None
        over = listener.over()
        return Control(attempt, over=over, held=listener.held(), asked=not over and listener.pending(tile.trials))

    def _lose(
        self, worker: Worker, attempt: Attempt, reason: str, tiles: OpenTiles, tell: Callable[[TileProgress], None]
    ) -> None:
        """Give what a worker that has ended was at to others.

        Raises:
            IkuraError: too many workers have ended over one tile.
        """
        tile = tiles.died(attempt, worker.facts.host, counts=self.nodes.is_there(worker.node))
        if tile is None:
            return
        tell(TileProgress(-tile.told, tile.job.number, math.nan))
        tile.told, tile.over = 0, False
        if len(tile.deaths) >= MOST_DEATHS:
            trials = ", ".join(map(str, tile.trials[:8])) + (", …" if len(tile.trials) > 8 else "")
            raise IkuraError(
                f"tile {tile.job.number} (trials {trials}) ended {MOST_DEATHS} workers, on "
                f"{', '.join(dict.fromkeys(tile.deaths))}, perhaps for want of memory ({reason}); what was recorded "
                "stays, and `ikura resume` goes on, perhaps with fewer workers on a node"
            )

    def _stop(self, tiles: OpenTiles) -> None:
        """Let workers save the tiles that they are at, and leave them."""
        if self.nodes.lost:
            return
        busy = [one for one in self.nodes.workers if one.attempt is not None and one.attempt.stage == tiles.stage]
        for worker in busy:
            assert worker.attempt is not None
            self.nodes.tell(worker, Control(worker.attempt, stop=True))
        latest = time.monotonic() + SECONDS_TO_STOP
        while busy and time.monotonic() < latest:
            self.nodes.next_events(tiles.stage, SECONDS_BETWEEN_LOOKS)
            busy = [one for one in busy if one.attempt is not None and one in self.nodes.workers]
        self.nodes.end(busy)


def _owned(outcome: Outcome) -> Outcome:
    """An outcome whose arrays are this process's own: those that Ray hands over would hold its memory."""
    return replace(outcome, **{name: _copied(value) for name, value in vars(outcome).items()})


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return value.copy() if hasattr(value, "flags") and not value.flags.writeable else value
