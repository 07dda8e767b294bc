"""The networks of the chosen configuration: their rows, weights and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.diagnose.error_rates import MOST_EXAMPLES, MOST_IMAGES
from ikura.errors import UsageError
from ikura.files import shown
from ikura.metric import Metric
from ikura.metric import metric as metric_of
from ikura.population.changes import Change
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.network_setup import Network
from ikura.population.setup import TrainingSetup
from ikura.study.choice import Retrain, load_network, predictions
from ikura.study.record.facts import BEST, BestRecord
from ikura.study.record.record import Record
from ikura.study.record.trial import Trial
from ikura.study.replay import replay
from ikura.study.steered import ConfigurationCourse, course_of
from ikura.trial_state import State

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["Chosen", "chosen_rows"]


@dataclass(frozen=True)
class Chosen:
    """The configuration that a study chose, with its networks.

    Attributes:
        run: the run folder.
        setup: training and dev examples, task, network.
        rows: the trials whose networks they are: the finalists with other seeds, or the search's own.
        metric: what the study compared by.
        seed: the study's.
        course: how the configuration came to its weights: with what it began, and what changed on the way.
        more: networks of the last rows, which were trained since and whose weights are not in the run.
        retrain: trains a trial again whose weights are missing or damaged; None where that was done.
    """

    run: Path
    setup: TrainingSetup
    rows: Sequence[Trial]
    metric: Metric
    seed: int
    course: ConfigurationCourse
    more: Sequence[Network] = ()
    retrain: Retrain | None = None

    @classmethod
    def of(cls, record: Record, setup: TrainingSetup) -> Chosen:
        """Find the choice of a study.

        Raises:
            UsageError: there is none.
        """
        setting = record.setting
        rows = chosen_rows(record.run, record.store.fact(BEST), record.records())
        return cls(
            record.run,
            setup,
            rows,
            metric_of(setting.metric, setting.task),
            setting.seed,
            course_of(record.store, rows[0].configuration),
            retrain=partial(replay, record),
        )

    def again(
        self, number: int, seed: int, given: Mapping[str, Any] | None = None, stretch: float = 1.0
    ) -> tuple[Member, tuple[Change, ...]]:
        """The configuration to be trained from the start: as it began, and what a hand or a schedule changed since.

        Args:
            number: of the member.
            seed: of the member.
            given: values that it has from beginning to end in place of its own.
            stretch: how many times as many epochs it trains, so that changes come as much later.
        """
        kept, given = [], given or {}
        for epoch, values in self.course.steps:
            own = {name: value for name, value in values.items() if name not in given}
            kept += [Change(number, round(epoch * stretch), own)] if own else []
        return Member(number, {**self.course.began, **given}, seed), tuple(kept)

    @cached_property
    def networks(self) -> list[Network]:
        """The networks, in evaluation mode."""
        kept = self.rows[: len(self.rows) - len(self.more)]
        return [*(load_network(self.setup, self.run, trial, self.retrain) for trial in kept), *self.more]

    @cached_property
    def train(self) -> Examples:
        """The training examples that the training error is measured on."""
        train = self.setup.train
        most = MOST_EXAMPLES if len(train.shape) == 1 else MOST_IMAGES
        return train.sample(most, self.seed, "diagnosis")

    def predicted(self, examples: Examples) -> list[np.ndarray]:
        """What each network predicts."""
        return [predictions(self.setup, one, examples) for one in self.networks]


def chosen_rows(run: Path, best: BestRecord | None, rows: Sequence[Trial]) -> list[Trial]:
    """The trials that a study's choice rests on."""
    if best is None:
        raise UsageError(
            f"{shown(run)}: no network was chosen yet, so there is nothing to diagnose; "
            f"`ikura resume {quote(shown(run))}` ends it"
        )
    again = [
        trial
        for trial in rows
        if not trial.searched and trial.parent == best.number and trial.state.trained and trial.dev_score is not None
    ]
    whole = [trial for trial in again if trial.state is State.COMPLETE] or again
    mean = float(np.mean([trial.score for trial in whole])) if whole else np.nan
    if whole and abs(mean - best.dev) <= 1e-9 * max(1.0, abs(mean)):
        return whole
    return [rows[best.model]]
