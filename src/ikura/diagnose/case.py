"""What the rules of the recipe look at, and what they have to say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ikura.diagnose.diagnosis import Diagnosis
from ikura.diagnose.prescription import Change
from ikura.errors import SpaceError
from ikura.space import DEFAULTS, Space, choice
from ikura.space.effective import effective
from ikura.space.effects import Place
from ikura.space.limits import BOUNDS

if TYPE_CHECKING:
    from ikura.api.study import Study
    from ikura.diagnose.learning_curve import LearningCurve
    from ikura.exchange.prior import Prior

__all__ = ["Advice", "Case"]


@dataclass(frozen=True)
class Advice:
    """What a rule has to say: how strongly (0 to 1), why, what to expect, what to change or which command to run."""

    strength: float
    reason: str
    expected: str = ""
    change: Change = field(default_factory=Change)
    command: str | None = None


@dataclass(frozen=True)
class Case:
    """What rules look at.

    Attributes:
        diagnosis: of the study.
        study: the study.
        curve: its learning curve, where there is one.
        more: networks with further seeds that the diagnosis rests on, beside the study's own.
    """

    diagnosis: Diagnosis
    study: Study
    curve: LearningCurve | None = None
    more: int = 0

    @cached_property
    def space(self) -> Space:
        """The space as it was searched, ranges that the search widened included."""
        return self.study.searched

    @cached_property
    def values(self) -> dict[str, Any]:
        """The chosen configuration, with the defaults of what it does not name."""
        from ikura.nn.zoo.cnn import CNN_DEFAULTS

        best = self.study.best
        network = CNN_DEFAULTS if self.network == "cnn" else {}
        return {**DEFAULTS, **network, **(best.hyperparameters if best else {})}

    @cached_property
    def row(self) -> dict[str, Any]:
        """The chosen configuration as it was trained in full: of its finalists the one with the latest best epoch."""
        best, rows = self.study.best, self.study.records()
        assert best is not None
        again = [row for row in rows if row["purpose"] == "finalist" and row["parent"] == best.number]
        return max(
            [row for row in again if row["best_epoch"]] or [row for row in rows if row["number"] == best.number],
            key=lambda row: row["best_epoch"] or 0,
        )

    @property
    def network(self) -> str:
        """Name of the network."""
        return self.study.setting.network

    @property
    def images(self) -> bool:
        """Whether the data are images."""
        return bool(self.study.summary.get("images"))

    @property
    def source(self) -> str:
        """What the data are called."""
        return PurePath(str(self.study.summary.get("source") or "the data")).name

    @property
    def rows(self) -> int:
        """Training examples."""
        return int(self.study.summary["parts"]["train"])

    @cached_property
    def shares(self) -> dict[str, float]:
        """Importance of the hyperparameters that mattered beyond chance."""
        table = self.study.importance().to_dict("records")
        return {row["hyperparameter"]: row["importance"] for row in table if not row["importance"] <= row["chance"]}

    @cached_property
    def known(self) -> Prior:
        """What the study's trials tell another search."""
        from ikura.study.record.prior import prior_of

        return prior_of(self.study)

    def can(self, name: str) -> bool:
        """Whether the network or its training reads a hyperparameter, and it can have an effect."""
        from ikura.study.record.networks import OWN, known_names

        if name not in self.space and name not in (BOUNDS if self.network == OWN else known_names(self.network)):
            return False
        try:
            effective(self.space.replace(**{name: choice(1, 2)}), Place(self.network, self.study.task), opens=False)
        except SpaceError as error:
            return not str(error).startswith(f"[{name}] ")
        return True

    def mattered(self, names: Iterable[str]) -> str:
        """Say which of some hyperparameters made a difference between trials, and how much."""
        told = [f"{name} made {100 * self.shares[name]:.0f} %" for name in names if name in self.shares]
        return f" {' and '.join(told)} of the difference between trials." if told else ""
