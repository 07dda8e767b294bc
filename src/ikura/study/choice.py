"""The choice: which configuration, and which of its networks, a study keeps, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from ikura.errors import RunError, listed
from ikura.lazy_torch import Tensor, pytree, torch
from ikura.metric import Metric, interval
from ikura.metric import evidence as evidence_of
from ikura.nn.array_network import ArrayNetwork
from ikura.nn.generators import seeded
from ikura.page.formatting import number as number_text
from ikura.population.examples import Examples
from ikura.population.inputs import call_forward, tensors_of
from ikura.population.network_setup import Network
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.study.executor import Executor
from ikura.study.finalists import distinct
from ikura.study.preference import preferred
from ikura.study.record.facts import BestRecord, ChoiceRecord
from ikura.study.record.intervention import Action
from ikura.study.record.interventions import Interventions
from ikura.study.record.result import Corrected, RunnerUp
from ikura.study.record.study_tables import row_of
from ikura.study.record.trial import Purpose, Trial, ranked
from ikura.study.selection_bias import corrected, difference
from ikura.study.shortlist import PLACES, Shortlist, has_weights, keep_weights, kept_weights, weights_file
from ikura.trial_state import State

__all__ = ["choose", "load_network", "predictions", "retrain_lost"]

CUT_SHORT = (
    "the time limit cut the finalists short; the network of the search's best trial, which has the better dev score, "
    "is kept"
)

BLOCK = 4096
"""Rows of a table that are predicted at once."""

Retrain = Callable[[Trial], Outcome]
"""Trains a trial again, with its best weights and its evidence."""


def load_network(setup: TrainingSetup, run: Path, row: Trial, retrain: Retrain | None = None) -> Network:
    """Build a network with the weights that were kept of it.

    Args:
        setup: examples, task, network.
        run: the run folder.
        row: the trial.
        retrain: trains it again where its weights are missing or damaged.

    Raises:
        RunError: they are, and there is no way to train it again.
    """
    kept = kept_weights(run, row.number)
    if kept is None:
        if retrain is None:
            raise RunError(f"{weights_file(run, row.number)}: the weights of the trial are missing or damaged")
        outcome = retrain(row)
        assert outcome.weights is not None
        kept = outcome.weights, outcome.buffers or {}
    return setup.trained_network(row.member, *kept)


def retrain_lost(executor: Executor, rows: Iterable[Trial], retrain: Retrain) -> None:
    """Train those trials again whose weights are missing or damaged."""
    for row in rows:
        if not has_weights(executor.run, row.number):
            executor.progress.say(f"the weights of trial {row.number} are missing or damaged: it is trained again")
            keep_weights(executor.run, [retrain(row)])


def _evidence(executor: Executor, retrain: Retrain) -> dict[int, np.ndarray]:
    """The dev evidence of the search's best trials; of those whose file is missing or damaged it is made again."""
    shortlist = Shortlist(executor)
    rows = [row for row in _searched(executor)[:PLACES] if row.state is State.COMPLETE]
    found = shortlist.evidence()
    lost = [row for row in rows if row.number not in found]
    if not lost:
        return found
    numbers = listed(row.number for row in lost)
    executor.progress.say(
        f"what the choice needs of the trials {numbers} is missing or damaged: they are trained again"
    )
    for row in lost:
        shortlist.keep_evidence(retrain(row))
    return shortlist.evidence()


def predictions(setup: TrainingSetup, network: Network, examples: Examples, wide: bool = False) -> np.ndarray:
    """Predict examples with one network, in the target's own units or as probabilities.

    Args:
        setup: the study's.
        network: the network.
        examples: what to predict.
        wide: whether outputs become probabilities in double precision, which tells those near 0 and 1 apart.
    """
    scorer, shape = setup.scorer, examples.y.shape[1:]
    if isinstance(network, ArrayNetwork):
        blocks = (slice(i, i + BLOCK) for i in range(0, max(len(examples), 1), BLOCK))
        found = np.concatenate([network(examples.inputs(rows), examples.codes[rows]) for rows in blocks])
        return scorer.predicted(found.astype(np.float64) if wide else found, shape)
    parts = []
    # What a network draws even in evaluation is keyed, so that a score can be measured again.
    with torch.no_grad(), nullcontext() if setup.compiled else seeded(0):
        block = BLOCK if len(examples.shape) == 1 else 512
        for i in range(0, max(len(examples), 1), block):
            rows = slice(i, i + block)
            x, codes = tensors_of(examples, rows), torch.from_numpy(examples.codes[rows])
            parts.append(call_forward(network, x, codes))
    outputs = pytree.tree_map(lambda *each: torch.cat(each) if isinstance(each[0], Tensor) else each[0], *parts)
    if wide:
        outputs = pytree.tree_map(lambda one: one.double() if isinstance(one, Tensor) else one, outputs)
    return scorer.predicted(outputs, shape)


def choose(executor: Executor, metric: Metric, finalists: int, retrain: Retrain) -> BestRecord | None:
    """Choose a configuration on the dev set, and the network of it that is kept.

    With finalists it is the configuration with the best mean dev score over its replicates, which the search's own
    network does not enter: it was picked for its score. Of the configuration's networks the one with the best dev score
    is kept, that of the search among them where it was the search's best. If the deadline cut the finalists short, the
    search's best trial may have the better network; then that one is kept. A preferred objective chooses among the
    configurations that are nearly as good as the best.

    Args:
        executor: where the trials were trained.
        metric: what is measured.
        finalists: number of finalists that the study asked for.
        retrain: trains a trial again.

    Returns:
        The choice; None if no trial has a score.
    """
    searched = _searched(executor)
    if not searched:
        return None
    top, rows = searched[0], executor.store.trials(purpose=Purpose.FINALIST)
    finals = ranked(rows, executor.sign)
    retrain_lost(executor, [*finals, *([top] if top.state is State.COMPLETE else [])], retrain)
    groups, choice = _preferred(executor, metric, _groups(executor, finals), retrain)
    if not groups:
        alone = [[row] for row in searched if (row.state is State.PRUNED) == (top.state is State.PRUNED)]
        alone, choice = _preferred(executor, metric, alone, retrain)
        [top] = alone[0]
    cut = any(row.state.cut_short for row in rows)
    group, kept, note = [top], top, None
    if groups:
        group = groups[0]
        own = [row for row in finals if row.configuration == group[0].configuration]
        if ((cut and choice is None) or top.number == group[0].configuration) and has_weights(executor.run, top.number):
            own.append(top)
        kept = max(own, key=lambda row: _merit(executor, [row]))
        if kept is top and cut:
            group, note = [top], CUT_SHORT
    elif finalists:
        states = {row.state for row in rows}
        failed = "diverged" if State.DIVERGED in states else "did not move" if State.FROZEN in states else ""
        why = f"every finalist {failed} with other seeds" if failed else "no time was left to train finalists"
        note = f"{why}; the best trial of the search is kept"
    if kept is top and not has_weights(executor.run, top.number):
        keep_weights(executor.run, [retrain(top)])
    outputs = [_of_dev(executor, row) for row in group]
    low, high = interval(metric, outputs, _target(executor), seed=executor.seed)
    dev = float(np.mean([row.score for row in group]))
    number = group[0].configuration
    by_hand = _by_hand(executor, number, kept, repeated=bool(groups))
    if by_hand is not None:
        note = by_hand if note is None else f"{note}; {by_hand}"
    configuration = dict(row_of(executor.store, number).hyperparameters)
    chosen = BestRecord(number, kept.number, configuration, dev, (low, high), note, choice)
    return judged_choice(executor, metric, chosen, groups if group != [top] else [], _evidence(executor, retrain))


def _by_hand(executor: Executor, number: int, kept: Trial, repeated: bool) -> str | None:
    """Say what a hand did to a configuration; of what it changed, that up to the epoch whose weights are kept."""
    until = kept.best_epoch or kept.epochs
    did = Interventions(executor.store).touching(number)
    set_or_forked = [one for one in did if one.values and one.action in (Action.SET, Action.FORK)]
    told = listed(
        [
            f"{name} {number_text(value)} after epoch {one.epoch}"
            for one in sorted(set_or_forked, key=lambda one: (one.epoch or 0, one.number)) if (one.epoch or 0) < until
            for name, value in one.values.items()
        ],
        6,
    )  # fmt: skip
    ways = {
        "made": any(one.action.makes for one in did),
        "stopped": any(one.action is Action.STOP for one in did),
        "pinned": any(one.action in (Action.PIN, Action.UNPIN) for one in did),
    }
    found = [f"{way} by hand" for way, so in ways.items() if so]
    if set_or_forked:
        changed = f"changed by hand while it trained{f' ({told})' * bool(told)}"
        found.append(f"{changed}{', and so were its repetitions' * repeated}")
    return f"trial {number} was {' and '.join(found)}" if found else None


def judged_choice(
    executor: Executor,
    metric: Metric,
    chosen: BestRecord,
    groups: list[list[Trial]],
    evidence: Mapping[int, np.ndarray],
) -> BestRecord:
    """Say how far a choice is flattered, and how sure it is.

    Args:
        executor: where the trials were trained.
        metric: what is measured.
        chosen: what `choose` found.
        groups: the finalists' replicates, the best configuration first; none if the choice was not among them.
        evidence: dev evidence of the search's best trials, by number.

    Returns:
        The choice with `corrected`, None where there is nothing to go by, and `next`, None if there is no other
        configuration, or none that was trained with the same seeds.
    """
    target = _target(executor)
    rows = [row for row in _searched(executor) if row.state is not State.PRUNED and row.number in evidence]
    pool = [row.number for row in rows]
    shown = {group[0].configuration: [_shown(executor, metric, row) for row in group] for group in groups}
    known = {pool.index(parent): replicates for parent, replicates in shown.items() if parent in pool}
    found: Corrected | None = None
    if chosen.number in pool and len(known) == len(shown):
        found = corrected(
            metric, [evidence[number] for number in pool], target, chosen.dev, chosen.interval,
            replicates=known, seed=executor.seed,
        )  # fmt: skip
    if not groups and chosen.number in pool:
        groups = [[row] for row in distinct([rows[pool.index(chosen.number)], *rows], 2)]
        shown = {row.number: [evidence[row.number]] for (row,) in groups}
    seeds = [dict(zip([row.seed for row in g], shown[g[0].configuration], strict=True)) for g in groups]
    after: RunnerUp | None = None
    for group, own in zip(groups[1:], seeds[1:], strict=True):
        # Where replicates diverged or were cut short, the best configurations may have no seed in common.
        common = [seed for seed in seeds[0] if seed in own]
        if common:
            told = difference(
                metric, [seeds[0][seed] for seed in common], [own[seed] for seed in common], target, seed=executor.seed
            )
            weights = _weights(executor, groups[0][0]), _weights(executor, group[0])
            after = RunnerUp(group[0].configuration, told.value, told.interval, told.p, told.seeds, weights)
            break
    return replace(chosen, corrected=found, next=after)


def _searched(executor: Executor) -> list[Trial]:
    return ranked(executor.store.trials(purpose=Purpose.SEARCH), executor.sign)


def _target(executor: Executor) -> np.ndarray:
    return executor.setup.scorer.target(executor.setup.dev.y)


def _of_dev(executor: Executor, row: Trial) -> np.ndarray:
    network = load_network(executor.setup, executor.run, row)
    return predictions(executor.setup, network, executor.setup.dev)


def _shown(executor: Executor, metric: Metric, row: Trial) -> np.ndarray:
    return evidence_of(metric, _of_dev(executor, row), _target(executor))


def _weights(executor: Executor, row: Trial) -> int:
    return executor.setup.weights(row.member)


def _preferred(
    executor: Executor, metric: Metric, groups: list[list[Trial]], retrain: Retrain
) -> tuple[list[list[Trial]], ChoiceRecord | None]:
    """Put the configuration first that a preferred objective chooses among those nearly as good as the first."""
    if executor.objectives.prefer is None or not groups:
        return groups, None
    for row in groups[0]:
        if not has_weights(executor.run, row.number):
            keep_weights(executor.run, [retrain(row)])
    spread = interval(metric, [_of_dev(executor, row) for row in groups[0]], _target(executor), seed=executor.seed)
    numbered = {group[0].configuration: group for group in groups}
    number, choice = preferred(executor, numbered, next(iter(numbered)), spread)
    first = numbered[number]
    return [first, *(group for group in groups if group is not first)], choice


def _merit(executor: Executor, group: list[Trial]) -> tuple[float, float, int]:
    """Mean dev score and mean dev loss, the greater the better, and the smaller number."""
    merits = [trial.rank_key(executor.sign) for trial in group]
    score, loss = (math.fsum(part) / len(group) for part in list(zip(*merits, strict=True))[:2])
    return score, loss, -group[0].number


def _groups(executor: Executor, finals: list[Trial]) -> list[list[Trial]]:
    """The finalists' replicates, the best configuration first; those cut short count if none came to its end."""
    groups: dict[int, list[Trial]] = {}
    for row in [row for row in finals if row.state is State.COMPLETE] or finals:
        groups.setdefault(row.configuration, []).append(row)
    whole = max(map(len, groups.values()), default=0)
    full = [group for group in groups.values() if len(group) == whole]
    return sorted(full, key=lambda group: _merit(executor, group), reverse=True)
