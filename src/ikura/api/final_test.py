"""Ending a study: the choice on the dev set, the one test, the model."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from ikura.data import Dataset
from ikura.metric import interval, metric
from ikura.metric.calibration import at_temperature, reliability
from ikura.metric.conformal import HeldOutErrors
from ikura.population.network_setup import Network
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.search import schedule
from ikura.study.baselines import fits_baselines, measure_baselines
from ikura.study.calibration import as_answered, calibrate
from ikura.study.choice import choose, load_network, predictions, retrain_lost
from ikura.study.constant_answer import constant_answer
from ikura.study.ensemble_networks import Networks, against_one, networks_of
from ikura.study.ensembles import FINALISTS_SHARE, make_ensemble, wants_ensemble
from ikura.study.executor import Executor
from ikura.study.finalists import train_finalists
from ikura.study.goals import Goals
from ikura.study.metric_applicability import not_measured
from ikura.study.model_card import write_card
from ikura.study.prediction_bounds import fit_bounds, measured_bounds
from ikura.study.prediction_intervals import flattery, held_out_errors, measured_coverage
from ikura.study.record.baseline import Baseline
from ikura.study.record.diagnosis import ErrorsRecord
from ikura.study.record.facts import (
    ACCOUNT,
    AGAINST_ONE,
    BASELINES,
    BEST,
    BOUNDS,
    CALIBRATION,
    ERRORS,
    INTERVALS,
    MEASURES,
    PREDICTIONS,
    RELIABILITY,
    SECONDS,
    TEST,
    AccountRecord,
    BestRecord,
    Fact,
    MeasureFact,
    PredictionsFact,
)
from ikura.study.record.interventions import Interventions
from ikura.study.record.record import Record
from ikura.study.record.result import Test
from ikura.study.record.search_plans import plans
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.study_tables import cut_by_hand
from ikura.study.record.trial import Trial
from ikura.study.regularisation_effects import sparsity, stopping
from ikura.study.replay import replay
from ikura.study.shortlist import Shortlist
from ikura.study.steered import course_of
from ikura.study.target_scores import score_targets
from ikura.study.training_setup import examples_of, model_of
from ikura.trial_state import State

__all__ = ["finish"]

SPARE = 1.5
"""How many times as long as before a training may take for there to be time for it."""
LONG_STUDY = 10.0
"""Seconds from which on a study measures other learners without being asked."""


def finish(executor: Executor, setting: Setting, dataset: Dataset) -> None:
    """Choose on the dev set, open the test set once, save the model, measure what a diagnosis needs."""
    from ikura.diagnose.chosen_networks import chosen_rows

    def retrain(row: Trial) -> Outcome:
        return replay(Record(executor.run, setup.network, (setting, store)), row, keep_evidence=True)

    store, run, setup = executor.store, executor.run, executor.setup
    measure = metric(setting.metric, setting.task)
    best = store.fact(BEST)
    if best is None:
        with store.timed("finalists"):
            if setting.finalists:
                searches, waits = plans(setting, store), schedule(setting.schedule)
                train_finalists(
                    _in_their_time(executor, setting),
                    setting.finalists,
                    setting.replicates,
                    searches,
                    waits,
                    executor.jobs,
                )
            best = choose(executor, measure, setting.finalists, retrain)
        if best is None:
            executor.progress.say(f"no trial could be trained to its end; {_advice(store)}")
            return
        if best.note:
            executor.progress.say(best.note)
        store.set_fact(BEST, best)
    Shortlist(executor).clear()
    row = store.trials()[best.model]
    retrain_lost(executor, [row, *chosen_rows(run, best, store.trials())], retrain)
    single = load_network(setup, run, row)
    if store.fact(ACCOUNT) is None:
        store.set_fact(ACCOUNT, _account(store, row, single, setting))
    chosen = chosen_rows(run, best, store.trials())
    groups = _groups(dataset)
    ensemble = make_ensemble(executor, setting, best, measure, chosen, retrain, groups)
    networks = networks_of(executor, setting, ensemble, retrain, groups) if ensemble and ensemble.used else None
    on_dev = predictions(setup, single, setup.dev) if networks is None else networks.on_dev
    if setting.calibration == "auto" and store.fact(CALIBRATION) is None:
        calibration = calibrate(setting.task, measure, on_dev, setup.scorer.target(setup.dev.y), setting.seed)
        if calibration is not None:
            store.set_fact(CALIBRATION, calibration)
    bounds = _bounds(setting, setup, on_dev)
    on_dev = on_dev if bounds is None else on_dev.clip(*bounds)
    larger = flattery(measure, best, ensemble)
    held_out = held_out_errors(setting.task, on_dev, setup.scorer.target(setup.dev.y), larger, setting.seed)
    if store.fact(TEST) is None:
        with store.timed("test"):
            store.set_facts(_measured_once(executor, setting, dataset, single, networks, on_dev, held_out, bounds))
    module, form = (single, None) if networks is None else (networks.final, networks.form)
    model = model_of(setting, dataset, setup, module, row.member, form, store.fact(CALIBRATION), held_out, bounds)
    model.save(run / "model")
    write_card(Record(run, setup.network, (setting, store)), model)
    # Last, because it may train the choice once more, for which the ensemble comes first.
    if store.fact(ERRORS) is None:
        with store.timed("diagnosis"):
            store.set_fact(ERRORS, _errors(executor, setting, best))


def _errors(executor: Executor, setting: Setting, best: BestRecord) -> ErrorsRecord:
    """What a diagnosis needs; without what training reaches where there is no time, or a hand ended the training."""
    from ikura.diagnose.chosen_networks import chosen_rows
    from ikura.diagnose.measured_errors import recorded_errors

    store, rows = executor.store, executor.store.trials()
    epochs, deadline = Goals(setting, store).in_full(best.number), executor.deadline
    each = [one.seconds * epochs / max(one.epochs, 1) for one in chosen_rows(executor.run, best, rows)]
    in_time = deadline is None or time.time() + SPARE * sum(each) < deadline
    # Where a hand or the time limit ended it, what training reaches is another question, maybe long before its end.
    by_hand = Interventions(store).stopped({best.number, best.model})
    stopped = rows[best.model].state is State.STOPPED or bool(by_hand)
    return recorded_errors(
        executor.run, best, rows, executor.setup, metric(setting.metric, setting.task), setting.seed, epochs,
        course_of(store, best.number), lambda number: store.curves([number])["train_loss"].tolist(),
        in_time and not stopped,
    )  # fmt: skip


def _measured_once(
    executor: Executor,
    setting: Setting,
    dataset: Dataset,
    single: Network,
    networks: Networks | None,
    on_dev: np.ndarray,
    held_out: HeldOutErrors | None,
    bounds: tuple[float, float] | None,
) -> dict[Fact[Any], Any]:
    """Open the test set: what is recorded of the model, of one network beside an ensemble, and of other learners."""
    setup, part, measure = executor.setup, dataset.test, metric(setting.metric, setting.task)
    examples = examples_of(part, setting.dtype, setup.network)
    module = single if networks is None else networks.final
    calibration = executor.store.fact(CALIBRATION)
    heat = 1.0 if calibration is None else calibration.temperature_used
    outputs = at_temperature(predictions(setup, module, examples, wide=heat != 1.0), heat)
    beyond = measured_bounds(bounds, outputs)
    outputs = outputs if bounds is None else outputs.clip(*bounds)
    target = setup.scorer.target(part.y)
    reason = not_measured(dataset, part, measure)
    answered = as_answered(calibration, measure, outputs)
    value, low, high = math.nan, math.nan, math.nan
    if reason is None:
        value = float(measure(answered, target))
        low, high = interval(measure, [answered], target, seed=setting.seed)
    answer = outputs.argmax(1) if setting.task == "multiclass" else outputs
    if setting.task == "binary":
        threshold = None if calibration is None else calibration.threshold_used
        answer = (outputs > (0.5 if threshold is None else threshold)).astype(np.int64)
    plain = answer.ndim == 1 and target.ndim == 1 and setting.task != "own"
    shown = slice(0, 10_000 if plain else 0)
    dev, dev_target = at_temperature(on_dev, heat), setup.scorer.target(setup.dev.y)
    further = [metric(name, setting.task) for name in setting.metrics]
    measures = [
        MeasureFact(
            name=one.name,
            dev=float(one(as_answered(calibration, one, dev), dev_target)),
            test=float(one(as_answered(calibration, one, outputs), target)),
        )
        for one in further
    ]
    found: dict[Fact[Any], Any] = {
        PREDICTIONS: PredictionsFact(
            target=target[shown].tolist(), prediction=answer[shown].tolist(), classes=dataset.task.classes
        ),
        MEASURES: measures,
        TEST: Test(
            measure.name,
            value,
            (low, high),
            reason and f"it cannot be given, because {reason}",
            score_targets(dataset, measure, (dev, dev_target), (answered, target), setting.seed),
        ),
    }
    if reason is not None:
        return found
    if setting.task in ("binary", "multiclass") and np.isfinite(outputs).all():
        wide = np.stack([1 - outputs, outputs], 1) if setting.task == "binary" else outputs
        found[RELIABILITY] = reliability(wide.astype(np.float64), target.astype(np.int64), setting.seed)
    if beyond is not None:
        found[BOUNDS] = beyond
    if coverage := measured_coverage(held_out, outputs, target):
        found[INTERVALS] = coverage
    if networks is not None:
        alone = at_temperature(predictions(setup, single, examples, wide=heat != 1.0), heat)
        alone = as_answered(calibration, measure, alone)
        alone = alone if bounds is None else alone.clip(*bounds)
        found[AGAINST_ONE] = against_one(measure, setup, (module, answered), (single, alone), target, setting.seed)
    baselines: list[Baseline] = []
    if _wants_baselines(executor, setting, answered):
        baselines = measure_baselines(setup, measure, examples, target, answered, setting.seed)
    if setting.baselines != "no" and setting.task != "own":
        known = np.concatenate([setup.scorer.target(one.y) for one in (setup.train, setup.dev)])
        constant = constant_answer(setting.task, measure, known, target, answered, dataset.task.classes, setting.seed)
        baselines += [constant] if constant is not None else []
    if baselines:
        found[BASELINES] = baselines
    return found


def _bounds(setting: Setting, setup: TrainingSetup, on_dev: np.ndarray) -> tuple[float, float] | None:
    """Between which values the model predicts, of the fully connected network of one value; None for all."""
    if setting.task != "regression" or setting.calibration == "none" or setup.network is not None:
        return None
    dev, train = (setup.scorer.target(one.y) for one in (setup.dev, setup.train))
    return fit_bounds(on_dev, dev, train)


def _groups(dataset: Dataset) -> np.ndarray | None:
    """Number of each row's group, of training and dev set; None where no column says."""
    parts = dataset.split
    return None if dataset.groups is None else dataset.groups[np.concatenate([parts.train, parts.dev])]


def _wants_baselines(executor: Executor, setting: Setting, answered: np.ndarray) -> bool:
    """Whether other learners are measured: where they were asked for, or the study was long enough not to notice.

    A model that predicts NaN is compared with none.
    """
    if setting.baselines == "no" or not fits_baselines(executor.setup) or np.isnan(answered).any():
        return False
    if setting.baselines == "yes":
        return True
    in_time = executor.deadline is None or time.time() < executor.deadline
    return in_time and sum((executor.store.fact(SECONDS) or {}).values()) >= LONG_STUDY


def _in_their_time(executor: Executor, setting: Setting) -> Executor:
    """The executor of the finalists: of a time limit they leave a part for the ensemble."""
    deadline, limit = executor.deadline, executor.time
    if deadline is None or limit is None or not wants_ensemble(setting, executor.setup):
        return executor
    now = time.time()
    end = now + FINALISTS_SHARE * (deadline - now)
    return replace(executor, time=replace(limit, share=limit.share * (end - limit.base) / (deadline - limit.base)))


def _account(store: Store, row: Trial, module: Network, setting: Setting) -> AccountRecord:
    """What the chosen network's stopping traded, and its weights that are zero."""
    budget = Goals(setting, store).of(row).epochs
    curve = store.curves([row.number])[["train_loss", "dev_loss"]].to_numpy().tolist()
    by = "hand" if row.number in cut_by_hand(store) else "the time limit" if row.state is State.STOPPED else ""
    stopped = stopping(curve, row.best_epoch or 0, budget, by)
    return AccountRecord(stopped, sparsity(module, row.hyperparameters))


def _advice(store: Store) -> str:
    """What to try where no trial could be trained."""
    if store.count(state=State.FROZEN):
        return "the weights of some did not move: try larger learning rates, and smaller penalties and dropout"
    return "try smaller learning rates"
