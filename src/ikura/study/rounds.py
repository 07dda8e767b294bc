"""Rounds: a stage carried out as its schedule decides, going on where an earlier process was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ikura.nn.augmentation import AUGMENTATIONS
from ikura.nn.noise import key
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.search import Schedule, Stage
from ikura.search.schedule import StageContext, Standing, check_round
from ikura.space import Space, layer_of
from ikura.space.limits import BOUNDS
from ikura.study.batch import TrainOptions
from ikura.study.executor import Executor
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import RoundRecord
from ikura.study.record.store import COLUMNS
from ikura.study.record.trial import Trial
from ikura.study.steered import values_after
from ikura.study.tile_queue import Beside
from ikura.study.training_states import States
from ikura.trial_state import State

__all__ = ["changeable", "run_stage", "trials_at_once"]


def trials_at_once(trials: int) -> int:
    """How many trials a schedule that refills freed places trains at once: a quarter of the stage's, at least eight.

    The number of jobs has no say, because the same seed gives the same study with any.
    """
    return min(trials, max(8, trials // 4))


def changeable(setup: TrainingSetup, space: Space) -> tuple[str, ...]:
    """Name the hyperparameters that may change while a network trains: they govern training, not what is trained.

    Those on which others depend stay, so that the others do not come and go.
    """
    parents = {parent for name in space for parent in (space.condition(name) or ())}
    more = ("dropout", "dropout_input", *AUGMENTATIONS) if setup.network is None else ()
    return tuple(name for name in space if layer_of(name)[0] in (*BOUNDS, *more) and name not in parents)


def run_stage(
    executor: Executor,
    schedule: Schedule,
    stage: Stage,
    space: Space,
    patience: int | None,
    keep: Callable[[list[Outcome]], None] | None,
    beside: Beside,
) -> None:
    """Train the trials of a stage, which wait in the store, round by round.

    Args:
        executor: where it happens.
        schedule: says who goes on.
        stage: the stage.
        space: what is searched.
        patience: epochs without improvement before a trial stops.
        keep: takes the outcomes of a tile's trials that have ended, with the weights of the best and all evidence;
            None if nobody needs them.
        beside: asked for trials that are trained beside the stage's own.
    """
    made = Interventions(executor.store).made()
    rows = executor.store.trials(stage=stage.index)
    begun = [trial for trial in rows if trial.parent is None and trial.number not in made]
    trials = sum(trial.state is not State.INFEASIBLE for trial in begun)
    if not trials:
        return
    seed = key(executor.seed, "schedule", stage.index)
    context = StageContext(trials, stage.epochs, trials_at_once(trials), seed, space, changeable(executor.setup, space))
    _Rounds(executor, schedule, stage, context, patience, keep, beside).run()


class _Rounds:
    def __init__(
        self,
        executor: Executor,
        schedule: Schedule,
        stage: Stage,
        context: StageContext,
        patience: int | None,
        keep: Callable[[list[Outcome]], None] | None,
        beside: Beside,
    ) -> None:
        self.beside = beside
        self.executor, self.schedule, self.stage, self.context = executor, schedule, stage, context
        options = TrainOptions(patience, stage.epochs, going_on=True, losses=schedule.paired, best=keep is not None)
        if keep is not None:
            options = replace(options, each=keep)
        path = executor.run / "snapshots" / f"stage-{stage.index}.safetensors"
        self.states = States(executor, path, options)
        self.options = replace(options, state=self.states)
        self.interventions = Interventions(executor.store)
        made = self.interventions.made()
        rows = executor.store.trials(stage=stage.index)
        self.trials = {trial.number: trial for trial in rows if trial.number not in made}
        self.rounds = executor.ledger.rounds(stage.index)
        self.curves: dict[int, np.ndarray] = {}
        self.goals: dict[int, np.ndarray] = {}
        """What the kept epoch of each trial has least of, by epoch."""
        self.losses: dict[int, dict[int, np.ndarray]] = {}
        if self.rounds:
            self._recall()

    def _recall(self) -> None:
        """Read what an earlier process recorded."""
        begun = [number for number, trial in self.trials.items() if trial.epochs]
        frame = self.executor.store.curves(begun)
        for number, points in frame.groupby("number").indices.items():
            curve = frame[list(COLUMNS)].to_numpy()[points]
            values = {name: frame[name].to_numpy()[points] for name in frame if name == self.watched}
            self._keep_curve(int(str(number)), curve, values)
        if self.schedule.paired:
            self.losses = self.executor.ledger.losses(begun)

    @property
    def watched(self) -> str:
        """The further metric by which epochs are kept; empty for none."""
        return self.executor.setup.scorer.watched

    def _keep_curve(self, number: int, curve: np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        self.curves[number] = curve
        self.goals[number] = self.executor.setup.scorer.goal(curve[:, 1], curve[:, 2], values)

    def run(self) -> None:
        """Go on until the schedule has nothing more to do, or the time is over."""
        while not self._cut():
            decided = self.rounds[-1] if self.rounds and self._outstanding(self.rounds[-1]) else self._decide()
            if decided is None:
                break
            self._carry_out(decided)
            if self.executor.late:
                break
        self.states.path.unlink(missing_ok=True)
        if self.schedule.paired:
            self.executor.ledger.forget_losses()

    def _cut(self) -> bool:
        """Whether the time is over, now or in the process before; something is trained all the same.

        Tiles that were in training when that process was killed are brought to their end first.
        """
        stopped = any(trial.state is State.STOPPED for trial in self.trials.values())
        if not stopped and not (self.executor.late and self.executor.best is not None):
            return False
        return not (self.rounds and self.executor.interrupted(self._outstanding(self.rounds[-1])))

    def _outstanding(self, decided: RoundRecord) -> dict[int, int]:
        """What of a round is not recorded yet: trial -> epochs."""
        return {
            number: until
            for number, until in decided.until.items()
            if self.trials[number].state is State.WAITING
            or (self.trials[number].state is State.RUNNING and self.trials[number].epochs < until)
        }

    def _decide(self) -> RoundRecord | None:
        """Ask the schedule for the next round and record it; None at the end of the stage, which drops the rest."""
        standings = self._standings()
        waiting = self._in_turn(number for number, trial in self.trials.items() if trial.state is State.WAITING)
        over = bool(self.rounds) and not waiting and not any(one.state is State.RUNNING for one in standings)
        if self.rounds and not self.rounds[-1].until:
            return None
        decided = None if over else self.schedule.next(standings, self.context)
        if decided is None:
            rest = {one.number: "not chosen to go on" for one in standings if one.state is State.RUNNING}
            return self._record(self._round(**self._pinned(rest)), []) if rest else None
        check_round(self.schedule, decided, standings, self.context)
        now = {one.number: one for one in standings}
        first = self.executor.store.count() if decided.copies else 0
        copies = [
            self.trials[copy.parent].copy(first + i, self.stage.index, dict(copy.hyperparameters))
            for i, copy in enumerate(decided.copies)
        ]
        found = self._round(
            train=dict(decided.train),
            fresh=dict(zip(waiting, decided.fresh, strict=False)),
            copies={first + i: copy.until for i, copy in enumerate(decided.copies)},
            **self._pinned(decided.drop),
        )
        return self._record(found, copies, self._events(found, copies, now) if copies else [])

    def _events(
        self, decided: RoundRecord, copies: Sequence[Trial], now: Mapping[int, Standing]
    ) -> list[tuple[Request, int | None]]:
        """A round that copies trials, as a hand would have asked for it: stops, and forks with other values."""
        events: list[tuple[Request, int | None]] = [
            (Request(action=Action.STOP, trial=number, at=now[number].epochs, why=why), None)
            for number, why in decided.drop.items()
        ]
        for copy in copies:
            before = now[copy.origin].hyperparameters
            values = {name: value for name, value in copy.hyperparameters.items() if before.get(name) != value}
            request = Request(
                action=Action.FORK, trial=copy.origin, values=values, at=copy.epochs, why="copy of one of the best"
            )
            events.append((request, copy.number))
        return events

    def _in_turn(self, waiting: Iterable[int]) -> list[int]:
        """Trials that wait, in the order in which they begin: as they were proposed, but those first that are to be."""
        asked = [one for one in self.interventions.unsettled() if one.action is Action.PRIORITISE]
        first = {one.trial: place for place, one in enumerate(asked)}
        return sorted(waiting, key=lambda number: (first.get(number, len(first)), number))

    def _pinned(self, drop: Mapping[int, str]) -> dict[str, Any]:
        """What a round drops, and which of it trains on to the end, because a hand pinned it."""
        pinned = self.interventions.pinned() if drop else set()
        kept = {number: self.stage.epochs for number in drop if number in pinned}
        return {"drop": {number: why for number, why in drop.items() if number not in kept}, "kept": kept}

    def _left(self) -> dict[int, int]:
        """Trials that train on because they are pinned, and the epochs after which the schedule dropped them."""
        found: dict[int, int] = {}
        for place, one in enumerate(self.rounds):
            for number in one.kept:
                found[number] = max(before.until.get(number, 0) for before in self.rounds[:place])
        return found

    def _round(self, **parts: Any) -> RoundRecord:
        return RoundRecord(self.stage.index, len(self.rounds), **parts)

    def _record(
        self, decided: RoundRecord, copies: Sequence[Trial], events: Sequence[tuple[Request, int | None]] = ()
    ) -> RoundRecord:
        self.executor.ledger.add_round(decided, copies, self.schedule.name, events)
        for copy in copies:
            self.trials[copy.number] = copy
            self.curves[copy.number], self.goals[copy.number] = self.curves[copy.origin], self.goals[copy.origin]
        for number in decided.drop:
            self.trials[number] = replace(self.trials[number], state=State.PRUNED)
        self.rounds.append(decided)
        return decided

    def _carry_out(self, decided: RoundRecord) -> None:
        until = self._outstanding(decided)
        trials = [self.trials[number] for number in until]
        outcomes = self.executor.train(trials, until, self.options, self._before(until), self.beside)
        for outcome in outcomes:
            trial, epochs = self.trials[outcome.number], len(outcome.curve)
            on = outcome.state is State.COMPLETE and until[outcome.number] <= epochs < self.stage.epochs
            self.trials[outcome.number] = replace(trial, state=State.RUNNING if on else outcome.state, epochs=epochs)
            self._keep_curve(outcome.number, outcome.curve, outcome.values)
            if outcome.dev_losses is not None:
                # As precise as they are recorded.
                losses = outcome.dev_losses.astype(np.float32).astype(np.float64)
                self.losses.setdefault(outcome.number, {})[epochs] = losses
        self.states.take(outcomes)
        running = {n: trial.epochs for n, trial in self.trials.items() if trial.state is State.RUNNING}
        if running:
            self.states.keep(running)

    def _standings(self) -> list[Standing]:
        touched, left = self.interventions.touched(), self._left()
        return [
            self._standing(number, trial, left.get(number), number in touched)
            for number, trial in sorted(self.trials.items())
            if number in self.curves
        ]

    def _standing(self, number: int, trial: Trial, left: int | None, touched: bool) -> Standing:
        """How a trial stands for the schedule, which knows nothing of epochs after it dropped one that is pinned."""
        curve, goals = self.curves[number][:left], self.goals[number][:left]
        state = State.PRUNED if left is not None else State.DIVERGED if trial.state.failed else trial.state
        return Standing(
            number,
            state,
            len(curve),
            self.executor.sign * curve[:, 2],
            goals,
            values_after(self.executor.store, trial, len(curve)) if touched else trial.hyperparameters,
            trial.parent,
            {epochs: one for epochs, one in self.losses.get(number, {}).items() if left is None or epochs <= left},
        )

    def _before(self, until: Mapping[int, int]) -> tuple[int, int]:
        """Member epochs trained or saved beside those of trials that train now, and trials that have ended."""
        ended = [number for number, trial in self.trials.items() if trial.state.ended]
        if self.schedule.copies:
            # A copy takes its parent's epochs over and another's place in the population.
            since = max(self.trials[number].epochs for number in until)
            return self.stage.trials * since - sum(self.trials[number].epochs for number in until), len(ended)
        waiting = [n for n, trial in self.trials.items() if trial.state is State.RUNNING and n not in until]
        return self.stage.epochs * len(ended) + sum(self.trials[n].epochs for n in waiting), len(ended)
