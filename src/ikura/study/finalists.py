"""The finalists: the best configurations of the search, trained again in full with other seeds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial

from ikura.nn.noise import key
from ikura.population.member import Member
from ikura.search import Schedule
from ikura.study.batch import TrainOptions
from ikura.study.executor import Executor
from ikura.study.goals import Goals
from ikura.study.preference import promising
from ikura.study.record.decision import SearchPlan
from ikura.study.record.setting import Setting
from ikura.study.record.trial import FINAL_STAGE, Purpose, Trial, ranked
from ikura.study.shortlist import keep_weights
from ikura.study.steered import course_of
from ikura.trial_state import State

__all__ = ["distinct", "train_finalists"]

PATIENT = 1.5
"""A trial that stopped early is expected to train so many times its epochs when it is trained again."""


def distinct(trials: Sequence[Trial], count: int) -> list[Trial]:
    """The first trials of so many different configurations."""
    chosen: dict[str, Trial] = {}
    for trial in trials:
        if len(chosen) == count:
            break
        chosen.setdefault(json.dumps(trial.hyperparameters, sort_keys=True), trial)
    return list(chosen.values())


def train_finalists(
    executor: Executor,
    finalists: int,
    replicates: int,
    searches: Sequence[SearchPlan],
    schedule: Schedule,
    jobs: int = 1,
) -> None:
    """Train the best configurations of the search in full, each with several seeds, as one population.

    The best one of the first search is always among them, if more than one search was made and there is room for two.

    Args:
        executor: where it happens; before its deadline only as many are begun as are likely to come to their end.
        finalists: number of configurations.
        replicates: seeds of each.
        searches: those of the study; a finalist is trained for as many epochs as the search that found it has.
        schedule: says how long a member is waited for.
        jobs: tiles that train at once.
    """
    again = executor.store.trials(purpose=Purpose.FINALIST)
    trials = executor.store.trials()

    epochs_of = Goals(Setting.load(executor.run), executor.store).in_full

    if not again:
        found = ranked((one for one in trials if one.searched), executor.sign)
        chosen = distinct(promising(executor, found, finalists), finalists)
        if len(searches) > 1:
            chosen = _with_earlier(chosen, [r for r in found if r.stage < searches[1].first])
        count, seeds = len(chosen), replicates
        if executor.deadline is not None and chosen:
            segments = executor.ledger.segments([trial.number for trial in chosen])
            work = [
                _full_training(trial, trial.epochs - segments[trial.number][0].since, epochs_of(trial.number))
                for trial in chosen
            ]
            count, seeds = fitting(work, replicates, jobs, executor.deadline - time.time())
        if (count, seeds) != (len(chosen), replicates):
            executor.progress.say(
                f"the time left is likely to hold {count} of {len(chosen)} finalists with {seeds} of {replicates} seeds"
            )
        keys = [key(executor.seed, "replicate", r) for r in range(seeds)]
        number = len(trials)
        members = [
            Member(number + i * seeds + r, course_of(executor.store, trial.number).began, seed)
            for i, trial in enumerate(chosen[:count])
            for r, seed in enumerate(keys)
        ]
        if not members:
            return
        executor.add(members, FINAL_STAGE, Purpose.FINALIST, [trial.number for trial in chosen[:count] for _ in keys])
        again = executor.store.trials(purpose=Purpose.FINALIST)
    waiting = [trial for trial in again if trial.state is State.WAITING]
    if waiting:
        lengths = {trial.number: epochs_of(trial.configuration) for trial in waiting}
        executor.progress.start("finalists", sum(lengths.values()))
        before = (0, 0)
        for epochs in sorted(set(lengths.values()), reverse=True):
            alike = [trial for trial in waiting if lengths[trial.number] == epochs]
            patience = schedule.patience(epochs)
            keep = partial(keep_weights, executor.run)
            options = TrainOptions(patience, epochs, weights=True, each=keep)
            executor.train(alike, {trial.number: epochs for trial in alike}, options, before)
            before = (before[0] + epochs * len(alike), before[1] + len(alike))
        left = [trial.number for trial in executor.store.trials(purpose=Purpose.FINALIST, state=State.WAITING)]
        executor.store.set_states(left, State.SKIPPED)
        executor.progress.finish()


def _with_earlier(chosen: list[Trial], earlier: Sequence[Trial]) -> list[Trial]:
    """Give the best one of an earlier search the last place, unless it has one or there is only one."""
    if len(chosen) < 2 or not earlier or earlier[0].number in [trial.number for trial in chosen]:
        return chosen
    return [*chosen[:-1], earlier[0]]


def _full_training(trial: Trial, own: int, epochs: int) -> float:
    """Seconds that a trial's configuration is expected to need in full on one core.

    Args:
        trial: the trial.
        own: epochs that the trial's seconds stand for: of a copy only those since it was made.
        epochs: a full training.
    """
    each = trial.seconds / max(own, 1)
    early = trial.state is State.COMPLETE and trial.best_epoch is not None and trial.best_epoch < trial.epochs / PATIENT
    return each * (min(epochs, PATIENT * trial.epochs) if early else epochs)


def fitting(work: Sequence[float], replicates: int, jobs: int, seconds: float) -> tuple[int, int]:
    """How many finalists, and with how many seeds each, are likely to be trained in full in the time left.

    Seeds train in tiles of their own, so many at once as there are jobs. Fewer finalists come before fewer seeds: a
    configuration is not known by one seed.

    Args:
        work: seconds of each finalist with one seed.
        replicates: seeds of each at most.
        jobs: tiles that train at once.
        seconds: left.

    Returns:
        Finalists and seeds; at least one finalist with a seed for each job.

    Example:
        >>> fitting([10, 10, 10, 10], 3, 2, 100), fitting([10, 10, 10, 10], 3, 2, 45), fitting([10], 3, 2, 15)
        ((4, 3), (2, 3), (1, 2))
    """
    fewer = [(count, replicates) for count in range(len(work), 0, -1)] + [(1, s) for s in range(replicates - 1, 0, -1)]
    for count, seeds in fewer:
        if -(-seeds // jobs) * sum(work[:count]) <= seconds:
            return count, seeds
    return 1, min(replicates, jobs)
