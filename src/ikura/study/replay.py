"""Training a trial of a study again: its curve, how far its weights went, and what it goes on from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sqlalchemy.exc import DBAPIError

from ikura.engine import Engine, engine_for
from ikura.errors import RunError, UsageError
from ikura.population.job import TileProgress
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.population.training import TrainingRun
from ikura.process_state import one_thread_each
from ikura.study.factory_check import check_network
from ikura.study.record.facts import REPLAYED, VERSIONS, ReplayPart
from ikura.study.record.ledger import Ledger
from ikura.study.record.machines import others_processors
from ikura.study.record.setting import Setting
from ikura.study.record.store import COLUMNS, Store
from ikura.study.record.trial import Trial
from ikura.study.record.versions import difference
from ikura.study.retraining import jobs_again
from ikura.study.training_setup import setup_again
from ikura.trial_state import State

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["check_trained", "replay", "replayed_curve", "replayed_distances", "trained_again"]


def replayed_curve(record: Record, trial: Trial) -> pd.DataFrame:
    """Train a trial again for its curve, as `Study.replay`; whether it is the same to the bit is put on record."""
    outcome = replay(record, trial)
    _note(record, trial, outcome)
    frame = pd.DataFrame(outcome.curve, columns=list(COLUMNS))
    frame.insert(0, "epoch", np.arange(1, len(frame) + 1))
    return frame.assign(**{name: outcome.values[name] for name in sorted(outcome.values)})


def replayed_distances(record: Record, trial: Trial) -> pd.DataFrame:
    """Train a trial again for the distances of its weights from their initial values, as `Study.distances`."""
    found = pd.DataFrame(replay(record, trial, keep_distances=True).distances)
    found.insert(0, "distance", np.sqrt(np.square(found).sum(axis=1)))
    found.insert(0, "epoch", np.arange(1, len(found) + 1))
    return found


def _note(record: Record, trial: Trial, outcome: Outcome) -> None:
    """Put on record whether a trial that was trained again is what is on record."""
    known = record.store.curves([trial.number])[list(COLUMNS)].to_numpy()
    same = bool(np.array_equal(known, outcome.curve[: len(known)], equal_nan=True))
    from ikura.study.record.record import writable

    # Where a folder can only be read, a replay is none the less a replay.
    with suppress(RunError, OSError, DBAPIError), writable(record) as store:
        found = [one for one in store.fact(REPLAYED) or [] if one["trial"] != trial.number]
        found.append(ReplayPart(trial=trial.number, epochs=len(known), same=same))
        if unlike := _unlike_here(store):
            found[-1]["unlike"] = "; ".join(unlike)
        store.set_fact(REPLAYED, found)


def _unlike_here(store: Store) -> list[str]:
    """In what this machine is unlike those that trained a study, so that bits may differ."""
    return [line for line in (difference(store.fact(VERSIONS) or {}), others_processors(store)) if line]


def check_trained(store: Store, trial: Trial) -> None:
    """Refuse a trial that there is nothing of to repeat.

    Raises:
        UsageError: the trial has not been trained.
    """
    number = trial.number
    if trial.state is State.INFEASIBLE:
        raise UsageError(f"trial {number} is infeasible; it was never trained")
    if not Ledger(store).segments([number]) or not trial.epochs:
        raise UsageError(f"trial {number} has not been trained, so there is nothing to repeat")


def replay(record: Record, trial: Trial, keep_distances: bool = False, keep_evidence: bool = False) -> Outcome:
    """Train one trial of a study again, and before it what the trials that it was copied from trained until then.

    Stacked networks run in their places in tiles with the same company, which does not train, so that every shape, and
    with it every rounding, is as it was. In the compiled kernels company makes no difference.

    Raises:
        UsageError: the trial has not been trained.
    """
    store, setting = record.store, record.setting
    check_trained(store, trial)
    for line in _unlike_here(store):
        logging.getLogger("ikura").warning("%s: %s", record.run, line)
    _, setup = setup_again(setting, record.run, record.network)
    check_network(store, setting, setup)
    with one_thread_each(setup.needs_torch), engine_for(setup, 1) as engine:
        return trained_again(setting, store, setup, engine, trial, keep_distances, keep_evidence=keep_evidence)


def trained_again(
    setting: Setting,
    store: Store,
    setup: TrainingSetup,
    engine: Engine,
    trial: Trial,
    keep_distances: bool = False,
    watch: Callable[[TrainingRun, int], None] | None = None,
    tell: Callable[[TileProgress], None] = lambda told: None,
    keep_evidence: bool = False,
    until: int | None = None,
) -> Outcome:
    """Train a trial again that has been trained, with what it goes on from at its end; see `replay`.

    Args:
        setting, store, setup, engine: of its study.
        trial: the trial.
        keep_distances: whether the outcome carries the distances from the initial weights.
        watch: see `Job`; the engine must run tiles in this process.
        tell: told of every epoch.
        keep_evidence: whether the outcome carries the evidence on the dev examples.
        until: epochs, at least 1; None for as many as it trained.
    """
    outcome: Outcome | None = None
    for number, job in jobs_again(setting, store, setup, trial, until):
        made = replace(
            job,
            states={number: outcome.going_on} if outcome is not None and outcome.going_on is not None else {},
            keep_weights=True,
            keep_distances=keep_distances,
            keep_best=keep_evidence,
            watch=watch,
        )
        outcome = next(iter(engine.run([made], tell)))[0]
    assert outcome is not None
    return outcome
