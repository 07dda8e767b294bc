"""How long trials train: as their stage does, or as long as a hand asked."""

from __future__ import annotations

from dataclasses import dataclass

from ikura.search import schedule
from ikura.study.record.facts import STAGES
from ikura.study.record.intervention import Action
from ikura.study.record.interventions import Interventions
from ikura.study.record.search_budget import full_epochs
from ikura.study.record.search_plans import found_in, plans
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.trial import Trial

__all__ = ["Goal", "Goals"]


@dataclass(frozen=True)
class Goal:
    """How long a trial trains.

    Attributes:
        epochs: of its whole training, at which learning-rate schedules end.
        patience: epochs without improvement before it stops; None never stops it.
    """

    epochs: int
    patience: int | None


class Goals:
    """How long the trials of a study train: a function of what is on record.

    Args:
        setting: of the study.
        store: of the study.
    """

    def __init__(self, setting: Setting, store: Store) -> None:
        self.store, self.schedule = store, schedule(setting.schedule)
        self.searches = plans(setting, store)
        self.stages = {one.stage: one.epochs for one in store.fact(STAGES) or []}
        self.made = {one.made: one for one in Interventions(store).making()}

    def by_hand(self, number: int) -> int | None:
        """Epochs that a hand asked for, of a trial or of the one that it was forked from; None if it did not."""
        one = self.made.get(number)
        if one is None or one.trial is None:
            return None
        return int(one.values["epochs"]) if one.action is Action.LONGER else self.by_hand(one.trial)

    def of(self, trial: Trial) -> Goal:
        """How long a trial trains, a finalist included."""
        stage = trial.stage if trial.stage in self.stages else self._stage_of(trial.configuration)
        full = full_epochs(self.store, found_in(stage, self.searches), trial.number)
        asked = self.by_hand(trial.configuration)
        if asked is None:
            return Goal(self.stages.get(trial.stage, full), self.schedule.patience(full))
        if trial.searched:
            return Goal(max(asked, self.stages.get(trial.stage, full)), None)
        return Goal(asked, self.schedule.patience(asked))

    def in_full(self, number: int) -> int:
        """Epochs for which a configuration of the search is trained again as a finalist."""
        full = full_epochs(self.store, found_in(self._stage_of(number), self.searches))
        return self.by_hand(number) or full

    def _stage_of(self, number: int) -> int:
        trial = self.store.trial(number)
        assert trial is not None
        return trial.stage
