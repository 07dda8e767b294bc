"""Trials that a hand makes: forks, which go on from an epoch of another trial with other values, and injected ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ikura.exchange.prior import fitted
from ikura.population.job import Outcome
from ikura.population.member import Member
from ikura.space import Space
from ikura.study.buildable import unbuildable
from ikura.study.executor import Executor, TrainingState, TrainOptions
from ikura.study.network_cost import too_large
from ikura.study.record.interventions import Action, Intervention, Interventions
from ikura.study.record.setting import Setting
from ikura.study.record.trial import Purpose, Trial
from ikura.study.replay import trained_again
from ikura.study.steered import values_after
from ikura.study.training_states import as_copy
from ikura.trial_state import State

__all__ = ["train_made"]


def train_made(
    executor: Executor,
    space: Space,
    stage: int,
    epochs: int,
    patience: int | None,
    keep: Callable[[list[Outcome]], None] | None,
) -> None:
    """Make the trials that are asked for, and train them, until no more are asked for.

    A fork goes on from its parent trained again until that epoch, which is the same to the bit.

    Args:
        executor: where it happens.
        space: what is searched.
        stage: index of the stage that the trials belong to.
        epochs: to which they train.
        patience: epochs without improvement before one stops.
        keep: takes the outcomes of a tile, as in `search`.
    """
    interventions = Interventions(executor.store)
    while not executor.late:
        for one in interventions.open():
            if one.action is Action.FORK:
                _fork(executor, one, stage, epochs)
            elif one.action is Action.INJECT:
                _inject(executor, one, space, stage)
        made = interventions.made()
        waiting = [row for row in executor.store.trials(stage=stage, state=State.WAITING) if row.number in made]
        if not waiting:
            return
        _train(executor, waiting, epochs, patience, keep)


def _inject(executor: Executor, one: Intervention, space: Space, stage: int) -> None:
    """Make a trial of a configuration, or refuse it."""
    interventions, store = Interventions(executor.store), executor.store
    configuration = fitted(one.values, space)
    if configuration is None:
        interventions.refuse(one.number, "the space that is searched has no such configuration")
        return
    member = Member(store.count(), configuration, executor.seed)
    setup, most = executor.setup, executor.objectives.max_parameters
    bad = unbuildable(setup, [member]) or too_large(setup, [member], most)
    state = State.INFEASIBLE if bad else State.WAITING
    trial = Trial(member.number, Purpose.SEARCH, stage, member.seed, configuration, state=state)
    interventions.make(one.number, trial)


def _fork(executor: Executor, one: Intervention, stage: int, epochs: int) -> None:
    """Make the trial that a fork is, or refuse it; one whose parent has not come so far waits."""
    interventions, store = Interventions(executor.store), executor.store
    assert one.trial is not None
    parent = store.trial(one.trial)
    assert parent is not None
    at = parent.epochs if one.at is None and parent.state.ended else one.at
    if at is None or (at > parent.epochs and not parent.state.ended):
        return
    if at > parent.epochs:
        interventions.refuse(one.number, f"trial {parent.number} ended after {parent.epochs} epochs")
    elif at == parent.epochs and parent.state.failed:
        interventions.refuse(one.number, f"trial {parent.number} came to nothing ({parent.state}) in epoch {at}")
    elif at >= epochs:
        interventions.refuse(one.number, f"a trial trains {epochs} epochs, and so many has trial {parent.number}")
    else:
        begun = replace(parent, epochs=at)
        values = values_after(store, parent, at) | dict(one.values)
        interventions.make(one.number, begun.copy(store.count(), stage, values))


def _train(
    executor: Executor,
    waiting: list[Trial],
    epochs: int,
    patience: int | None,
    keep: Callable[[list[Outcome]], None] | None,
) -> None:
    setting, rows = Setting.load(executor.run), executor.store.trials()

    def state(number: int, since: int) -> TrainingState:
        parent = rows[rows[number].origin]
        outcome = trained_again(setting, executor.store, executor.setup, executor.engine, parent, until=since)
        assert outcome.going_on is not None
        return as_copy(outcome.going_on)

    options = TrainOptions(patience, epochs, state=state)
    if keep is not None:
        options = replace(options, best=True, each=keep)
    left = sum(epochs - row.epochs for row in waiting)
    with executor.store.timed("by hand"):
        executor.progress.start("by hand", left)
        executor.train(waiting, {row.number: epochs for row in waiting}, options)
        executor.progress.finish()
