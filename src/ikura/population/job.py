"""A job: one tile, trained to a number of epochs; what a worker is given and what it gives back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ikura.population.changes import Change, Course, Listener
from ikura.population.denormal_numbers import taken_as_zero
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.packing import fault_of_change
from ikura.population.setup import TrainingSetup
from ikura.population.snapshot import epochs_of_snapshot, load_snapshot, save_snapshot
from ikura.population.torch_settings import default_torch_settings
from ikura.population.training import TrainingRun
from ikura.process_state import one_thread_each
from ikura.trial_state import State

__all__ = ["Job", "StoppedError", "TileProgress", "train"]


SECONDS_HELD = 0.1
"""How often a tile that a hand holds looks whether it may go on."""


class TileProgress(NamedTuple):
    """What a worker tells of a tile in training.

    Attributes:
        epochs: member epochs done since it last told something, also those saved by stopping early.
        tile: the tile's number; -1 for no tile.
        best: the best dev score of a member at its best epoch so far, diverged ones left out; NaN if there is none.
        held: whether a hand lets it stand still, with the whole search.
    """

    epochs: int = 0
    tile: int = -1
    best: float = math.nan
    held: bool = False


class StoppedError(Exception):
    """The job was asked to stop before its end; its snapshot is on disk."""


@dataclass(frozen=True)
class Job:
    """One tile, trained to a number of epochs.

    Attributes:
        number: the tile's number in its study.
        members: its members.
        first: whether the tile trains at least one epoch even when its deadline has passed.
        places: which of them train; the others only keep their places, so that shapes and rounding stay as they were.
            None for all.
        epochs: epochs in all.
        patience: see `TrainingRun`.
        snapshot: file for snapshots on the way; None for none.
        snapshot_seconds: seconds between snapshots.
        deadline: time (`time.time`) at which members are cut short; None for none.
        states: what members go on from, by trial number; a job where that is to be trained again first, by the trial
            itself or by the one that it is a copy of.
        keep_states: whether outcomes carry states for a later round.
        keep_weights: whether outcomes carry the best weights.
        keep_best: whether the outcome of the best member, by dev score, of those of the tile that end carries its best
            weights, and every outcome that ends its evidence.
        budget: epochs of the members' whole training, later rounds included, at which learning-rate schedules end; None
            for `epochs`.
        windows: epochs from and to which each member's weights are kept, see `TrainingRun`; None for all.
        keep_losses: whether outcomes carry the loss on each dev example.
        keep_distances: whether outcomes carry the distances from the initial weights after each epoch.
        watch: called after each epoch with the course and the place of a member that trained, where the tile trains; it
            looks and changes nothing. None for nobody.
        changes: of its members, as far as they are on record.
        listener: hears what more is asked for while the tile trains; None for nobody.
    """

    number: int
    members: tuple[Member, ...]
    epochs: int
    patience: int | None = None
    snapshot: Path | None = None
    snapshot_seconds: float = 30.0
    deadline: float | None = None
    states: Mapping[int, dict[str, np.ndarray] | Job] = field(default_factory=dict)
    keep_states: bool = False
    keep_weights: bool = False
    keep_best: bool = False
    places: tuple[int, ...] | None = None
    first: bool = False
    budget: int | None = None
    windows: tuple[tuple[int, int], ...] | None = None
    keep_losses: bool = False
    keep_distances: bool = False
    watch: Callable[[TrainingRun, int], None] | None = None
    changes: tuple[Change, ...] = ()
    listener: Listener | None = None

    @property
    def training(self) -> tuple[int, ...]:
        """Places of the members that train."""
        return tuple(range(len(self.members))) if self.places is None else self.places


def train(
    setup: TrainingSetup,
    job: Job,
    tell: Callable[[TileProgress], None] = lambda message: None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Train a tile, from its snapshot if there is one, with one thread and ordinary settings of torch.

    Args:
        setup: examples, task, network.
        job: the tile and how far to train it.
        tell: called after each epoch.
        stopping: asked after each epoch; when true the tile is saved and left.

    Returns:
        One outcome for each member that trains; none at all if the deadline had passed before the tile began.

    Raises:
        StoppedError: `stopping` said so.
    """
    settings = default_torch_settings() if setup.needs_torch else nullcontext()
    with one_thread_each(setup.needs_torch), taken_as_zero(), settings:
        return _train(setup, job, tell, stopping)


def _train(
    setup: TrainingSetup, job: Job, tell: Callable[[TileProgress], None], stopping: Callable[[], bool]
) -> list[Outcome]:
    late = _late(job)
    if late and not job.first and not (job.snapshot and job.snapshot.exists()):
        tell(TileProgress(job.epochs * len(job.training), job.number))
        return []
    course = _course(setup, job)
    since = max((_epochs_of(state) for state in job.states.values()), default=0)
    training = course.settled(_saved(job, course, since) or _begun(setup, job, course, since, stopping))
    saved = time.monotonic()
    cut: list[int] = []

    def after(training: TrainingRun) -> None:
        nonlocal saved
        if job.watch is not None:
            for place in job.training:
                job.watch(training, place)
        tell(TileProgress(len(job.training), job.number, training.leading()))
        if job.listener is not None and job.listener.due:
            numbers = {job.members[place].number: place for place in job.training}
            curves = {number: training.curve(place) for number, place in numbers.items()}
            values = {number: training.values(place) for number, place in numbers.items()}
            job.listener.show(curves, values, since)
        late = _late(job)
        stop = stopping()
        if job.snapshot is not None and (stop or time.monotonic() - saved >= job.snapshot_seconds):
            save_snapshot(job.snapshot, training)
            saved = time.monotonic()
        if stop:
            raise StoppedError
        if late and training.epoch < job.epochs:
            end()

    def end() -> None:
        cut.extend(np.flatnonzero(training.tile.active))
        training.tile.active[:] = False

    began = training.epoch
    tell(TileProgress(began * len(job.training), job.number))
    while training.epoch < job.epochs and training.tile.active.any():
        if _held(job, training, tell, stopping) and _late(job) and training.epoch > since:
            end()
            break
        training = course.between_epochs(training)
        if training.tile.active.any():
            training.advance(job.epochs)
            after(training)
    tell(TileProgress((job.epochs - training.epoch) * len(job.training), job.number, training.leading()))
    return _outcomes(job, training, cut, course.paused)


def _saved(job: Job, course: Course, since: int) -> TrainingRun | None:
    """The training as its snapshot has it; None where there is none."""
    if job.snapshot is None or not (epoch := epochs_of_snapshot(job.snapshot)):
        return None
    # Members are saved as they were in their last epoch.
    training = course.begin(max(since, epoch - 1))
    if not load_snapshot(job.snapshot, training):
        return None
    training.tile.active[[place for place in range(len(job.members)) if place not in job.training]] = False
    return training


def _begun(setup: TrainingSetup, job: Job, course: Course, since: int, stopping: Callable[[], bool]) -> TrainingRun:
    """The training from the states that its members go on from, or from its beginning."""
    training = course.begin(since)
    training.tile.active[:] = False
    training.tile.active[list(job.training)] = True
    for place in job.training:
        number = job.members[place].number
        if number in job.states:
            training.insert(place, _state_of(setup, number, job.states[number], stopping))
            training.tile.active[place] = True
    return training


def _epochs_of(state: Mapping[str, np.ndarray] | Job) -> int:
    """How many epochs a member has behind it that goes on from a state."""
    return state.epochs if isinstance(state, Job) else int(state["epoch"][0])


def _state_of(
    setup: TrainingSetup, number: int, state: dict[str, np.ndarray] | Job, stopping: Callable[[], bool]
) -> dict[str, np.ndarray]:
    """What a member goes on from, trained again where it is not at hand; a copy has taken no time of its own."""
    if not isinstance(state, Job):
        return state
    [outcome] = _train(setup, state, lambda message: None, stopping)
    assert outcome.going_on is not None
    copy = outcome.number != number
    return outcome.going_on | ({"seconds": np.zeros_like(outcome.going_on["seconds"])} if copy else {})


def _late(job: Job) -> bool:
    """Whether a tile's time is over, or a hand ended the search."""
    over = job.listener is not None and job.listener.over()
    return over or (job.deadline is not None and time.time() >= job.deadline)


def _held(job: Job, training: TrainingRun, tell: Callable[[TileProgress], None], stopping: Callable[[], bool]) -> bool:
    """Wait as long as a hand holds the whole training, and its time is not over; whether it was held.

    Raises:
        StoppedError: `stopping` said so; what the tile goes on from is on disk.
    """
    listener, held = job.listener, False
    while listener is not None and listener.held() and not _late(job):
        if not held:
            held = True
            tell(TileProgress(0, job.number, training.leading(), held=True))
            if job.snapshot is not None:
                save_snapshot(job.snapshot, training)
        if stopping():
            raise StoppedError
        time.sleep(SECONDS_HELD)
    return held


def _course(setup: TrainingSetup, job: Job) -> Course:
    def make(members: Sequence[Member]) -> TrainingRun:
        made = setup.training(members, job.patience, job.budget or job.epochs, job.keep_distances)
        made.callbacks, made.windows = setup.callbacks, job.windows
        return made

    return Course(job.members, list(job.changes), make, partial(fault_of_change, setup), job.listener)


def _outcomes(
    job: Job, training: TrainingRun, cut: Sequence[int], paused: Mapping[int, dict[str, np.ndarray] | None]
) -> list[Outcome]:
    """What came of a tile's members.

    Args:
        job: the tile.
        training: as it ended.
        cut: places of members that the deadline stopped.
        paused: by the places of members that stand still, what they go on from.
    """
    states = {place: training.extract(place) if job.keep_states else None for place in job.training} | dict(paused)
    alive = training.tile.active.copy()
    dev_losses = training.dev_losses() if job.keep_losses else None
    train_loss, train_score = training.train_scores()
    ended = [place for place in job.training if place not in paused and not _goes_on(job, training, place)]
    measures = training.measures()
    evidence = training.evidence() if job.keep_best and ended else {}
    outcomes = []
    for place in job.training:
        curve = training.curve(place)
        frozen = bool(training.frozen[place]) and len(curve) > 0 and not training.diverged[place]
        best = -1 if frozen else int(training.best_epoch[place])
        _, dev_loss, dev_score = curve[best] if best >= 0 else (np.nan,) * 3
        weights, buffers = training.tile.best(place) if job.keep_weights else (None, None)
        state = State.STOPPED if place in cut else State.COMPLETE
        state = State.DIVERGED if training.diverged[place] else State.FROZEN if frozen else state
        outcomes.append(
            Outcome(
                job.members[place].number,
                job.number,
                place,
                state,
                curve,
                best + 1,
                float(dev_loss),
                float(dev_score),
                math.nan if frozen else float(train_loss[place]),
                math.nan if frozen else float(train_score[place]),
                float(training.seconds[place]),
                weights,
                buffers,
                states[place],
                dev_losses[place] if dev_losses is not None and alive[place] else None,
                evidence.get(place) if place in ended else None,
                None if training.tracker is None else training.tracker.by_name(place),
                {name: math.nan if frozen else float(values[place]) for name, values in measures.items()},
                training.values(place),
                place in paused,
            )
        )
    return _with_best(outcomes, training, ended) if job.keep_best and not job.keep_weights else outcomes


def _goes_on(job: Job, training: TrainingRun, place: int) -> bool:
    """Whether a later round may follow for a member: it neither diverged nor stopped early nor came to its budget."""
    further = job.epochs < (job.budget or job.epochs)
    return further and not training.diverged[place] and int(training.epochs[place]) >= job.epochs


def _with_best(outcomes: list[Outcome], training: TrainingRun, ended: list[int]) -> list[Outcome]:
    """Give the best by dev score of the members that ended, and it alone, its weights."""
    sign = training.scorer.sign
    best = max((o for o in outcomes if o.scored and o.place in ended), key=lambda o: o.rank_key(sign), default=None)
    if best is None:
        return outcomes
    weights, buffers = training.tile.best(best.place)
    return [replace(o, weights=weights, buffers=buffers) if o is best else o for o in outcomes]
