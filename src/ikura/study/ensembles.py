"""The ensemble of a study: selected among the finalists' networks, trained again on all rows given, and averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ikura.errors import UsageError
from ikura.metric import Metric
from ikura.nn.averaging import averaging_of
from ikura.nn.loss import Loss, usual_loss
from ikura.population.setup import TrainingSetup
from ikura.study.choice import Retrain, load_network, predictions, retrain_lost
from ikura.study.ensemble_selection import Candidates, judged
from ikura.study.executor import Executor
from ikura.study.fold_ensembles import fold_ensemble
from ikura.study.record.ensemble_record import Ensemble, EnsembleMember
from ikura.study.record.facts import ENSEMBLE, REFITTED, BestRecord
from ikura.study.record.interventions import Interventions
from ikura.study.record.search_plans import found_in, plans
from ikura.study.record.setting import Setting
from ikura.study.record.trial import Purpose, Trial, ranked
from ikura.study.refit import refittable, train_refits
from ikura.trial_state import State

__all__ = [
    "FINALISTS_SHARE",
    "candidate_rows",
    "check_averaged",
    "check_folds",
    "fault_of_ensemble",
    "make_ensemble",
    "refits",
    "wants_ensemble",
]

MOST = 16
"""Networks of an ensemble at most, where nobody said how many."""
FINALISTS_SHARE = 0.65
"""Share of the time behind the search in which finalists are trained; the rest is for the ensemble."""

TABLES_ONLY = "ensembles are of the fully connected network on tables and arrays; for other networks one is kept"


def fault_of_ensemble(network: str, images: bool, task: str, loss: Loss) -> str | None:
    """Say why networks of a study cannot be averaged; None where they can.

    Args:
        network: the setting's name of it.
        images: whether examples are images.
        task: the task.
        loss: what training makes small.
    """
    if network != "mlp" or images:
        return TABLES_ONLY
    if averaging_of(task, loss) is None:
        return f"of networks with the loss {loss.name} there is no average; one is kept"
    return None


def check_averaged(network: str, images: bool, task: str, loss: Loss | None) -> None:
    """Refuse a number of networks where they cannot be averaged; the arguments are those of `fault_of_ensemble`.

    Raises:
        UsageError: saying why, and what to write.
    """
    if fault := fault_of_ensemble(network, images, task, usual_loss(task) if loss is None else loss):
        raise UsageError(f"{fault}; leave ensemble=… (--ensemble) and folds=… (--folds) out")


def check_folds(folds: int, time_column: str | None, finalists: int) -> None:
    """Refuse folds that a study cannot have.

    Args:
        folds: how many.
        time_column: column by which the oldest rows train, if there is one.
        finalists: configurations that are trained on them.

    Raises:
        UsageError: saying why, and what to write.
    """
    if time_column is not None:
        raise UsageError(
            f"folds would let networks learn from rows that are later, by {time_column!r}, than those they are scored "
            "on, and folds ordered by time are not there; leave folds=… (--folds) out"
        )
    if not finalists:
        raise UsageError(
            "folds are trained with the finalists' configurations; leave folds=… (--folds) or finalists=0 out"
        )


def wants_ensemble(setting: Setting, setup: TrainingSetup) -> bool:
    """Whether an ensemble is made, as far as can be said before there are finalists."""
    return setting.ensemble != "none" and _pointless(setting, setup) is None


def _pointless(setting: Setting, setup: TrainingSetup) -> str | None:
    if fault := fault_of_ensemble(setting.network, not setup.train.ready, setting.task, setup.loss):
        return fault
    if setting.ensemble == "auto":
        if setting.prefer is not None:
            return f"--prefer {setting.prefer} asks for one network that costs little"
        if setting.max_parameters is not None:
            return "--max-parameters bounds the weights of a model, and an ensemble has those of all its networks"
        if not setting.finalists:
            return "no finalists were asked for, among whose networks it is selected"
    return None


def make_ensemble(
    executor: Executor,
    setting: Setting,
    best: BestRecord,
    metric: Metric,
    chosen: Sequence[Trial],
    retrain: Retrain,
    groups: np.ndarray | None = None,
) -> Ensemble | None:
    """Select the ensemble of a study and train its networks again; what is on record is not done twice.

    Args:
        executor: where the trials were trained.
        setting: the study's.
        best: its choice.
        metric: what trials were compared by.
        chosen: the trials that the choice rests on.
        retrain: trains a trial again whose weights are lost.
        groups: number of each row's group, training rows first; None where no column says.

    Returns:
        The ensemble, also where it is not used or there is none; None where none was asked for.
    """
    if setting.ensemble == "none":
        return None
    store = executor.store
    ensemble = store.fact(ENSEMBLE)
    if ensemble is None:
        with store.timed("ensemble"):
            if setting.folds is None or _pointless(setting, executor.setup):
                ensemble = _selected(executor, setting, best, metric, chosen, retrain)
            else:
                rows = candidate_rows(executor, chosen)
                finalists = [rows[group[0]] for group in groups_of(rows, chosen) if group]
                ensemble = fold_ensemble(executor, setting, metric, finalists, groups)
        store.set_fact(ENSEMBLE, ensemble)
    if ensemble.used and not ensemble.folds and store.fact(REFITTED) is None:
        with store.timed("ensemble"):
            store.set_fact(REFITTED, refits(executor, setting, ensemble, executor.deadline))
    return ensemble


def _selected(
    executor: Executor, setting: Setting, best: BestRecord, metric: Metric, chosen: Sequence[Trial], retrain: Retrain
) -> Ensemble:
    if why := _pointless(setting, executor.setup):
        return Ensemble(used=False, note=why)
    rows = candidate_rows(executor, chosen)
    if len(rows) < 2 and setting.ensemble == "auto":
        return Ensemble(used=False, note="fewer than two networks of finalists were trained", candidates=len(rows))
    retrain_lost(executor, rows, retrain)
    setup = executor.setup
    found = [predictions(setup, load_network(setup, executor.run, row, retrain), setup.dev) for row in rows]
    candidates = Candidates(
        metric, setting.task, np.stack(found), setup.scorer.target(setup.dev.y), groups_of(rows, chosen)
    )
    most = MOST if setting.ensemble == "auto" else int(setting.ensemble)
    told = judged(candidates, most, seed=setting.seed)
    corrected = None
    if best.corrected is not None and math.isfinite(best.corrected.value + told.gain):
        corrected = best.corrected.value + executor.sign * told.gain
    taken = sorted((place for place, times in enumerate(told.times) if times), key=lambda place: -told.times[place])
    members = [EnsembleMember(rows[i].number, told.times[i]) for i in taken]
    less = "lower" if metric.greater_is_better else "higher"
    worse = f"its corrected dev {metric.name} is {less} than that of one network"
    worse = worse if told.gain < 0 else f"its corrected dev {metric.name} cannot be measured"
    used, note = (True, None) if setting.ensemble != "auto" or told.gain >= 0 else (False, worse)
    return Ensemble(used, note, members, len(rows), told.dev, corrected, told.gain, told.interval, told.resamples)


def candidate_rows(executor: Executor, chosen: Sequence[Trial]) -> list[Trial]:
    """The finalists' networks, the best first, and that of the search where the choice rests on it.

    Otherwise a network of the search is none of them: it was picked for its score on the dev set.
    """
    finals = ranked(executor.store.trials(purpose=Purpose.FINALIST), executor.sign)
    finals = [row for row in finals if row.state is State.COMPLETE] or finals
    numbers = {row.number for row in finals}
    return ranked([*finals, *(row for row in chosen if row.number not in numbers)], executor.sign)


def groups_of(rows: Sequence[Trial], chosen: Sequence[Trial]) -> list[list[int]]:
    """Places of the networks of each configuration, those that the choice rests on first."""
    place = {row.number: i for i, row in enumerate(rows)}
    first = [place[row.number] for row in chosen if row.number in place]
    groups: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        if i not in first and not row.searched:
            groups.setdefault(row.configuration, []).append(i)
    return [first, *groups.values()]


def refits(
    executor: Executor, setting: Setting, ensemble: Ensemble, deadline: float | None, wanted: list[int] | None = None
) -> list[int]:
    """Train the networks of an ensemble again on all rows given, but for those whose training cannot be repeated so.

    Args:
        executor: where the trials were trained.
        setting: the study's.
        ensemble: the ensemble.
        deadline: time (`time.time`) at which training ends; None for none.
        wanted: numbers of trials whose networks are needed; None for all.

    Returns:
        Numbers of the trials whose networks were trained to their end.
    """
    rows, searches = executor.store.trials(), plans(setting, executor.store)
    touched = Interventions(executor.store).touched()
    trials = [rows[one.trial] for one in ensemble.members]
    again = [row for row in trials if refittable(row) and not {row.number, row.configuration} & touched]
    budgets = {row.number: found_in(rows[row.configuration].stage, searches).epochs for row in again}
    return train_refits(executor, again, budgets, deadline, wanted) if again else []
