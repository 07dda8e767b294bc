"""The tiles of a training: which trials share one, and the order in which they are handed out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Protocol

from ikura.files import shown
from ikura.population.job import Job
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup
from ikura.study.batch import Batch, TrainingState
from ikura.study.record.intervention import Action
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger, Segment
from ikura.study.record.progress import Progress
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.retraining import again
from ikura.study.steered import Deadline, StoreListener, changes_of

__all__ = ["Beside", "TileQueue"]

Beside = Callable[[], Sequence[Batch]]
"""Says which further trials are to be trained as soon as somebody is free."""


class Trainer(Protocol):
    """Who trains: what a queue asks of an `Executor`."""

    @property
    def run(self) -> Path:
        """The run folder."""

    @property
    def store(self) -> Store:
        """Where everything is recorded."""

    @property
    def ledger(self) -> Ledger:
        """Rounds, and where each trial trained."""

    @property
    def setup(self) -> TrainingSetup:
        """Examples, task, network."""

    @property
    def progress(self) -> Progress:
        """Who is told."""

    @property
    def tile_size(self) -> int:
        """Most members of a tile."""

    @property
    def jobs(self) -> int:
        """Tiles that train at once."""

    @property
    def time(self) -> Deadline | None:
        """When training ends, which a hand may change."""

    @property
    def deadline(self) -> float | None:
        """When it ends as things stand."""

    @property
    def searching(self) -> bool:
        """Whether it ends, too, when a hand ends the search."""

    @property
    def late(self) -> bool:
        """Whether it is over."""

    @property
    def best(self) -> float | None:
        """The best dev score on record."""

    def snapshot(self, tile: int) -> Path:
        """File of a tile's snapshot."""


@dataclass
class Tile:
    """A tile that was not handed out yet, or has not come back.

    Attributes:
        segments: its members' times in it.
        batch: how they train.
        beside: whether it is none of the batch that is trained, but was brought in beside it.
        states: what its members go on from.
    """

    segments: Sequence[Segment]
    batch: Batch
    beside: bool
    states: Mapping[int, TrainingState | Job] = field(default_factory=dict)

    @property
    def trials(self) -> list[int]:
        """Numbers of its members."""
        return [one.trial for one in self.segments]


class TileQueue:
    """Hands out the tiles of a batch one by one, each when there is somebody to train it.

    Between two of them it looks for what a hand asks: a trial that waits is put first, one that stands still goes on in
    a tile of its own, and what is made by hand is trained before what waits. The order makes no difference to any bit.

    Args:
        executor: who trains.
        batch: what is trained. Trials that were given places by a process that was killed keep them.
        beside: asked for further trials as long as any of the batch is trained.
    """

    def __init__(self, executor: Trainer, batch: Batch, beside: Beside | None = None) -> None:
        self.executor, self.beside = executor, beside
        self.interventions = Interventions(executor.store)
        # Nobody trains yet: what was shown beyond what is on record is of a process that was killed.
        self.reached = executor.store.live_epochs()
        self.first, self.looked, self.said = executor.best is None, False, False
        self.told: int | None = None
        self.begun: dict[int, Tile] = {}
        self.training = 0
        still = self.interventions.paused()
        whole = Tile([], batch, beside=False)
        self.paused: dict[int, tuple[Tile, TrainingState | None]] = {
            row.number: (whole, None) for row in batch.rows if still.get(row.number, -1) == row.epochs
        }
        self.waiting = self._tiles(batch, [row.number for row in batch.rows if row.number not in self.paused])
        for tile in self.waiting:
            tile.states = self._states(tile)

    def __length_hint__(self) -> int:
        return len(self.waiting)

    def __iter__(self) -> Iterator[Job | None]:
        while True:
            if self._held():
                yield None
                continue
            self._look()
            if self.waiting:
                tile = self.waiting.pop(0)
                job = self._job(tile)
                self.begun[job.number], self.training = tile, self.training + 1
                yield job
            elif self.training or (self.paused and not self.executor.late):
                self._say()
                yield None
            else:
                return

    def returned(self, outcomes: Sequence[Outcome]) -> Tile | None:
        """Take note that a tile has ended, with its outcomes; None if its time was over before it began."""
        self.training -= 1
        if not outcomes:
            return None
        tile = self.begun.pop(outcomes[0].tile)
        self.paused |= {one.number: (tile, one.going_on) for one in outcomes if one.paused}
        return tile

    def is_own(self, tile: int) -> bool:
        """Whether a tile in training is one of the batch."""
        return tile in self.begun and not self.begun[tile].beside

    def since(self, tile: int) -> int:
        """How many epochs the members of a tile in training had before it."""
        return sum(one.since for one in self.begun[tile].segments)

    def _look(self) -> None:
        """Look for what a hand asks of trials that do not train."""
        if self.looked and not self.interventions.any_unsettled():
            return
        if self.paused:
            self._release()
        # Where one stands still all are waited for, and somebody may be free.
        goes_on = bool(self.paused) or any(not tile.beside for tile in (*self.waiting, *self.begun.values()))
        if self.beside is not None and goes_on:
            for batch in reversed(self.beside()):
                known = {number for tile in (*self.waiting, *self.begun.values()) for number in tile.trials}
                numbers = [
                    row.number for row in batch.rows if row.number not in known and row.number not in self.paused
                ]
                self.waiting = self._tiles(batch, numbers, beside=True) + self.waiting
        self.looked = True
        self._prioritise()

    def _release(self) -> None:
        """Let those go on that are told to, or that are to be stopped where they stand."""
        rows = {number: self.executor.store.trial(number) for number in self.paused}
        for one in self.interventions.unsettled(list(self.paused)):
            row = rows[one.trial or 0]
            if row is None or row.number not in self.paused:
                continue
            if one.action is Action.GO_ON:
                self.interventions.apply(one.number, row.epochs)
            elif one.action is not Action.STOP or (one.at or 0) > row.epochs:
                continue
            before, state = self.paused.pop(row.number)
            alone = replace(before.batch, rows=[row])
            [tile] = self._tiles(alone, [row.number], beside=before.beside)
            if state is None:
                setting = Setting.load(self.executor.run)
                tile.states = {row.number: again(setting, self.executor.store, self.executor.setup, row, row.epochs)}
            else:
                tile.states = {row.number: state}
            self.said = False
            self.waiting.insert(0, tile)

    def _prioritise(self) -> None:
        """Put tiles first that hold trials which are to begin next."""
        places = {number: tile for tile in self.waiting for number in tile.trials}
        for one in self.interventions.unsettled(list(places)) if len(self.waiting) else ():
            if one.action is Action.PRIORITISE and one.trial is not None:
                tile = places[one.trial]
                self.waiting.remove(tile)
                self.waiting.insert(0, tile)
                self.interventions.apply(one.number, tile.segments[tile.trials.index(one.trial)].since)

    def _held(self) -> bool:
        """Whether a hand lets the whole search stand still, which is said."""
        executor = self.executor
        if not (executor.searching and self.interventions.held()) or executor.late:
            return False
        self.say_held()
        return True

    def say_held(self) -> None:
        """Say once of each pause that the whole search stands still, and how it goes on."""
        pause = self.interventions.last_pause()
        if pause is not None and pause != self.told:
            self.told = pause
            line = f"the study is paused; `ikura steer {self._named()} go-on` lets it train on"
            self.executor.progress.say(line)

    def _say(self) -> None:
        """Say once that nothing goes on before somebody says so."""
        if self.training or self.said:
            return
        self.said = True
        for number in sorted(self.paused):
            self.executor.progress.say(
                f"trial {number} is paused; `ikura steer {self._named()} go-on {number}` lets it train on"
            )

    def _named(self) -> str:
        """The run, as a command in the present folder names it."""
        return quote(shown(self.executor.run))

    def _states(self, tile: Tile) -> Mapping[int, TrainingState | Job]:
        state = tile.batch.options.state
        return {one.trial: state(one.trial, one.since) for one in tile.segments if state and one.since}

    def _job(self, tile: Tile) -> Job:
        """The job that trains a tile."""
        executor, options, segments = self.executor, tile.batch.options, tile.segments
        until = segments[0].until
        states = tile.states or self._states(tile)
        first, self.first = self.first, False
        kept = [tile.batch.by_number[number] for number in tile.trials]
        here = {one.trial: one.since for one in segments}
        return Job(
            segments[0].tile,
            tuple(row.member for row in kept),
            until,
            options.patience,
            executor.snapshot(segments[0].tile),
            deadline=executor.deadline if executor.store.where is None else None,
            states=states,
            keep_states=options.going_on and until < options.budget,
            keep_weights=options.weights,
            keep_best=options.best,
            first=first,
            budget=options.budget,
            keep_losses=options.losses,
            # Who is handed out no longer stands still.
            changes=tuple(
                one for one in changes_of(executor.store, kept) if not one.pauses or one.epoch > here[one.trial]
            ),
            listener=self._listener(tile),
        )

    def _listener(self, tile: Tile) -> StoreListener | None:
        executor = self.executor
        if executor.store.where is None:
            return None
        reached = {trial: self.reached[trial] for trial in tile.trials if trial in self.reached}
        return StoreListener(executor.store, tile.segments[0].since, executor.time, executor.searching, reached)

    def _tiles(self, batch: Batch, numbers: Collection[int], *, beside: bool = False) -> list[Tile]:
        """Find or make the tiles of members; those with the longest way to go come first."""
        executor, until, wanted = self.executor, batch.until, frozenset(numbers)
        rows = [row for row in batch.rows if row.number in wanted]
        since = {row.number: row.epochs for row in rows}
        members = {row.number: row.member for row in rows}
        segments = executor.ledger.segments(list(members))
        placed = [
            one for each in segments.values() for one in each
            if one.until == until[one.trial] and one.since == since[one.trial]
        ]  # fmt: skip
        found: dict[int, list[Segment]] = {}
        for segment in sorted(placed, key=lambda segment: (segment.tile, segment.place)):
            found.setdefault(segment.tile, []).append(segment)
        known = {segment.trial for segment in placed}
        ways: dict[tuple[int, int], list[Member]] = {}
        for number, member in members.items():
            if number not in known:
                ways.setdefault((since[number], until[number]), []).append(member)
        tile = executor.ledger.tiles() if ways else 0
        for (begin, end), alike in sorted(ways.items(), key=lambda way: (way[0][0] - way[0][1], way[0])):
            for group in pack(executor.setup, alike, self._size(len(alike))):
                found[tile] = [Segment(tile, place, member.number, begin, end) for place, member in enumerate(group)]
                tile += 1
        executor.ledger.add_segments(
            [segment for each in found.values() for segment in each if segment.trial not in known]
        )
        return [Tile(each, batch, beside) for each in found.values()]

    def _size(self, members: int) -> int:
        """Members to a tile: as many tiles for each job where the company makes no difference to a member's bits."""
        executor = self.executor
        if not executor.setup.threaded:
            return executor.tile_size
        rounds = -(-members // (executor.tile_size * executor.jobs))
        return -(-members // (rounds * executor.jobs))
