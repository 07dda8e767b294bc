"""The stages of a search, one after another: as they were planned, or as a hand changed the budget and the space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ikura.errors import SpaceError
from ikura.exchange.prior import fitted
from ikura.search import Observation, Proposer, Stage
from ikura.space import Space
from ikura.study.record.changed_space import changed, space_changes, space_from
from ikura.study.record.decision import SearchPlan
from ikura.study.record.intervention import Action
from ikura.study.record.interventions import Interventions
from ikura.study.record.search_budget import full_epochs, full_trials
from ikura.study.record.store import Store

__all__ = ["StagesInTurn", "following", "within"]


def following(proposer: Proposer, plan: SearchPlan, done: Sequence[Stage], trials: int, epochs: int) -> Stage | None:
    """The stage after some, under a budget that may be another than the plan's; None where there is none.

    What is left of the trials is shared by the stages that are left, as they were planned to share theirs; where none
    are, it is a stage of its own.

    Args:
        proposer: lays out the stages.
        plan: the search as it was planned.
        done: the stages until now, as they were.
        trials, epochs: the budget of the whole search.
    """
    planned = proposer.stages(plan.trials, plan.epochs)
    as_planned = [one.trials for one in done] == [one.trials for one in planned[: len(done)]]
    rest = planned[len(done) :]
    if (trials, epochs) == (plan.trials, plan.epochs) and as_planned:
        return rest[0] if rest else None
    left = trials - sum(one.trials for one in done)
    if left <= 0:
        return None
    if not rest:
        more = len(done) - len(planned)
        return Stage(len(done), f"more {more + 1}" if more else "more", left, epochs)
    share = left * rest[0].trials / sum(one.trials for one in rest)
    count = left if len(rest) == 1 else min(left, max(1, round(share)))
    length = epochs if len(rest) == 1 else max(1, round(rest[0].epochs * epochs / plan.epochs))
    return replace(rest[0], trials=count, epochs=length, again=min(rest[0].again, count))


def within(known: Sequence[Observation], space: Space) -> list[Observation]:
    """The observations that lie in a space, as configurations of it."""
    refitted = ((one, fitted(one.configuration, space)) for one in known)
    return [replace(one, configuration=found) for one, found in refitted if found is not None]


@dataclass
class StagesInTurn:
    """The stages of a search as they come, each with its proposer.

    What a hand asks of the search takes effect between two stages. From how many proposals on is put on record, so that
    a resumed search has the same stages.

    Attributes:
        store: of the study.
        proposer: of the search as it was planned.
        plan: the search.
        seed: of the study.
        done: the stages until now.
    """

    store: Store
    proposer: Proposer
    plan: SearchPlan
    seed: int
    done: list[Stage] = field(default_factory=list)
    epochs: int = 0
    """Of a full training, as of the stage that came last."""

    def next(self) -> tuple[Stage, Proposer] | None:
        """The next stage, as its proposer counts them, and the proposer; None at the end."""
        rows = self.store.trials(stage=self.plan.own + len(self.done))
        proposed = rows[0].number if rows else self.store.count()
        if not rows:
            self._settle(proposed, Action.BUDGET)
        self.epochs = full_epochs(self.store, self.plan, proposed)
        trials = full_trials(self.store, self.plan, proposed)
        stage = following(self.proposer, self.plan, self.done, trials, self.epochs)
        if stage is None:
            return None
        if not rows:
            self._settle(proposed, Action.RANGE, Action.ADD, Action.BAN)
        self.done.append(stage)
        return stage, self._proposer(proposed)

    def _proposer(self, proposed: int) -> Proposer:
        """The proposer for what is proposed from then on."""
        if not space_changes(self.store, proposed):
            return self.proposer
        space = space_from(self.store, Space.from_dict(self.plan.space), proposed)
        return replace(self.plan, space=space.as_dict()).proposer(self.proposer.name, self.seed)

    def _settle(self, proposed: int, *actions: Action) -> None:
        """Let what is asked take effect from so many proposals on, or refuse it."""
        interventions = Interventions(self.store)
        for one in interventions.unsettled():
            if one.action not in actions:
                continue
            try:
                if one.action is not Action.BUDGET:
                    changed(space_from(self.store, Space.from_dict(self.plan.space), proposed), [one])
            except SpaceError as error:
                interventions.refuse(one.number, str(error))
            else:
                interventions.apply(one.number, proposed)
