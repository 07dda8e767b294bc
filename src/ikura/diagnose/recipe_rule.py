"""What the rules of the recipe look at, and what they have to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ikura.diagnose.importance import importance_of
from ikura.diagnose.space_borders import Border, borders
from ikura.errors import SpaceError
from ikura.metric.estimate import percent
from ikura.nn.zoo.cnn import CNN_DEFAULTS
from ikura.space import DEFAULTS, Parameter, Space, choice
from ikura.space._base import Configuration
from ikura.space.effective import effective
from ikura.space.effects import Place
from ikura.space.limits import BOUNDS
from ikura.study.record.diagnosis import Diagnosis, Gap, worth_effort
from ikura.study.record.earlier_study import Change
from ikura.study.record.networks import OWN, known_names
from ikura.study.record.prior_trials import prior_of
from ikura.study.record.record import Record
from ikura.study.record.setting import Setting
from ikura.study.record.study_tables import row_of
from ikura.study.record.trial import Purpose, Trial

if TYPE_CHECKING:
    import pandas as pd

    from ikura.diagnose.learning_curve import LearningCurve
    from ikura.exchange.prior import Prior

__all__ = ["Advice", "Rule", "RuleContext", "between", "searching"]


@dataclass(frozen=True)
class Advice:
    """What a rule has to say: how strongly (0 to 1), why, what to expect, what to change or which command to run."""

    strength: float
    reason: str
    expected: str = ""
    change: Change = field(default_factory=Change)
    command: str | None = None


def searching(space: Mapping[str, Parameter]) -> Change:
    """The change of a study that searches these ranges."""
    return Change({name: one.as_dict() for name, one in space.items()})


def between(one: Gap) -> str:
    """Write a gap with its interval."""
    return f"{percent(one.value)} (95 % interval {percent(one.low)} to {percent(one.high)})"


@dataclass(frozen=True)
class RuleContext:
    """What rules look at.

    Attributes:
        diagnosis: of the study.
        record: of the study.
        trials: `record.trials`.
        setting: how it searched, or the search that found the chosen trial did.
        epochs: of a full training.
        space: as it was searched, ranges that the search widened included.
        number: the chosen trial.
        hyperparameters: its configuration.
        dev: its dev score.
        borders: borders of the space that good trials press against.
        curve: the study's learning curve, where there is one.
        more: networks with further seeds that the diagnosis rests on, beside the study's own.
    """

    diagnosis: Diagnosis
    record: Record
    trials: pd.DataFrame
    setting: Setting
    epochs: int
    space: Space
    number: int
    hyperparameters: Mapping[str, Any]
    dev: float
    borders: Sequence[Border]
    curve: LearningCurve | None = None
    more: int = 0

    @staticmethod
    def of(diagnosis: Diagnosis, record: Record, curve: LearningCurve | None = None, more: int = 0) -> RuleContext:
        """What rules look at in a study that has chosen."""
        best, space = record.best, record.searched
        assert best is not None
        trials = record.trials
        pressed = borders(trials, space, record.metric.greater_is_better, best.hyperparameters)
        chosen = (best.number, best.hyperparameters, best.dev)
        looked_at = (diagnosis, record, trials, record.setting, record.epochs, space)
        return RuleContext(*looked_at, *chosen, pressed, curve, more)

    @cached_property
    def values(self) -> Configuration:
        """The chosen configuration, with the defaults of what it does not name."""
        network = CNN_DEFAULTS if self.network == "cnn" else {}
        return {**DEFAULTS, **network, **self.hyperparameters}

    @cached_property
    def row(self) -> Trial:
        """The chosen configuration as it was trained in full: of its finalists the one with the latest best epoch."""
        again = self.record.store.trials(parent=self.number, purpose=Purpose.FINALIST)
        return max(
            [row for row in again if row.best_epoch] or [row_of(self.record.store, self.number)],
            key=lambda row: row.best_epoch or 0,
        )

    @property
    def network(self) -> str:
        """Name of the network."""
        return self.setting.network

    @property
    def images(self) -> bool:
        """Whether the data are images."""
        return bool(self.record.summary.get("images"))

    @property
    def source(self) -> str:
        """What the data are called."""
        return PurePath(str(self.record.summary.get("source") or "the data")).name

    @property
    def rows(self) -> int:
        """Training examples."""
        return int(self.record.summary["parts"]["train"])

    @cached_property
    def shares(self) -> dict[str, float]:
        """Importance of the hyperparameters that mattered beyond chance."""
        table = importance_of(self.record)
        rows = table[["hyperparameter", "importance", "chance"]].to_numpy(object)
        return {name: share for name, share, chance in rows if not share <= chance}

    @cached_property
    def known(self) -> Prior:
        """What the study's trials tell another search."""
        return prior_of(self.record, self.trials)

    def can(self, name: str) -> bool:
        """Whether the network or its training reads a hyperparameter, and it can have an effect."""
        if name not in self.space and name not in (BOUNDS if self.network == OWN else known_names(self.network)):
            return False
        try:
            effective(self.space.replace(**{name: choice(1, 2)}), Place(self.network, self.record.task), opens=False)
        except SpaceError as error:
            return not str(error).startswith(f"[{name}] ")
        return True

    def mattered(self, names: Iterable[str]) -> str:
        """Say which of some hyperparameters made a difference between trials, and how much."""
        told = [f"{name} made {100 * self.shares[name]:.0f} %" for name in names if name in self.shares]
        return f" {' and '.join(told)} of the difference between trials." if told else ""

    @property
    def bias_sentence(self) -> str:
        """How high the bias is, without the full stop."""
        one = self.diagnosis
        return f"The training error is {percent(one.fit.value)}, a bias of {between(one.bias)}"

    @property
    def variance_sentence(self) -> str:
        """How high the variance is, without the full stop."""
        one = self.diagnosis
        return f"The dev error of {percent(one.dev.value)} lies {between(one.variance)} above the training error"

    def diagnose_again(self, asked: str) -> str:
        """The command that diagnoses again as it was done, with something more."""
        one = self.diagnosis
        words = ["ikura", "diagnose", self.record.words, asked]
        known = {"given": "--bayes-error", "human": "--human-error"}.get(one.optimal_source)
        if known is not None and one.optimal is not None:
            words.append(f"{known} {one.optimal.value:.12g}")
        if one.worth != worth_effort(one.constant):
            words.append(f"--worth {one.worth:.12g}")
        return " ".join(words)


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it is against, who recommends it, what it looks at, and whether it is for images alone."""

    name: str
    against: str
    source: str
    asks: Callable[[RuleContext], Advice | None]
    images: bool = False
