"""The executor of a study: trials into tiles, tiles to the engine, outcomes to the store."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ikura.engine import Engine
from ikura.population.job import Job, Outcome, Told
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.study.cost import too_large
from ikura.study.record.ledger import Ledger, Segment
from ikura.study.record.members import member_of
from ikura.study.record.objectives import Aims
from ikura.study.record.progress import Progress
from ikura.study.record.store import Store
from ikura.study.workable import unworkable

__all__ = ["Executor", "Order"]

State = dict[str, np.ndarray]

MOST_TOLD = 3
"""Trials of which it is said one by one that no network can be made of them."""


@dataclass(frozen=True)
class Order:
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
    state: Callable[[int, int], State] | None = None
    going_on: bool = False
    losses: bool = False
    weights: bool = False
    best: bool = False
    each: Callable[[list[Outcome]], None] = lambda outcomes: None


@dataclass
class Executor:
    """What the stages of a study share.

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
        deadline: time (`time.time`) at which the search ends; None for none.
        best: the best dev score so far.
        aims: what is wanted besides a good dev score.
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
    deadline: float | None = None
    best: float | None = None
    aims: Aims = field(default_factory=Aims)

    @cached_property
    def ledger(self) -> Ledger:
        """Rounds, and where each trial trained."""
        return Ledger(self.store)

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.time() >= self.deadline

    def better(self, *scores: float | None) -> float | None:
        """The best of some dev scores; None if there is none."""
        finite = [score for score in scores if score is not None and math.isfinite(score)]
        return max(finite, key=lambda score: self.sign * score, default=None)

    def member(self, row: Mapping[str, Any]) -> Member:
        """Turn a row of the store into a member."""
        return member_of(row)

    def snapshot(self, tile: int) -> Path:
        """File of a tile's snapshot."""
        return self.run / "snapshots" / f"tile-{tile}.safetensors"

    def add(self, members: Sequence[Member], stage: int, purpose: str, parents: Sequence[int | None]) -> None:
        """Add members to the store as waiting trials; those that are too large, or cannot be made, as infeasible.

        Raises:
            NetworkError: not one network of the study could be made.
        """
        failing = unworkable(self.setup, members)
        if (
            failing
            and len(failing) == len(members)
            and not any(r["state"] != "infeasible" for r in self.store.trials())
        ):
            raise failing[members[0].number]
        others = [member for member in members if member.number not in failing]
        large = too_large(self.setup, others, self.aims.max_parameters)
        rows = [
            {
                "number": member.number,
                "state": "infeasible" if member.number in large or member.number in failing else "waiting",
                "purpose": purpose,
                "parent": parent,
                "stage": stage,
                "seed": member.seed,
                "hyperparameters": dict(member.hyperparameters),
            }
            for member, parent in zip(members, parents, strict=True)
        ]
        self.store.add_trials(rows)
        for line in dict.fromkeys(map(str, failing.values())) if len(failing) <= MOST_TOLD else ():
            self.progress.say(f"{line}; it is infeasible")
        if len(failing) > MOST_TOLD:
            first = failing[next(iter(failing))]
            self.progress.say(f"{first}; it is infeasible, and {len(failing) - 1} more trials are")

    def train(
        self,
        rows: Sequence[dict[str, Any]],
        epochs: int,
        patience: int | None,
        *,
        keep_weights: bool = False,
        each: Callable[[list[Outcome]], None] = lambda outcomes: None,
        before: tuple[int, int] = (0, 0),
    ) -> list[Outcome]:
        """Train trials from their beginning to their end, and record what becomes of them.

        Args:
            rows: trials of the store.
            epochs: epochs in all.
            patience: epochs without improvement before a member stops.
            keep_weights: whether outcomes carry weights.
            each: called with a tile's outcomes before they are recorded.
            before: member epochs, and trials ended, that progress is to show beside these.

        Returns:
            All outcomes.
        """
        order = Order(patience, epochs, weights=keep_weights, each=each)
        return self.carry_out(rows, {row["number"]: epochs for row in rows}, order, before)

    def carry_out(
        self,
        rows: Sequence[dict[str, Any]],
        until: Mapping[int, int],
        order: Order,
        before: tuple[int, int] = (0, 0),
    ) -> list[Outcome]:
        """Train trials in full tiles, each to its own number of epochs, and record what becomes of them.

        Trials that were given places by a process that was killed keep them.

        Args:
            rows: trials of the store that have not come so far.
            until: epochs in all, by trial.
            order: how.
            before: member epochs, and trials ended, that progress is to show beside these.

        Returns:
            All outcomes.
        """
        known = {row["number"]: row["epochs"] for row in rows}
        members = {row["number"]: self.member(row) for row in rows}
        tiles = self._tiles(members, known, until)
        jobs = [self._job(segments, members, order, first=i == 0) for i, segments in enumerate(tiles)]
        every: list[Outcome] = []
        done, live = 0, dict[int, float]()

        def tell(told: Told) -> None:
            nonlocal done
            done += told.epochs
            live[told.tile] = told.best
            best = self.better(self.best, *live.values())
            self.progress.update(before[0] + done, before[1] + len(every), best)

        for outcomes in self.engine.run(jobs, tell):
            if not outcomes:
                continue
            on = [
                o.number for o in outcomes if o.state == "complete" and until[o.number] <= len(o.curve) < order.budget
            ]
            if len(on) < len(outcomes):
                order.each([outcome for outcome in outcomes if outcome.number not in on])
            if order.losses:
                self.ledger.add_losses(outcomes)
            self.store.record(outcomes, on, known)
            self.snapshot(outcomes[0].tile).unlink(missing_ok=True)
            every += outcomes
            self.best = self.better(self.best, *(outcome.dev_score for outcome in outcomes))
            tell(Told(tile=outcomes[0].tile))
        return every

    def _job(self, segments: Sequence[Segment], members: Mapping[int, Member], order: Order, first: bool) -> Job:
        """The tile of these segments."""
        states = {
            segment["trial"]: order.state(segment["trial"], segment["since"])
            for segment in segments
            if order.state and segment["since"]
        }
        until = segments[0]["until"]
        return Job(
            segments[0]["tile"],
            tuple(members[segment["trial"]] for segment in segments),
            until,
            order.patience,
            self.snapshot(segments[0]["tile"]),
            deadline=self.deadline,
            states=states,
            keep_states=order.going_on and until < order.budget,
            keep_weights=order.weights,
            keep_best=order.best,
            first=first and self.best is None,
            budget=order.budget,
            keep_losses=order.losses,
        )

    def _tiles(
        self, members: Mapping[int, Member], since: Mapping[int, int], until: Mapping[int, int]
    ) -> list[list[Segment]]:
        """Find or make the tiles of members; those with the longest way to go come first."""
        segments = self.ledger.segments(list(members))
        placed = [
            segment for each in segments.values() for segment in each if segment["until"] == until[segment["trial"]]
        ]
        found: dict[int, list[Segment]] = {}
        for segment in sorted(placed, key=lambda segment: (segment["tile"], segment["place"])):
            found.setdefault(segment["tile"], []).append(segment)
        known = {segment["trial"] for segment in placed}
        ways: dict[tuple[int, int], list[Member]] = {}
        for number, member in members.items():
            if number not in known:
                ways.setdefault((since[number], until[number]), []).append(member)
        tile = self.ledger.tiles() if ways else 0
        for (begin, end), alike in sorted(ways.items(), key=lambda way: (way[0][0] - way[0][1], way[0])):
            for group in self.setup.pack(alike, self._size(len(alike))):
                found[tile] = [
                    {"tile": tile, "place": place, "trial": member.number, "since": begin, "until": end}
                    for place, member in enumerate(group)
                ]
                tile += 1
        self.ledger.add_segments(
            [segment for tile in found.values() for segment in tile if segment["trial"] not in known]
        )
        return list(found.values())

    def _size(self, members: int) -> int:
        """Members to a tile: as many tiles for each job where the company makes no difference to a member's bits."""
        if not self.setup.compiled:
            return self.tile_size
        rounds = -(-members // (self.tile_size * self.jobs))
        return -(-members // (rounds * self.jobs))
