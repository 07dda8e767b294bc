"""Training a trial again as it was trained: the jobs that do it, one for each of its times in a tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ikura.population.job import Job
from ikura.population.setup import TrainingSetup
from ikura.study.goals import Goals
from ikura.study.lineage import lineage
from ikura.study.record.ledger import Ledger
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.trial import Trial
from ikura.study.steered import changes_of
from ikura.trial_state import State

__all__ = ["again", "jobs_again"]


def jobs_again(
    setting: Setting, store: Store, setup: TrainingSetup, trial: Trial, until: int | None = None
) -> Iterator[tuple[int, Job]]:
    """The jobs that train a trial again, those of the trials that it was copied from first.

    Each trains one member, which goes on from what the one before came to. Stacked networks run in their places in
    tiles with the same company, which does not train; in the compiled kernels company makes no difference.

    Args:
        setting, store, setup: of its study.
        trial: the trial.
        until: epochs, at least 1; None for as many as it trained.

    Yields:
        The number of the trial that trains, and the job.
    """
    trials, ledger = store.trials(), Ledger(store)
    goals = Goals(setting, store)
    epochs = trial.epochs if until is None else until
    for segment in lineage(ledger, trials, trial.number, epochs):
        together = [segment] if setup.compiled else ledger.of_tile(segment.tile)
        rows = [trials[one.trial] for one in together]
        cut = epochs if trial.state is State.STOPPED or until is not None else segment.until
        goal = goals.of(trials[segment.trial])
        yield (
            segment.trial,
            Job(
                segment.tile,
                tuple(row.member for row in rows),
                min(segment.until, cut),
                goal.patience,
                keep_states=True,
                places=([one.trial for one in together].index(segment.trial),),
                budget=goal.epochs,
                changes=changes_of(store, rows),
            ),
        )


def again(setting: Setting, store: Store, setup: TrainingSetup, trial: Trial, until: int | None = None) -> Job:
    """One job that trains a trial again, and before it what it goes on from; see `jobs_again`."""
    made: Job | None = None
    for number, job in jobs_again(setting, store, setup, trial, until):
        made = job if made is None else replace(job, states={number: made})
    assert made is not None
    return made
