"""The search: propose, pack, train, record, stage by stage and rung by rung."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

from ikura.engine import Engine
from ikura.population.job import Job, Outcome
from ikura.population.member import Member
from ikura.population.snapshot import write_atomically
from ikura.population.workshop import Workshop
from ikura.search import Observation, Proposer, Schedule, Stage
from ikura.study.progress import Progress
from ikura.study.store import Store

__all__ = ["Floor", "search"]


@dataclass
class Floor:
    """What the stages of a study share.

    Attributes:
        run: the run folder.
        store: where everything is recorded.
        workshop: examples, task, network.
        engine: where tiles run.
        progress: who is told.
        sign: 1 if a greater dev score is better, -1 otherwise.
        seed: the study's seed.
        tile_size: most members of a tile.
        deadline: time (`time.time`) at which the search ends; None for none.
        best: the best dev score so far.
    """

    run: Path
    store: Store
    workshop: Workshop
    engine: Engine
    progress: Progress
    sign: float
    seed: int
    tile_size: int
    deadline: float | None = None
    best: float | None = None

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.time() >= self.deadline

    def seen(self, score: float | None) -> None:
        """Take notice of a dev score."""
        if (
            score is not None
            and math.isfinite(score)
            and (self.best is None or self.sign * score > self.sign * self.best)
        ):
            self.best = score

    def member(self, row: dict[str, Any]) -> Member:
        """Turn a row of the store into a member."""
        return Member(row["number"], row["hyperparameters"], row["seed"])

    def snapshot(self, tile: int) -> Path:
        """File of a tile's snapshot."""
        return self.run / "snapshots" / f"tile-{tile}.safetensors"

    def add(self, members: Sequence[Member], stage: int, purpose: str, parents: Sequence[int | None]) -> None:
        """Pack members into tiles and add them to the store as waiting trials."""
        parent = dict(zip([member.number for member in members], parents, strict=True))
        first = self.store.fact("tiles", 0)
        tiles = self.workshop.pack(members, self.tile_size)
        self.store.set_fact("tiles", first + len(tiles))
        rows = [
            {
                "number": member.number,
                "purpose": purpose,
                "parent": parent[member.number],
                "stage": stage,
                "seed": member.seed,
                "hyperparameters": dict(member.hyperparameters),
                "tile": first + i,
                "place": place,
            }
            for i, tile in enumerate(tiles)
            for place, member in enumerate(tile)
        ]
        self.store.add_trials(rows)

    def tiles(self, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]], tuple[int, ...]]]:
        """Find the tiles of trials: number, rows, and the places that train.

        A tile keeps the places of members that have ended, so that shapes and rounding stay as they were.
        """
        wanted = {row["number"] for row in rows}
        tiles: dict[int, list[dict[str, Any]]] = {}
        for row in sorted(self.store.trials(), key=lambda row: (row["tile"], row["place"])):
            tiles.setdefault(row["tile"], []).append(row)
        for tile, group in tiles.items():
            places = tuple(i for i, row in enumerate(group) if row["number"] in wanted)
            if places:
                yield tile, group, places

    def train(
        self,
        rows: Sequence[dict[str, Any]],
        epochs: int,
        patience: int | None,
        *,
        budget: int | None = None,
        states: dict[int, dict[str, np.ndarray]] | None = None,
        going_on: bool = False,
        keep_weights: bool = False,
        keep_best: bool = False,
        each: Callable[[list[Outcome]], None] = lambda outcomes: None,
    ) -> list[Outcome]:
        """Train trials, in the tiles the store has them in, and record what becomes of them.

        Args:
            rows: trials of the store.
            epochs: epochs in all.
            patience: epochs without improvement before a member stops.
            budget: epochs of the whole training, later rungs included; None for `epochs`.
            states: what members go on from, by number.
            going_on: whether a later rung follows.
            keep_weights: whether outcomes carry weights.
            keep_best: whether the best one's of each tile does, and every one its evidence.
            each: called with a tile's outcomes before they are recorded.

        Returns:
            All outcomes.
        """
        jobs = [
            Job(
                tile,
                tuple(self.member(row) for row in group),
                epochs,
                patience,
                self.snapshot(tile),
                deadline=self.deadline,
                states={r["number"]: states[r["number"]] for r in group if r["number"] in states} if states else {},
                keep_states=going_on,
                keep_weights=keep_weights,
                keep_best=keep_best,
                places=places,
                first=i == 0 and self.best is None,
                budget=budget,
            )
            for i, (tile, group, places) in enumerate(self.tiles(rows))
        ]
        every: list[Outcome] = []
        done = 0

        def tell(epochs: int) -> None:
            nonlocal done
            done += epochs
            self.progress.update(done, len(every), self.best)

        for outcomes in self.engine.run(jobs, tell):
            if not outcomes:
                continue
            each(outcomes)
            self.store.record(outcomes, going_on)
            if not going_on:
                self.snapshot(outcomes[0].tile).unlink(missing_ok=True)
            every += outcomes
            for outcome in outcomes:
                self.seen(outcome.dev_score)
            tell(0)
        return every


def observations(store: Store, sign: float) -> list[Observation]:
    """Read the finished trials of the search as proposers see them: the greater score is the better one."""
    found = []
    for row in store.trials():
        if row["purpose"] == "search" and row["state"] in ("complete", "stopped", "pruned", "diverged"):
            failed = row["state"] == "diverged" or row["dev_score"] is None
            score = math.nan if failed else sign * row["dev_score"]
            loss = math.nan if row["dev_loss"] is None else row["dev_loss"]
            found.append(Observation(row["number"], row["stage"], row["hyperparameters"], score, loss))
    return found


def search(
    floor: Floor,
    proposer: Proposer,
    schedule: Schedule,
    trials: int,
    epochs: int,
    patience: int | None,
    keep: Callable[[list[Outcome]], None] | None = None,
) -> list[dict[str, Any]]:
    """Run all stages of a search, going on where an earlier process was stopped.

    Args:
        floor: where it happens.
        proposer: says what to try.
        schedule: says who goes on.
        trials: trials of the whole search.
        epochs: epochs of a trial at most.
        patience: epochs without improvement before a trial stops.
        keep: takes each tile's outcomes, with the best one's weights and the evidence of all, before they are recorded;
            None if nobody needs them.

    Returns:
        For each stage its name, trials, epochs and the region it searched.
    """
    stages: list[dict[str, Any]] = []
    if floor.store.fact("searched"):
        return floor.store.fact("stages", stages)
    for stage in proposer.stages(trials, epochs):
        rows = floor.store.trials(stage.index)
        if stages and not rows and floor.late:
            break
        history = observations(floor.store, floor.sign)
        if not rows:
            number = len(floor.store.trials())
            proposals = proposer.ask(stage, stage.trials, history)
            members = [Member(number + i, p.configuration, floor.seed) for i, p in enumerate(proposals)]
            floor.add(members, stage.index, "search", [None] * len(members))
        stages.append(
            {
                "stage": stage.index,
                "name": stage.name,
                "trials": stage.trials,
                "epochs": stage.epochs,
                "region": proposer.regions(stage, history),
            }
        )
        floor.store.set_fact("stages", stages)
        if floor.store.fact(f"stage {stage.index}"):
            continue
        with floor.store.timed(stage.name):
            floor.progress.start(stage.name, stage.trials * stage.epochs)
            _run_stage(floor, schedule, stage, patience, keep)
            floor.progress.finish()
        floor.store.set_fact(f"stage {stage.index}", True)
    for state, end in (("waiting", "skipped"), ("running", "stopped")):
        floor.store.set_states([row["number"] for row in floor.store.trials() if row["state"] == state], end)
    floor.store.set_fact("searched", True)
    return stages


def _run_stage(
    floor: Floor,
    schedule: Schedule,
    stage: Stage,
    patience: int | None,
    keep: Callable[[list[Outcome]], None] | None,
) -> None:
    rungs = schedule.rungs(stage.epochs)
    states: dict[int, dict[str, np.ndarray]] = {}
    for index, epochs in enumerate(rungs):
        last = index == len(rungs) - 1
        passed = floor.run / "snapshots" / f"stage-{stage.index}-rung-{index}.safetensors"
        if not last and passed.exists():
            states = _load_states(passed)
            _prune(floor, stage, states)
            continue
        live = [row for row in floor.store.trials(stage.index) if row["state"] in ("waiting", "running")]
        outcomes = floor.train(
            live,
            epochs,
            patience,
            budget=stage.epochs,
            states=states,
            going_on=not last,
            keep_best=last and keep is not None,
            each=keep if last and keep is not None else lambda outcomes: None,
        )
        if floor.late:
            running = [row["number"] for row in floor.store.trials(stage.index) if row["state"] == "running"]
            floor.store.set_states(running, "stopped")
        if last or floor.late:
            break
        chosen = _survivors(floor, schedule, stage, index, rungs[index - 1] if index else 0)
        states = {o.number: o.going_on for o in outcomes if o.number in chosen and o.going_on is not None}
        write_atomically(passed, save({f"{n}/{name}": a for n, s in states.items() for name, a in s.items()}))
        _prune(floor, stage, states)
        for row in live:
            floor.snapshot(row["tile"]).unlink(missing_ok=True)


def _survivors(floor: Floor, schedule: Schedule, stage: Stage, rung: int, before: int) -> set[int]:
    """Numbers of the trials that go on, out of all that set out for the rung; `before` is where the last one ended."""
    rows = floor.store.trials(stage.index)
    out = [r for r in rows if r["state"] == "running" or (r["state"] == "diverged" and r["epochs"] > before)]
    scores = [floor.sign * r["dev_score"] if r["state"] == "running" else math.nan for r in out]
    return {out[i]["number"] for i in schedule.survivors(scores, rung)}


def _prune(floor: Floor, stage: Stage, states: dict[int, dict[str, np.ndarray]]) -> None:
    running = [row["number"] for row in floor.store.trials(stage.index) if row["state"] == "running"]
    floor.store.set_states([number for number in running if number not in states], "pruned")


def _load_states(path: Path) -> dict[int, dict[str, np.ndarray]]:
    states: dict[int, dict[str, np.ndarray]] = {}
    for name, array in load_file(path).items():
        number, part = name.split("/", 1)
        states.setdefault(int(number), {})[part] = array
    return states
