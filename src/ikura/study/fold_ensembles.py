"""An ensemble of the networks of folds: trained, scored out of fold, selected, put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ikura.metric import Metric
from ikura.metric.paired_gain import paired_gain
from ikura.population.setup import TrainingSetup
from ikura.search import schedule
from ikura.study.ensemble_selection import Candidates, judged
from ikura.study.executor import Executor
from ikura.study.folds import Folding, FoldNetwork, fitting_configurations
from ikura.study.record.ensemble_record import Ensemble, EnsembleMember, OutOfFold
from ikura.study.record.facts import FOLD_CONFIGURATIONS
from ikura.study.record.interventions import Interventions
from ikura.study.record.search_plans import found_in, plans
from ikura.study.record.setting import Setting
from ikura.study.record.trial import Trial
from ikura.study.refit import joined

__all__ = ["fold_ensemble", "fold_networks"]


def fold_ensemble(
    executor: Executor, setting: Setting, metric: Metric, finalists: Sequence[Trial], groups: np.ndarray | None
) -> Ensemble:
    """Train the finalists' configurations on folds and select among them by their out-of-fold predictions.

    Args:
        executor: where it happens.
        setting: the study's.
        metric: what is measured.
        finalists: a finalist of each configuration, the study's choice first.
        groups: number of each row's group, training rows first; None where no column says.
    """
    store = executor.store
    chosen = store.fact(FOLD_CONFIGURATIONS)
    if chosen is None:
        touched = Interventions(store).touched()
        usual = [one for one in finalists if not {one.number, one.configuration} & touched]
        count = fitting_configurations(usual, setting, executor.setup, executor.jobs, executor.deadline)
        chosen = [one.configuration for one in usual[:count]]
        store.set_fact(FOLD_CONFIGURATIONS, chosen)
    folding = _folding(executor, setting, chosen, groups)
    bags = folding.whole_bags(folding.train(executor.deadline)) if chosen else []
    if not bags:
        return Ensemble(used=False, note="no time was left to train a configuration on all folds")
    _, found = folding.networks(bags)
    target = _target(executor.setup)
    by_configuration = [[bag for bag, (own, _) in enumerate(bags) if own == index] for index in range(len(chosen))]
    candidates = Candidates(metric, setting.task, np.stack(found), target, [one for one in by_configuration if one])
    most = len(bags) if setting.ensemble == "auto" else max(1, int(setting.ensemble) // folding.count)
    told = judged(candidates, most, seed=setting.seed)
    taken = sorted((bag for bag, times in enumerate(told.times) if times), key=lambda bag: -told.times[bag])
    members = [EnsembleMember(chosen[bags[bag][0]], told.times[bag], bags[bag][1]) for bag in taken]
    scores = []
    for index, own in zip(chosen, by_configuration, strict=True):
        if own:
            value = float(np.mean([float(metric(found[bag], target)) for bag in own]))
            apart = paired_gain(metric, found[own[0]], [found[candidates.groups[0][0]]], target, setting.seed)
            scores.append(OutOfFold(index, value, *apart))
    used = setting.ensemble != "auto" or told.gain >= 0
    note = None if used else f"its corrected {metric.name} out of fold is no better than that of one network"
    return Ensemble(
        used, note, members, len(bags), told.dev, told.dev - told.lost, told.gain, told.interval, told.resamples,
        folding.count, scores,
    )  # fmt: skip


def fold_networks(
    executor: Executor, setting: Setting, ensemble: Ensemble, groups: np.ndarray | None
) -> tuple[list[FoldNetwork], list[int], np.ndarray]:
    """Find the networks of an ensemble of folds; those whose weights are missing or damaged are trained again.

    Returns:
        The networks, the share of each, and what those that were not trained on them predict of the dev examples.
    """
    chosen = executor.store.fact(FOLD_CONFIGURATIONS) or []
    folding = _folding(executor, setting, chosen, groups)
    bags = [(chosen.index(one.trial), one.repeat) for one in ensemble.members]
    if not set(bags) <= set(folding.whole_bags(folding.places_with_weights())):
        executor.progress.say("weights of networks of the ensemble are missing or damaged: they are trained again")
        folding.train()
    found, predicted = folding.networks(bags)
    times = np.array([one.times for one in ensemble.members], np.float64)
    average = np.tensordot(times / times.sum(), np.stack(predicted).astype(np.float64), 1).astype(predicted[0].dtype)
    networks = [network for bag in found for network in bag]
    shares = [one.times for one in ensemble.members for _ in range(folding.count)]
    return networks, shares, average[len(executor.setup.train) :]


def _target(setup: TrainingSetup) -> np.ndarray:
    return setup.scorer.target(joined(setup.train, setup.dev).y)


def _folding(executor: Executor, setting: Setting, chosen: Sequence[int], groups: np.ndarray | None) -> Folding:
    rows, searches = executor.store.trials(), plans(setting, executor.store)
    budgets = [found_in(rows[number].stage, searches).epochs for number in chosen]
    patience = [schedule(setting.schedule).patience(budget) for budget in budgets]
    return Folding(executor, setting, [rows[number] for number in chosen], budgets, patience, groups)
