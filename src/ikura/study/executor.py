"""The executor of a study: trials into tiles, tiles to the engine, outcomes to the store."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ikura.engine import Engine
from ikura.engine.workplace import Workplace
from ikura.population.factory import NetworkError
from ikura.population.job import TileProgress
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.study.batch import Batch, TrainOptions
from ikura.study.buildable import unbuildable
from ikura.study.epoch_count import EpochCount
from ikura.study.network_cost import too_large
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger
from ikura.study.record.objectives import Objectives
from ikura.study.record.progress import Progress
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.study.steered import Deadline, refuse_ended
from ikura.study.tile_queue import Beside, TileQueue
from ikura.trial_state import State

__all__ = ["Executor"]

MOST_TOLD = 3
"""Trials of which it is said one by one that no network can be made of them."""


@dataclass(frozen=True)
class Executor:
    """Trains the trials of a study and records what becomes of them; the search's stages and the finalists share one.

    Attributes:
        run: the run folder.
        store: where everything is recorded.
        setup: examples, task, network.
        workplace: where tiles train.
        engine: trains those of the setup there.
        progress: who is told.
        sign: 1 if a greater dev score is better, -1 otherwise.
        seed: the study's seed.
        tile_size: most members of a tile.
        aims: what is wanted besides a good dev score.
        time: when training ends; None for no limit that a hand could change.
        searching: whether it ends, too, when a hand ends the search.
    """

    run: Path
    store: Store
    setup: TrainingSetup
    workplace: Workplace
    engine: Engine
    progress: Progress
    sign: float
    seed: int
    tile_size: int
    objectives: Objectives = field(default_factory=Objectives)
    time: Deadline | None = None
    searching: bool = False

    @property
    def jobs(self) -> int:
        """Tiles that train at once."""
        return self.workplace.workers

    @property
    def ledger(self) -> Ledger:
        """Rounds, and where each trial trained."""
        return Ledger(self.store)

    @property
    def deadline(self) -> float | None:
        """Time (`time.time`) at which training ends, as it stands now; None for none."""
        return None if self.time is None else self.time.as_asked(Interventions(self.store))

    @property
    def late(self) -> bool:
        """Whether the deadline has passed, or a hand ended the search."""
        deadline = self.deadline
        passed = deadline is not None and time.time() >= deadline
        return passed or (self.searching and Interventions(self.store).ended())

    @property
    def best(self) -> float | None:
        """The best dev score on record; None if there is none."""
        return self.better(*self.store.scores())

    def better(self, *scores: float | None) -> float | None:
        """The best of some dev scores; None if there is none."""
        finite = [score for score in scores if score is not None and math.isfinite(score)]
        return max(finite, key=lambda score: self.sign * score, default=None)

    def snapshot(self, tile: int) -> Path:
        """File of a tile's snapshot."""
        return self.run / "snapshots" / f"tile-{tile}.safetensors"

    def interrupted(self, numbers: Iterable[int]) -> set[int]:
        """Which of some trials a process that was killed left in tiles of which there are snapshots."""
        segments = self.ledger.segments(list(numbers))
        return {number for number, own in segments.items() if self.snapshot(own[-1].tile).exists()}

    def add(self, members: Sequence[Member], stage: int, purpose: Purpose, parents: Sequence[int | None]) -> None:
        """Add members to the store as waiting trials; those that are too large, or cannot be made, as infeasible.

        Raises:
            NetworkError: not one network of the study could be made.
        """
        failing, infeasible = self.infeasible(members)
        if (
            failing
            and len(failing) == len(members)
            and not any(r.state is not State.INFEASIBLE for r in self.store.trials())
        ):
            raise failing[members[0].number]
        self.store.add_trials(
            [
                Trial(
                    one.number, purpose, stage, one.seed, one.hyperparameters, parent,
                    State.INFEASIBLE if one.number in infeasible else State.WAITING,
                )
                for one, parent in zip(members, parents, strict=True)
            ]
        )  # fmt: skip
        for line in dict.fromkeys(map(str, failing.values())) if len(failing) <= MOST_TOLD else ():
            self.progress.say(f"{line}; it is infeasible")
        if len(failing) > MOST_TOLD:
            first = failing[next(iter(failing))]
            self.progress.say(f"{first}; it is infeasible, and {len(failing) - 1} more trials are")

    def infeasible(self, members: Sequence[Member]) -> tuple[dict[int, NetworkError], set[int]]:
        """Say why members cannot be made, and which can't, or are larger than is allowed."""
        failing = unbuildable(self.setup, members)
        others = [member for member in members if member.number not in failing]
        return failing, {*failing, *too_large(self.setup, others, self.objectives.max_parameters)}

    def train(
        self,
        rows: Sequence[Trial],
        until: Mapping[int, int],
        options: TrainOptions,
        before: tuple[int, int] = (0, 0),
        beside: Beside | None = None,
    ) -> list[Outcome]:
        """Train trials in full tiles, each to its own number of epochs, and record what becomes of them.

        Those that a hand lets stand still are waited for.

        Args:
            rows: trials of the store that have not come so far.
            until: epochs in all, by trial.
            options: how.
            before: member epochs, and trials ended, that progress is to show beside these; the epochs that these had
                already count as theirs.
            beside: asked for further trials, which are trained and recorded beside these.

        Returns:
            The outcomes of the trials that have come so far or ended.
        """
        queue = TileQueue(self, Batch(rows, until, options), beside)
        best = self.best
        every: list[Outcome] = []
        ended, live = 0, dict[int, float]()
        epochs = EpochCount(sum(row.epochs for row in rows))

        def tell(message: TileProgress) -> None:
            if queue.is_own(message.tile):
                epochs.tell(message.tile, message.epochs, queue.since(message.tile))
            live[message.tile] = message.best
            if message.held:
                queue.say_held()
            self.progress.update(before[0] + epochs.most, before[1] + ended, self.better(best, *live.values()))

        for outcomes in self.engine.run(queue, tell):
            tile = queue.returned(outcomes)
            if tile is None:
                continue
            on = self._record(outcomes, tile.batch)
            best = self.better(best, *(outcome.dev_score for outcome in outcomes))
            if not tile.beside:
                every += [outcome for outcome in outcomes if not outcome.paused]
                ended += len(outcomes) - len(on)
                epochs.take_back(sum(until[one.number] - len(one.curve) for one in outcomes if one.paused))
            tell(TileProgress(tile=outcomes[0].tile))
            # What it came to is in the best one's score now.
            del live[outcomes[0].tile]
        return every

    def _record(self, outcomes: list[Outcome], batch: Batch) -> list[int]:
        """Record what became of a tile; return the numbers of the trials that go on later."""
        options, until = batch.options, batch.until

        def goes_on(one: Outcome) -> bool:
            further = until[one.number] <= len(one.curve) < options.budget
            return one.paused or (one.state is State.COMPLETE and further)

        on = [outcome.number for outcome in outcomes if goes_on(outcome)]
        if len(on) < len(outcomes):
            options.each([outcome for outcome in outcomes if outcome.number not in on])
        if options.losses:
            self.ledger.add_losses(outcomes)
        self.store.record(outcomes, on, batch.since)
        refuse_ended(self.store, {one.number: len(one.curve) for one in outcomes if one.number not in on})
        self.snapshot(outcomes[0].tile).unlink(missing_ok=True)
        return on
