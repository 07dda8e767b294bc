"""The executor of a study: trials into tiles, tiles to the engine, outcomes to the store."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ikura.engine import Engine
from ikura.population.changes import Change
from ikura.population.job import Job, Outcome, TileProgress
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.study.buildable import unbuildable
from ikura.study.network_cost import too_large
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger, Segment
from ikura.study.record.objectives import Objectives
from ikura.study.record.progress import Progress
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.study.steered import StoreListener, changes_of, refuse_ended
from ikura.trial_state import State

__all__ = ["Executor", "TrainOptions", "TrainingState"]

TrainingState = dict[str, np.ndarray]
"""What a member goes on from."""

MOST_TOLD = 3
"""Trials of which it is said one by one that no network can be made of them."""


@dataclass(frozen=True)
class TrainOptions:
    """How trials are trained, beside how far.

    Attributes:
        patience: epochs without improvement before a member stops; None never stops one.
        budget: epochs of a whole training; who has come that far has ended.
        state: what a trial goes on from after so many epochs.
        going_on: whether members that do not end carry the state that they go on from.
        losses: whether the loss on each dev example is recorded.
        weights: whether outcomes carry weights.
        best: whether the best one's of each tile does, and every one that ends its evidence.
        each: called with the outcomes of those of a tile that have ended, before they are recorded.
    """

    patience: int | None
    budget: int
    state: Callable[[int, int], TrainingState] | None = None
    going_on: bool = False
    losses: bool = False
    weights: bool = False
    best: bool = False
    each: Callable[[list[Outcome]], None] = lambda outcomes: None


@dataclass(frozen=True)
class Executor:
    """Trains the trials of a study and records what becomes of them; the search's stages and the finalists share one.

    Attributes:
        run: the run folder.
        store: where everything is recorded.
        setup: examples, task, network.
        engine: where tiles run.
        progress: who is told.
        sign: 1 if a greater dev score is better, -1 otherwise.
        seed: the study's seed.
        tile_size: most members of a tile.
        jobs: tiles that train at once.
        aims: what is wanted besides a good dev score.
        deadline: time (`time.time`) at which training ends; None for none.
        searching: whether it ends, too, when a hand ends the search.
    """

    run: Path
    store: Store
    setup: TrainingSetup
    engine: Engine
    progress: Progress
    sign: float
    seed: int
    tile_size: int
    jobs: int = 1
    objectives: Objectives = field(default_factory=Objectives)
    deadline: float | None = None
    searching: bool = False

    @property
    def ledger(self) -> Ledger:
        """Rounds, and where each trial trained."""
        return Ledger(self.store)

    @property
    def late(self) -> bool:
        """Whether the deadline has passed, or a hand ended the search."""
        passed = self.deadline is not None and time.time() >= self.deadline
        return passed or (self.searching and Interventions(self.store).ended())

    @property
    def best(self) -> float | None:
        """The best dev score on record; None if there is none."""
        return self.better(*(one.dev_score for one in self.store.trials()))

    def better(self, *scores: float | None) -> float | None:
        """The best of some dev scores; None if there is none."""
        finite = [score for score in scores if score is not None and math.isfinite(score)]
        return max(finite, key=lambda score: self.sign * score, default=None)

    def snapshot(self, tile: int) -> Path:
        """File of a tile's snapshot."""
        return self.run / "snapshots" / f"tile-{tile}.safetensors"

    def add(self, members: Sequence[Member], stage: int, purpose: Purpose, parents: Sequence[int | None]) -> None:
        """Add members to the store as waiting trials; those that are too large, or cannot be made, as infeasible.

        Raises:
            NetworkError: not one network of the study could be made.
        """
        failing = unbuildable(self.setup, members)
        if (
            failing
            and len(failing) == len(members)
            and not any(r.state is not State.INFEASIBLE for r in self.store.trials())
        ):
            raise failing[members[0].number]
        others = [member for member in members if member.number not in failing]
        large = too_large(self.setup, others, self.objectives.max_parameters)
        state = dict.fromkeys([*large, *failing], State.INFEASIBLE)
        self.store.add_trials(
            [
                Trial(
                    one.number, purpose, stage, one.seed, one.hyperparameters, parent,
                    state.get(one.number, State.WAITING),
                )
                for one, parent in zip(members, parents, strict=True)
            ]
        )  # fmt: skip
        for line in dict.fromkeys(map(str, failing.values())) if len(failing) <= MOST_TOLD else ():
            self.progress.say(f"{line}; it is infeasible")
        if len(failing) > MOST_TOLD:
            first = failing[next(iter(failing))]
            self.progress.say(f"{first}; it is infeasible, and {len(failing) - 1} more trials are")

    def train(
        self,
        rows: Sequence[Trial],
        until: Mapping[int, int],
        options: TrainOptions,
        before: tuple[int, int] = (0, 0),
    ) -> list[Outcome]:
        """Train trials in full tiles, each to its own number of epochs, and record what becomes of them.

        Trials that were given places by a process that was killed keep them.

        Args:
            rows: trials of the store that have not come so far.
            until: epochs in all, by trial.
            options: how.
            before: member epochs, and trials ended, that progress is to show beside these.

        Returns:
            All outcomes.
        """
        known = {row.number: row.epochs for row in rows}
        members = {row.number: row.member for row in rows}
        tiles = self._tiles(members, known, until)
        best, changes = self.best, changes_of(self.store, rows)
        jobs = [
            self._job(tile, members, options, changes, first=i == 0 and best is None) for i, tile in enumerate(tiles)
        ]
        every: list[Outcome] = []
        done, live = 0, dict[int, float]()

        def tell(message: TileProgress) -> None:
            nonlocal done
            done += message.epochs
            live[message.tile] = message.best
            self.progress.update(before[0] + done, before[1] + len(every), self.better(best, *live.values()))

        for outcomes in self.engine.run(jobs, tell):
            if not outcomes:
                continue
            on = [
                o.number
                for o in outcomes
                if o.state is State.COMPLETE and until[o.number] <= len(o.curve) < options.budget
            ]
            if len(on) < len(outcomes):
                options.each([outcome for outcome in outcomes if outcome.number not in on])
            if options.losses:
                self.ledger.add_losses(outcomes)
            self.store.record(outcomes, on, known)
            refuse_ended(self.store, {o.number: len(o.curve) for o in outcomes if o.number not in on})
            self.snapshot(outcomes[0].tile).unlink(missing_ok=True)
            every += outcomes
            best = self.better(best, *(outcome.dev_score for outcome in outcomes))
            tell(TileProgress(tile=outcomes[0].tile))
        return every

    def _job(
        self,
        segments: Sequence[Segment],
        members: Mapping[int, Member],
        options: TrainOptions,
        changes: Sequence[Change],
        first: bool,
    ) -> Job:
        """The tile of these segments."""
        states = {
            segment.trial: options.state(segment.trial, segment.since)
            for segment in segments
            if options.state and segment.since
        }
        until = segments[0].until
        return Job(
            segments[0].tile,
            tuple(members[segment.trial] for segment in segments),
            until,
            options.patience,
            self.snapshot(segments[0].tile),
            deadline=self.deadline,
            states=states,
            keep_states=options.going_on and until < options.budget,
            keep_weights=options.weights,
            keep_best=options.best,
            first=first,
            budget=options.budget,
            keep_losses=options.losses,
            changes=tuple(one for one in changes if one.trial in [segment.trial for segment in segments]),
            listener=None if self.store.where is None else StoreListener(self.store, self.searching),
        )

    def _tiles(
        self, members: Mapping[int, Member], since: Mapping[int, int], until: Mapping[int, int]
    ) -> list[list[Segment]]:
        """Find or make the tiles of members; those with the longest way to go come first."""
        segments = self.ledger.segments(list(members))
        placed = [segment for each in segments.values() for segment in each if segment.until == until[segment.trial]]
        found: dict[int, list[Segment]] = {}
        for segment in sorted(placed, key=lambda segment: (segment.tile, segment.place)):
            found.setdefault(segment.tile, []).append(segment)
        known = {segment.trial for segment in placed}
        ways: dict[tuple[int, int], list[Member]] = {}
        for number, member in members.items():
            if number not in known:
                ways.setdefault((since[number], until[number]), []).append(member)
        tile = self.ledger.tiles() if ways else 0
        for (begin, end), alike in sorted(ways.items(), key=lambda way: (way[0][0] - way[0][1], way[0])):
            for group in self.setup.pack(alike, self._size(len(alike))):
                found[tile] = [Segment(tile, place, member.number, begin, end) for place, member in enumerate(group)]
                tile += 1
        self.ledger.add_segments([segment for tile in found.values() for segment in tile if segment.trial not in known])
        return list(found.values())

    def _size(self, members: int) -> int:
        """Members to a tile: as many tiles for each job where the company makes no difference to a member's bits."""
        if not self.setup.threaded:
            return self.tile_size
        rounds = -(-members // (self.tile_size * self.jobs))
        return -(-members // (rounds * self.jobs))
