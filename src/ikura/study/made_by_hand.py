"""Trials that a hand makes: forks, copies that train longer, and configurations of one's own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ikura.exchange.prior import fitted
from ikura.population.job import Job
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.space import Space
from ikura.study.batch import Batch, TrainOptions
from ikura.study.executor import Executor
from ikura.study.goals import Goals
from ikura.study.record.intervention import Action, Intervention, Status
from ikura.study.record.interventions import Interventions
from ikura.study.record.setting import Setting
from ikura.study.record.trial import Purpose, Trial
from ikura.study.retraining import again
from ikura.study.steered import values_after
from ikura.trial_state import State

__all__ = ["MadeByHand"]


@dataclass
class MadeByHand:
    """Makes the trials of a stage that are asked for, and trains them.

    A fork goes on from its parent trained again until that epoch, which is the same to the bit.

    Attributes:
        executor: where it happens.
        space: what is searched.
        stage: index of the stage that the trials belong to.
        epochs: to which they train, unless others were asked for.
        patience: epochs without improvement before one stops.
        keep: takes the outcomes of a tile, as in `search`.
    """

    executor: Executor
    space: Space
    stage: int
    epochs: int
    patience: int | None
    keep: Callable[[list[Outcome]], None] | None

    def train(self) -> None:
        """Train what is left, until no more is asked for; when the time is over, only end what was being trained."""
        executor = self.executor
        while True:
            late = executor.late
            batches = self._interrupted() if late else self.batches()
            if not batches:
                break
            with executor.store.timed("by hand", Interventions(executor.store).stood_still):
                ways = [sum(one.until[row.number] - row.epochs for row in one.rows) for one in batches]
                executor.progress.start("by hand", sum(ways))
                beside = None if late else partial(self._others, {row.number for one in batches for row in one.rows})
                for place, one in enumerate(batches):
                    had, ended = sum(row.epochs for row in one.rows), sum(len(other.rows) for other in batches[:place])
                    executor.train(one.rows, one.until, one.options, (sum(ways[:place]) - had, ended), beside)
                executor.progress.finish()
            if late:
                break

    def _others(self, known: Collection[int]) -> list[Batch]:
        """What is asked for while others train, which it does not wait for: it is trained before what waits of them."""
        rows = [(one, [row for row in one.rows if row.number not in known]) for one in self.batches()]
        return [replace(one, rows=some) for one, some in rows if some]

    def batches(self) -> list[Batch]:
        """Make what is asked for and can be made by now; return it, and what was made before, if it has not ended."""
        interventions = Interventions(self.executor.store)
        for one in interventions.unsettled():
            if one.action is Action.INJECT:
                self._inject(one)
            elif one.action.makes:
                self._copy(one)
        return self._waiting()

    def _interrupted(self) -> list[Batch]:
        """What a process that was killed left in tiles of which there are snapshots."""
        batches = self._waiting()
        left = self.executor.interrupted([row.number for one in batches for row in one.rows])
        begun = [replace(one, rows=[row for row in one.rows if row.number in left]) for one in batches]
        return [one for one in begun if one.rows]

    def _waiting(self) -> list[Batch]:
        """What was made and has not ended."""
        interventions = Interventions(self.executor.store)
        made = [self.executor.store.trial(number) for number in sorted(interventions.made())]
        waiting = [row for row in made if row is not None and row.stage == self.stage and not row.state.ended]
        if not waiting:
            return []
        goals = Goals(Setting.load(self.executor.run), self.executor.store)
        alike: dict[tuple[int, int | None], list[Trial]] = {}
        for row in waiting:
            by_hand = goals.by_hand(row.number) is not None
            goal = (goals.of(row).epochs, None) if by_hand else (self.epochs, self.patience)
            alike.setdefault(goal, []).append(row)
        return [self._batch(some, *goal) for goal, some in alike.items()]

    def _batch(self, waiting: list[Trial], epochs: int, patience: int | None) -> Batch:
        executor = self.executor

        def state(number: int, since: int) -> Job:
            parent = executor.store.trial(parents[number])
            assert parent is not None
            return again(Setting.load(executor.run), executor.store, executor.setup, parent, since)

        parents = {row.number: row.origin for row in waiting if row.parent is not None}
        options = TrainOptions(patience, epochs, state=state)
        if self.keep is not None:
            options = replace(options, best=True, each=self.keep)
        return Batch(waiting, dict.fromkeys((row.number for row in waiting), epochs), options)

    def _inject(self, one: Intervention) -> None:
        """Make a trial of a configuration, or refuse it."""
        executor, interventions = self.executor, Interventions(self.executor.store)
        configuration = fitted(one.values, self.space)
        if configuration is None:
            interventions.refuse(one.number, "the space that is searched has no such configuration")
            return
        member = Member(executor.store.count(), configuration, executor.seed)
        state = State.INFEASIBLE if executor.infeasible([member])[1] else State.WAITING
        trial = Trial(member.number, Purpose.SEARCH, self.stage, member.seed, configuration, state=state)
        interventions.make(one.number, trial)

    def _copy(self, one: Intervention) -> None:
        """Make the trial that a fork or a longer training is, or refuse it; one whose parent is not so far waits."""
        interventions, store = Interventions(self.executor.store), self.executor.store
        assert one.trial is not None
        parent = store.trial(one.trial)
        assert parent is not None
        longer = one.action is Action.LONGER
        ended = parent.state.ended
        stands = ended or interventions.paused().get(parent.number, -1) == parent.epochs
        at = parent.epochs if (longer and ended) or (not longer and one.at is None and stands) else one.at
        if at is None or (at > parent.epochs and not ended):
            if longer and one.state is Status.ASKED:
                interventions.accept(one.number)
            return
        epochs = int(one.values["epochs"]) if longer else self._epochs_of(parent)
        if at > parent.epochs:
            interventions.refuse(one.number, f"trial {parent.number} ended after {parent.epochs} epochs")
        elif at == parent.epochs and parent.state.failed:
            interventions.refuse(one.number, f"trial {parent.number} came to nothing ({parent.state}) in epoch {at}")
        elif at >= epochs:
            interventions.refuse(one.number, f"a trial trains {epochs} epochs, and so many has trial {parent.number}")
        elif parent.state is State.SKIPPED:
            interventions.refuse(one.number, f"trial {parent.number} never began")
        else:
            values: Mapping[str, object] = values_after(store, parent, at) | ({} if longer else dict(one.values))
            interventions.make(one.number, replace(parent, epochs=at).copy(store.count(), self.stage, values))

    def _epochs_of(self, parent: Trial) -> int:
        """Epochs to which a fork trains: those of the stage, or more if its parent does."""
        goals = Goals(Setting.load(self.executor.run), self.executor.store)
        return max(self.epochs, goals.by_hand(parent.number) or 0)
