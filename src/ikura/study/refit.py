"""Refits: members of an ensemble trained again, with their own seeds and for as many epochs, on all rows given."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ikura.engine import Engine
from ikura.population.examples import Examples
from ikura.population.job import Job, TileProgress
from ikura.population.packing import pack
from ikura.population.schedule import shape
from ikura.population.setup import TrainingSetup
from ikura.study.executor import Executor
from ikura.study.record.trial import Trial
from ikura.study.shortlist import keep_weights, kept_weights
from ikura.trial_state import State

__all__ = ["REFIT", "joined", "refit_setup", "refittable", "train_refits"]

REFIT = "refit"
"""What the files with weights of refits are called."""
LATEST = 1.5
"""The last epoch of a refit whose weights may be kept, as a multiple of the trial's best one."""


def joined(first: Examples, second: Examples) -> Examples:
    """The examples of both, the first ones first; weights get a mean of 1 over all of them.

    Example:
        >>> one = Examples(np.zeros((2, 1)), np.zeros((2, 0), np.int32), np.zeros(2))
        >>> len(joined(one, one))
        4
    """
    weights = None
    if first.weights is not None and second.weights is not None:
        weights = np.concatenate([first.weights, second.weights])
        weights = weights / weights.mean()
    return replace(
        first,
        x=np.concatenate([first.array, second.array]),
        codes=np.concatenate([first.codes, second.codes]),
        y=np.concatenate([first.y, second.y]),
        weights=weights,
    )


def refit_setup(setup: TrainingSetup) -> TrainingSetup:
    """The setup whose training examples are all rows given, training and dev; its dev set decides nothing."""
    return replace(setup, train=joined(setup.train, setup.dev), callbacks=())


def refittable(trial: Trial) -> bool:
    """Whether a trial can be trained without a dev set: its learning rate does not follow the dev loss."""
    return bool(trial.best_epoch) and shape(trial.member.values.schedule_shape).follows != "plateau"


def window_of(trial: Trial, budget: int) -> tuple[int, int]:
    """The epochs of a refit whose weights may be kept: from the best one of its trial to half as many more.

    Args:
        trial: the trial.
        budget: epochs that it might have trained.
    """
    best = int(trial.best_epoch or 1)
    return best, max(best, min(math.ceil(LATEST * best), budget))


def seconds_of(trial: Trial, setup: TrainingSetup) -> float:
    """Seconds on one core that the refit of a trial is expected to take."""
    more = (len(setup.train) + len(setup.dev)) / len(setup.train)
    return more * LATEST * (trial.best_epoch or 0) * trial.seconds / max(trial.epochs, 1)


def train_refits(
    executor: Executor,
    trials: Sequence[Trial],
    budgets: Mapping[int, int],
    deadline: float | None,
    wanted: Collection[int] | None = None,
) -> list[int]:
    """Train trials again on all rows given; tiles whose weights are there are left alone.

    No rows are left to say which epoch is best. A network trains for as many epochs as its trial did until its best
    one, e, and for half as many more: more rows put off the moment at which fitting turns into overfitting. While the
    learning rate is large one epoch is not like the next, and the trial kept a good one: so of the epochs from e on the
    one with the lowest loss on the dev rows is kept, though they are trained on too. The learning rate is that of the
    trial, epoch by epoch.

    Args:
        executor: where the trials were trained.
        trials: the trials; with which others a stacked one trains follows from all of them.
        budgets: epochs at which the learning-rate schedule of each trial ends, by number.
        deadline: time (`time.time`) at which training ends; None for none. No tile is begun that is not expected to
            come to its end.
        wanted: numbers of those that are needed; None for all.

    Returns:
        Numbers of the trials whose networks were trained to their end, in order.
    """
    run, setup = executor.run, refit_setup(executor.setup)
    needed = {trial.number for trial in trials} if wanted is None else set(wanted)
    missing = {number for number in needed if kept_weights(run, number, REFIT) is None}
    jobs = [
        job
        for job in _jobs(run, setup, trials, budgets, deadline)
        if not missing.isdisjoint(member.number for member in job.members)
    ]
    if deadline is not None:
        seconds = {trial.number: seconds_of(trial, executor.setup) for trial in trials}
        jobs = _in_time(jobs, seconds, executor.jobs, deadline)
    if jobs:
        with executor.workplace.engine(setup) as engine:
            _train(executor, engine, jobs)
    return sorted(number for number in needed if kept_weights(run, number, REFIT) is not None)


def _jobs(
    run: Path, setup: TrainingSetup, trials: Sequence[Trial], budgets: Mapping[int, int], deadline: float | None
) -> list[Job]:
    """Tiles of trials with the same budget, in which each member ends at its own epoch."""
    windows = {trial.number: window_of(trial, budgets[trial.number]) for trial in trials}
    jobs: list[Job] = []
    for budget in sorted({budgets[trial.number] for trial in trials}):
        alike = [trial.member for trial in trials if budgets[trial.number] == budget]
        for members in pack(setup, alike, len(alike)):
            own, number = tuple(windows[member.number] for member in members), len(jobs)
            last = max(end for _, end in own)
            snapshot = run / "snapshots" / f"{REFIT}-tile-{number}.safetensors"
            jobs.append(
                Job(
                    number, tuple(members), last, snapshot=snapshot, deadline=deadline, keep_weights=True,
                    budget=budget, windows=own,
                )
            )  # fmt: skip
    return jobs


def _in_time(jobs: Sequence[Job], seconds: Mapping[int, float], at_once: int, deadline: float) -> list[Job]:
    """The tiles that are likely to come to their end, the first ones first."""
    free, begun = [time.time()] * at_once, []
    for job in jobs:
        free.sort()
        end = free[0] + sum(seconds[member.number] for member in job.members)
        if end <= deadline:
            free[0] = end
            begun.append(job)
    return begun


def _train(executor: Executor, engine: Engine, jobs: Sequence[Job]) -> None:
    total, done, ended = sum(end for job in jobs for _, end in job.windows or ()), 0, 0
    snapshots = {job.number: job.snapshot for job in jobs}
    executor.progress.start("ensemble", total)

    def tell(message: TileProgress) -> None:
        nonlocal done
        done = min(done + message.epochs, total)
        executor.progress.update(done, ended, None)

    for outcomes in engine.run(jobs, tell):
        whole = [one for one in outcomes if one.state is State.COMPLETE]
        keep_weights(executor.run, whole, kind=REFIT)
        ended += len(whole)
        snapshot = snapshots[outcomes[0].tile] if outcomes else None
        if snapshot is not None:
            snapshot.unlink(missing_ok=True)
    executor.progress.finish()
