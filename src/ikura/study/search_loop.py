"""The search: propose a stage, carry it out round by round, record, and propose the next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from ikura.population.job import Job
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.search import EARLIER, Observation, Proposer, Schedule, Stage
from ikura.space import Space
from ikura.study.batch import TrainOptions
from ikura.study.executor import Executor
from ikura.study.made_by_hand import MadeByHand
from ikura.study.record.decision import SearchPlan
from ikura.study.record.facts import STAGES, StageRecord, WideningRecord, mark
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import RoundRecord
from ikura.study.record.prior_trials import prior_observations
from ikura.study.record.search_plans import begun_with
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.study.retraining import again
from ikura.study.rounds import run_stage
from ikura.study.search_stages import StagesInTurn, within
from ikura.study.steered import values_after
from ikura.trial_state import State

__all__ = ["search"]


def observations(store: Store, sign: float, before: float = math.inf) -> list[Observation]:
    """Read the finished trials of the search as proposers see them: the greater score is the better one.

    What was known before the study comes first, as observations of a stage before all others. So do trials that a hand
    injected in stages before the given one, as no proposer proposed them. Forks are left out: their scores are due to
    more than their hyperparameters.
    """
    found, made = prior_observations(store), Interventions(store).made()
    lengths = {one.stage: one.epochs for one in store.fact(STAGES) or []}
    for row in store.trials():
        if row.number in made and row.parent is not None:
            continue
        if row.searched and row.state.ended and row.state is not State.SKIPPED:
            if row.number in made and row.stage >= before:
                continue
            stage = EARLIER if row.number in made else row.stage
            score = sign * row.dev_score if row.state.comparable and row.dev_score is not None else math.nan
            loss = math.nan if row.dev_loss is None else row.dev_loss
            feasible = row.state is not State.INFEASIBLE
            settled = row.state is State.COMPLETE and row.epochs < lengths.get(row.stage, 0)
            found.append(
                Observation(row.number, stage, dict(row.hyperparameters), score, loss, feasible, settled=settled)
            )
    return found


def known_to(plan: SearchPlan, proposer: Proposer, store: Store, sign: float, stage: int) -> list[Observation]:
    """Read the finished trials as a search's proposer sees them: those of its own stages, before them all others."""
    every = observations(store, sign, stage)
    if proposer.space != Space.from_dict(plan.space):
        every = within(every, proposer.space)
    if not plan.first:
        return every
    own = [replace(one, stage=one.stage - plan.own) for one in every if one.stage >= plan.own]
    return [*begun_with((one for one in every if one.stage < plan.own), proposer.space), *own]


def search(
    executor: Executor,
    proposer: Proposer,
    schedule: Schedule,
    plan: SearchPlan,
    keep: Callable[[list[Outcome]], None] | None = None,
) -> list[StageRecord]:
    """Run all stages of a search, going on where an earlier process was stopped.

    Args:
        executor: where it happens.
        proposer: says what to try.
        schedule: says who goes on.
        plan: the search: its trials, its epochs, and which of the study's stages are its own.
        keep: takes the outcomes of a tile's trials that have ended, with the weights of the best and all evidence,
            before they are recorded; None if nobody needs them.

    Returns:
        For each stage of the study so far its name, trials, epochs, the region it searched and the ranges widened
        for it.
    """
    done = mark(f"searched{plan.label}")
    if executor.store.fact(done):
        return executor.store.fact(STAGES) or []
    stages = [one for one in (executor.store.fact(STAGES) or []) if one.stage < plan.first]
    if plan.warm:
        stages.append(_continued(executor, plan, schedule.patience(plan.epochs), keep))
    in_turn = StagesInTurn(executor.store, proposer, plan, executor.seed)
    while True:
        index = plan.own + len(in_turn.done)
        if stages and not executor.store.count(stage=index) and executor.late:
            break
        found = in_turn.next()
        if found is None:
            break
        own, asked = found
        _stage(executor, asked, schedule, plan, own, in_turn.epochs, stages, keep)
    for state, end in ((State.WAITING, State.SKIPPED), (State.RUNNING, State.STOPPED)):
        executor.store.set_states([row.number for row in executor.store.trials(state=state)], end)
    executor.store.set_fact(done, True)
    return stages


def _stage(
    executor: Executor,
    proposer: Proposer,
    schedule: Schedule,
    plan: SearchPlan,
    own: Stage,
    epochs: int,
    stages: list[StageRecord],
    keep: Callable[[list[Outcome]], None] | None,
) -> None:
    """Carry out one stage, unless an earlier process did, and record it behind those before it.

    Args:
        executor, schedule, plan, keep: as for `search`.
        proposer: says what to try in it.
        own: the stage, as its search counts them.
        epochs: of a full training.
        stages: those of the study so far; this one joins them.
    """
    store, stage = executor.store, replace(own, index=plan.own + own.index, name=own.name + plan.label)
    history = known_to(plan, proposer, store, executor.sign, stage.index)
    if not store.count(stage=stage.index):
        number = store.count()
        proposals = proposer.ask(own, own.trials, history)
        members = [Member(number + i, p.configuration, executor.seed) for i, p in enumerate(proposals)]
        executor.add(members, stage.index, Purpose.SEARCH, [None] * len(members))
    stages.append(
        StageRecord(
            stage.index,
            stage.name,
            stage.trials,
            stage.epochs,
            proposer.regions(own, history),
            [WideningRecord(**one.as_dict()) for one in proposer.widenings(own, history)],
        )
    )
    done = store.fact(mark(f"stage {stage.index}"))
    for one in () if done else stages[-1].widened:
        executor.progress.say(one.sentence)
    store.set_fact(STAGES, stages)
    if done:
        return
    space, patience = proposer.searched(own, history), schedule.patience(epochs)
    by_hand = MadeByHand(executor, space, stage.index, stage.epochs, patience, keep)
    with store.timed(stage.name, Interventions(store).stood_still):
        executor.progress.start(stage.name, stage.trials * stage.epochs)
        run_stage(executor, schedule, stage, space, patience, keep, by_hand.batches)
        executor.progress.finish()
    by_hand.train()
    store.set_fact(mark(f"stage {stage.index}"), True)


def _continued(
    executor: Executor, plan: SearchPlan, patience: int | None, keep: Callable[[list[Outcome]], None] | None
) -> StageRecord:
    """Let the trials that a search continues train on; return the stage that they are."""
    name = f"longer{plan.label}"
    if not executor.store.fact(mark(f"stage {plan.first}")):
        with executor.store.timed(name, Interventions(executor.store).stood_still):
            executor.progress.start(name, len(plan.warm) * plan.epochs)
            train_longer(executor, plan, patience, keep)
            executor.progress.finish()
        executor.store.set_fact(mark(f"stage {plan.first}"), True)
    return StageRecord(plan.first, name, len(plan.warm), plan.epochs)


def train_longer(
    executor: Executor, plan: SearchPlan, patience: int | None, keep: Callable[[list[Outcome]], None] | None
) -> None:
    """Carry out the first stage of a search that continues trials: copies of them train on to its epochs.

    What a copy goes on from is its parent trained again, which is the same to the bit.

    Args:
        executor: where it happens.
        plan: the search.
        patience: epochs without improvement before a trial stops.
        keep: takes the outcomes of a tile, as in `search`.
    """
    setting = Setting.load(executor.run)
    rows = executor.store.trials()
    if not executor.store.trials(stage=plan.first):
        copies = [
            _as_it_stands(executor.store, rows[parent], len(rows) + i, plan.first) for i, parent in enumerate(plan.warm)
        ]
        decided = RoundRecord(plan.first, 0, copies={one.number: plan.epochs for one in copies})
        executor.ledger.add_round(decided, copies)
    waiting = [row for row in executor.store.trials(stage=plan.first) if not row.state.ended]
    if not waiting:
        return

    def state(number: int, epochs: int) -> Job:
        return again(setting, executor.store, executor.setup, rows[rows[number].origin])

    rows = executor.store.trials()
    options = TrainOptions(patience, plan.epochs, state=state)
    if keep is not None:
        options = replace(options, best=True, each=keep)
    executor.train(waiting, {row.number: plan.epochs for row in waiting}, options)


def _as_it_stands(store: Store, parent: Trial, number: int, stage: int) -> Trial:
    """A copy of a trial with the hyperparameters that it ended with."""
    return parent.copy(number, stage, values_after(store, parent, parent.epochs))
